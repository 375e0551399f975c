"""Why this class: heat maps of a run's network, each with its test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet.evaluation.predict import predict_images, read_image
from alexnet.inspection.attribution import AttributionMap, attribute_all
from alexnet.inspection.faithfulness import Faithfulness, check_maps
from alexnet.progress_callback import Progress
from alexnet.records import Prediction, Record
from alexnet.runs.run import Model, as_classifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Explanation", "draw_explanations", "explain"]

MOST_DRAWN = 40
"""Heat maps in one figure; a longer one no longer opens everywhere."""

MOST_FILE, MOST_CLASS = 34, 24
"""Characters of the names of a file and of a class on a figure, at most."""


@dataclass(frozen=True, eq=False)
class Explanation(Record):
    """A heat map of one image and class, and what its test says.

    Args:
        file: the image.
        prediction: what the network says about it.
        map: how much each pixel supports the class.
        test: how the map's order of the image's parts compares with random orders and with the center outward.
    """

    file: str
    prediction: Prediction
    map: AttributionMap
    test: Faithfulness

    def to_dict(self) -> dict[str, Any]:
        """As plain data: scores and verdict, without the map's values."""
        values = self.map.to_dict()
        del values["values"]
        return {
            "file": self.file,
            "predicted": self.prediction.predicted,
            "probability": self.prediction.probability,
            **values,
            **self.test.to_dict(),
            "own": self.test.own.to_dict(),
            "random": self.test.random.to_dict(),
            "best_random": self.test.best_random.to_dict(),
            "blob": self.test.blob.to_dict(),
            "randomized": self.test.randomized.to_dict(),
            "says_something": self.test.says_something,
            "verdict": str(self.test),
        }


def explain(
    model: Model,
    images: Sequence[Path | str] | Path | str,
    *,
    target: str | None = None,
    method: str = "grad-cam",
    layer: str | None = None,
    against: str | None = None,
    on_progress: Progress | None = None,
) -> tuple[Explanation, ...]:
    """Compute heat maps of the part of each image that supports a class, and test whether they mean anything.

    Args:
        model: a network, a run, or the path of a run's folder.
        images: image files.
        target: a class; by default the predicted one of each image.
        method: `grad-cam`, `hires-cam`, `occlusion`, `integrated-gradients`, `guided-backprop` or `deconvolution`.
        layer: for Grad-CAM, by default the last convolutional layer with kernels larger than 1 x 1; for HiResCAM, by
            default the first.
        against: another class. Each image then gets two maps: what supports the target rather than this class,
            and the reverse.
        on_progress: called with (maps and tests done, maps and tests in all).

    Raises:
        DataError: an image cannot be read.
        RecipeError: there is no such method or class, or Captum is not installed.
        GeometryError: the layer is not convolutional.

    >>> (explanation,) = alexnet.explain("runs/first", "photo.jpg")
    >>> explanation.map.method, explanation.map.layer
    ('grad-cam', 'conv5')
    >>> pair = alexnet.explain("runs/first", "photo.jpg", target="down", against="rings")
    >>> [(each.map.target, each.map.against) for each in pair]
    [('down', 'rings'), ('rings', 'down')]
    """
    classifier = as_classifier(model)
    paths = [images] if isinstance(images, Path | str) else list(images)
    wanted: list[tuple[str, Prediction, np.ndarray, str, str | None]] = []
    for path, prediction in zip(paths, predict_images(classifier, paths), strict=True):
        pixels, one = read_image(path, classifier), target or prediction.predicted
        pairs = [(one, against)] if against is None else [(one, against), (against, one)]
        wanted += [(str(path), prediction, pixels, *pair) for pair in pairs]

    def show(done: int) -> None:
        if on_progress:
            on_progress(done, 2 * len(wanted))

    files, predictions, inputs, targets, others = zip(*wanted, strict=True) if wanted else ((),) * 5
    heats = attribute_all(
        classifier,
        inputs,
        targets,
        method=method,
        layer=layer,
        against=others,
        on_progress=lambda done, _: show(done),
    )
    tests = check_maps(classifier, heats, on_progress=lambda done, _: show(len(wanted) + done))
    return tuple(Explanation(*row) for row in zip(files, predictions, heats, tests, strict=True))


def draw_explanations(explanations: Sequence[Explanation]) -> "Figure":
    """Draw each image, its heat map and the map that random weights give, with the test's verdict below.

    Of many maps the first 40 are drawn.

    >>> figure = alexnet.draw_explanations(alexnet.explain("runs/first", "photo.jpg"))
    """
    from alexnet.figures.canvas import shorten
    from alexnet.figures.heat_maps import HeatMapRow, draw_heat_maps

    rows = [
        HeatMapRow(
            image=each.map.image,
            heat=each.map.values,
            randomized=each.test.randomized_map,
            similarity=each.test.similarity,
            title=f"{shorten(Path(each.file).name, MOST_FILE)}: {shorten(each.prediction.predicted, MOST_CLASS)} "
            f"{100 * each.prediction.probability:.0f} %",
            caption=f"for {_class_words(each.map)}, {each.map.method}"
            + (f" at {each.map.layer}" if each.map.layer else ""),
            verdict=str(each.test) + (f"; warning: {each.map.warning}" if each.map.warning else ""),
            says_something=each.test.says_something,
        )
        for each in explanations[:MOST_DRAWN]
    ]
    return draw_heat_maps(rows, num_left_out=len(explanations) - len(rows))


def _class_words(heat_map: AttributionMap) -> str:
    from alexnet.figures.canvas import shorten

    against = f" rather than {shorten(heat_map.against, MOST_CLASS)}" if heat_map.against else ""
    return shorten(heat_map.target, MOST_CLASS) + against
