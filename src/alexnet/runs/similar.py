"""The training images most like a given one, by the features of a layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import Pixels, center_crop
from alexnet.errors import DataError
from alexnet.evaluation.predict import predict_images, read_image
from alexnet.inspection.features import Features, compute_features
from alexnet.progress_callback import Progress
from alexnet.records import Neighbour, Prediction, Record
from alexnet.runs.reference_images import ReferenceImages
from alexnet.runs.run import Model, as_classifier, open_once
from alexnet.runs.train_images import training_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.figures.near_rows import NearRow

__all__ = ["SimilarImages", "draw_neighbors", "features", "neighbours"]

MOST_ROWS, MOST_COLUMNS = 40, 12
"""Images on a figure, and neighbors of each."""


@dataclass(frozen=True)
class SimilarImages(Record):
    """The training images most like one image.

    Args:
        file: the image.
        prediction: what the network says about it.
        neighbours: the nearest training images, nearest first.
        notes: remarks, one line each; only the first image of a call has them.
        layer: whose features were compared.
        pixels: the image as the network gets it, for `draw`.
        images: the decoded images, for `draw`.
    """

    file: str
    prediction: Prediction
    neighbours: tuple[Neighbour, ...]
    notes: tuple[str, ...] = ()
    layer: str = "fc7"
    pixels: Pixels | None = field(default=None, repr=False, compare=False)
    images: DecodedImages | None = field(default=None, repr=False, compare=False)

    @property
    def disagree(self) -> bool:
        """Whether the label of most neighbors differs from the predicted class."""
        others = sum(neighbour.label != self.prediction.predicted for neighbour in self.neighbours)
        return 2 * others > len(self.neighbours)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with `disagree` and without pixels."""
        return {
            "file": self.file,
            "prediction": self.prediction.to_dict(),
            "neighbours": [neighbour.to_dict() for neighbour in self.neighbours],
            "notes": list(self.notes),
            "disagree": self.disagree,
        }

    def draw(self) -> "Figure":
        """Draw the image in a row with its neighbors; see `draw_neighbors`.

        >>> figure = alexnet.neighbours("runs/first", "photo.jpg")[0].draw()
        """
        return draw_neighbors([self])


def draw_neighbors(results: Sequence[SimilarImages]) -> "Figure":
    """Draw each image with its prediction in a row with its nearest training images; of many images the first 40.

    Labels that differ from the prediction are red, with a cross.

    Raises:
        DataError: there is nothing to draw.

    Source: the paper's Figure 4, right.

    >>> figure = alexnet.draw_neighbors(alexnet.neighbours("runs/first", "photo.jpg", k=3))
    """
    from alexnet.figures.near_rows import draw_near

    if not results:
        raise DataError("neighbours: there is no image to draw; give at least one")
    row_of: dict[str, int] = {}
    if results[0].images is not None:
        row_of = {file.entry.name: row for row, file in enumerate(results[0].images.files)}
    title = f"nearest training images by {results[0].layer} (✗: another label than the prediction)"
    if len(results) > MOST_ROWS:
        title += f"; the first {MOST_ROWS} of {len(results)}"
    return draw_near([_near_row(each, row_of) for each in results[:MOST_ROWS]], title=title)


def _near_row(similar: SimilarImages, row_of: Mapping[str, int]) -> "NearRow":
    """A row of the figure. row_of: of each training image the row of its pixels."""
    from alexnet.figures.near_rows import NearRow

    known, prediction = similar.images, similar.prediction
    if similar.pixels is None or known is None:
        raise DataError("neighbours: there are no pixels to draw; give what `alexnet.neighbours` returned")
    near = [
        (center_crop(known.pixels[row_of[each.file]], known.preprocessing), each.label, each.distance)
        for each in similar.neighbours[:MOST_COLUMNS]
    ]
    return NearRow(similar.pixels, similar.file, prediction.predicted, prediction.probability, near)


def features(
    model: Model, layer: str = "fc7", *, data: Path | str | None = None, on_progress: Progress | None = None
) -> Features:
    """Compute a layer's output for every image that a network was trained and tested on.

    Args:
        model: a network, a run, or the path of a run's folder.
        layer: any layer; where it has weights, the output is that of the activation after it.
        data: other images, or where the run's own are now; required for a network without a run.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        DataError: the images are not where they were, or have changed.
        GeometryError: there is no such layer.

    >>> alexnet.features("runs/first", "fc7").layer
    'fc7'
    """
    model = open_once(model)
    images, _ = training_images(model, data, on_progress=on_progress)
    return compute_features(as_classifier(model), images, layer, on_progress=on_progress)


def neighbours(
    model: Model,
    images: Sequence[Path | str] | Path | str,
    *,
    layer: str = "fc7",
    k: int = 5,
    data: Path | str | None = None,
    on_progress: Progress | None = None,
) -> tuple[SimilarImages, ...]:
    """Find the `k` training images whose features are nearest to those of each image; the paper's Figure 4, right.

    Args:
        model: a network, a run, or the path of a run's folder.
        images: image files.
        layer: whose features are compared.
        k: neighbors of each image; the image itself is not among them.
        data: images to search instead of the training images, or where these are now; required for a network without
            a run.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        DataError: an image cannot be read, or the run's images are not where they were.
        GeometryError: there is no such layer.

    Source: Krizhevsky et al. 2012, §6.1.

    >>> (similar,) = alexnet.neighbours("runs/first", "photo.jpg", k=3)
    >>> len(similar.neighbours)
    3
    """
    model = open_once(model)
    classifier = as_classifier(model)
    paths = [images] if isinstance(images, Path | str) else list(images)
    pixels = [read_image(path, classifier) for path in paths]
    reference = ReferenceImages(model, layer, data=data, on_progress=on_progress)
    near = reference.nearest(np.stack(pixels), paths, k)
    predictions = predict_images(classifier, paths)
    return tuple(
        SimilarImages(
            str(path), prediction, close, reference.notes if place == 0 else (), layer, each, reference.images
        )
        for place, (path, prediction, close, each) in enumerate(zip(paths, predictions, near, pixels, strict=True))
    )
