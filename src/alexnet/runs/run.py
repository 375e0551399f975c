"""A finished or running training, opened: scores, mistakes, network, figures."""

import contextlib
import html
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet.data.decode import Pixels
from alexnet.errors import DataError
from alexnet.evaluation.mistakes import MistakeOrder, find_mistakes
from alexnet.evaluation.predict import predict, read_image
from alexnet.inspection.feature_maps import FeatureMaps, feature_maps
from alexnet.inspection.kernels import KernelSet, kernels
from alexnet.model.checkpoint import Classifier, load_network
from alexnet.recipe import Recipe
from alexnet.records import Evaluation, Prediction
from alexnet.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.figures.curves import Course
    from alexnet.figures.tiles import KernelScale

__all__ = ["Run", "images_of", "kernels_of", "maps_of", "open_run"]


class Run:
    """One training and all there is to see of it. Draws itself in a notebook."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({str(self.folder.path)!r})"

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def recipe(self) -> Recipe:
        """What it was trained with."""
        return self.folder.recipe

    @cached_property
    def model(self) -> Classifier:
        """The network of the chosen checkpoint, in eval mode."""
        return load_network(self.folder)

    @property
    def evaluation(self) -> Evaluation:
        """The test of the chosen checkpoint."""
        return self.folder.evaluation

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """What the network says of every test image."""
        return self.folder.read_predictions()

    def mistakes(self, order: MistakeOrder = "confidence") -> tuple[Prediction, ...]:
        """The wrongly classified test images; see `find_mistakes`."""
        return find_mistakes(self.predictions, order=order)

    def predict(self, paths: Sequence[Path | str]) -> tuple[Prediction, ...]:
        """Predictions for image files."""
        return tuple(predict(self.model, paths))

    def summary(self) -> dict[str, Any]:
        """The run in a few numbers: what `--json` prints."""
        evaluation, about = self.evaluation, self.folder.about
        epochs = self.folder.epochs
        speeds = [epoch.images_per_second for epoch in epochs] or [0.0]
        return {
            "run": str(self.path),
            "num_images": evaluation.num_images,
            "num_mistakes": evaluation.num_mistakes,
            "top1_error": evaluation.top1_error,
            "top1_interval": list(evaluation.top1_interval),
            "top5_error": evaluation.top5_error,
            "seconds": about.get("seconds"),
            "training_seconds": about.get("training_seconds"),
            "images_per_second": float(np.median(speeds)),
            "epochs": len(epochs),
        }

    # --- figures
    @property
    def course(self) -> "Course":
        """Steps and epochs, to be drawn."""
        from alexnet.figures.curves import Course

        recipe = self.recipe
        title = f"{recipe.name}, {recipe.variant}" + (", pretrained" if recipe.weights else "")
        num_classes = len(self.folder.about["classes"])
        return Course(title, self.folder.steps, self.folder.epochs, num_classes)

    def curves(self) -> "Figure":
        """Accuracy and loss, training beside held-out."""
        from alexnet.figures.curves import draw_curves

        return draw_curves(self.course)

    def confusion_matrix(self) -> "Figure":
        """Who is taken for whom."""
        from alexnet.figures.matrix import draw_confusion

        return draw_confusion(self.evaluation.classes, self.evaluation.confusion)

    def draw_kernels(
        self,
        layer: str = "conv1",
        *,
        scale: "KernelScale" = "common",
        chosen: Sequence[int] | None = None,
        channel: int | None = None,
    ) -> "Figure":
        """The learned kernels of a convolutional layer."""
        from alexnet.figures.tiles import draw_kernels

        found = kernels(self.model, layer)
        title = f"{layer} of {self.path.name}"
        return draw_kernels(found.weights, title=title, scale=scale, chosen=chosen, channel=channel)

    def draw_feature_maps(
        self,
        image: Path | str | Pixels,
        layer: str = "conv1",
        *,
        chosen: Sequence[int] | None = None,
        every: bool = False,
    ) -> "Figure":
        """What a layer's kernels make of an image: chosen ones, the three strongest, or `every` one.

        image: a file, or a decoded image, uint8 [size, size, 3].
        """
        from alexnet.figures.maps import draw_all_maps, draw_feature_maps

        maps = maps_of(self.model, image, layer)
        name = Path(image).name if isinstance(image, Path | str) else "image"
        if every:
            values = maps.before if maps.after is None else maps.after
            said = "" if maps.after is None else " after ReLU"
            return draw_all_maps(values, title=f"{layer} of {name}{said}")
        return draw_feature_maps(
            maps.image, maps.kernels, maps.before, maps.after,
            maps.strongest(3) if chosen is None else chosen, title=f"{layer} of {name}",
        )  # fmt: skip

    def draw_mistakes(
        self, images: dict[str, Pixels], order: MistakeOrder = "confidence", most: int = 24
    ) -> "Figure":
        """The gallery of wrongly classified images; `images` by file name as `images_of` gives them."""
        from alexnet.figures.tiles import MistakeTile, draw_mistakes

        wrong = self.mistakes(order)
        tiles = [
            MistakeTile(images[p.file], p.predicted, str(p.true), p.probability, p.file)
            for p in wrong[:most]
            if p.file in images
        ]
        evaluation = self.evaluation
        shown = f", the first {len(tiles)}" if len(tiles) < len(wrong) else ""
        said = f"{len(wrong)} of {evaluation.num_images} test images wrong{shown}; w: said, r: right"
        return draw_mistakes(tiles, title=said)

    def _repr_html_(self) -> str:
        about = self.folder.about
        if about["status"] != "finished":
            return f"<b>{html.escape(str(self.path))}</b>: {about['status']}, {len(self.folder.epochs)} epochs done"
        evaluation = self.evaluation
        low, high = evaluation.top1_interval
        return (
            f"<b>{html.escape(str(self.path))}</b>: top-1 error {100 * evaluation.top1_error:.1f} % "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %), {evaluation.num_mistakes} of "
            f"{evaluation.num_images} test images wrong"
        )


def open_run(path: Path | str) -> Run:
    """The run at `path`.

    Raises:
        RunError: there is none.
    """
    return Run(RunFolder.open(path))


def kernels_of(model: Classifier | Run, layer: str = "conv1") -> KernelSet:
    """The kernels of a layer of a network or a run, [out, in, k, k]."""
    return kernels(model.model if isinstance(model, Run) else model, layer)


def maps_of(model: Classifier | Run, image: Path | str | Pixels, layer: str = "conv1") -> FeatureMaps:
    """The feature maps of a layer for an image file or a decoded image, uint8 [size, size, 3]."""
    classifier = model.model if isinstance(model, Run) else model
    if not isinstance(image, str | Path):
        return feature_maps(classifier, image, layer)
    return feature_maps(classifier, read_image(image, classifier), layer)


def images_of(run: Run, files: Sequence[str], *, missing_ok: bool = False) -> dict[str, Pixels]:
    """Test images of a run by file name, as the network gets them, read again from where they lie.

    Args:
        missing_ok: leave out those that are no longer there.

    Raises:
        DataError: the folder, or an image, is no longer there.
    """
    from alexnet.data.decode import centre_crop, inspect_image
    from alexnet.data.sources import open_source

    path = Path(run.folder.about["data"]["path"])
    source = open_source(path)
    entries = {entry.name: entry for entry in source.entries}
    found: dict[str, Pixels] = {}
    for name in files:
        pixels = None
        if name in entries:
            with contextlib.suppress(OSError):
                pixels = inspect_image(source.read(entries[name]), run.model.preprocessing)[0]
        if pixels is not None:
            found[name] = centre_crop(pixels, run.model.preprocessing)
        elif not missing_ok:
            raise DataError(f"{path}: {name} is no longer there; put it back or train again")
    return found
