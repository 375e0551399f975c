"""The training images most like a given one, by the features of a layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.evaluation.predict import read_image
from alexnet.inspection.features import Features, compute_features, features_of
from alexnet.inspection.neighbours import Neighbour, nearest_rows
from alexnet.inspection.row_cache import Progress
from alexnet.records import Prediction, Record
from alexnet.runs.run import Model, as_classifier, predict
from alexnet.runs.train_images import training_images

__all__ = ["SimilarImages", "features", "neighbours"]


@dataclass(frozen=True)
class SimilarImages(Record):
    """The training images most like one image.

    Args:
        file: the image.
        prediction: what the network says about it.
        neighbours: the nearest training images, nearest first.
        notes: remarks, one line each; only the first image of a call has them.
    """

    file: str
    prediction: Prediction
    neighbours: tuple[Neighbour, ...]
    notes: tuple[str, ...] = ()

    @property
    def disagree(self) -> bool:
        """Whether the label of most neighbors differs from the predicted class."""
        others = sum(neighbour.label != self.prediction.predicted for neighbour in self.neighbours)
        return 2 * others > len(self.neighbours)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with `disagree`."""
        return super().to_dict() | {"disagree": self.disagree}


def features(
    model: Model, layer: str = "fc7", *, data: Path | str | None = None, on_progress: Progress | None = None
) -> Features:
    """Compute a layer's output for every image that a network was trained and tested on.

    Args:
        model: a network, a run, or the path of a run's folder.
        layer: any layer; where it has weights, the output is that of the activation after it.
        data: other images; required for a network without a run.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        DataError: the images are not where they were, or have changed.
        GeometryError: there is no such layer.

    >>> alexnet.features("runs/first", "fc7").layer
    'fc7'
    """
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
        data: images to search instead of the training images; required for a network without a run.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        DataError: an image cannot be read, or the run's images are not where they were.
        GeometryError: there is no such layer.

    Source: Krizhevsky et al. 2012, §6.1.

    >>> (similar,) = alexnet.neighbours("runs/first", "photo.jpg", k=3)
    >>> len(similar.neighbours)
    3
    """
    classifier = as_classifier(model)
    paths = [images] if isinstance(images, Path | str) else list(images)
    known, train = training_images(model, data, on_progress=on_progress)
    table = compute_features(classifier, known, layer, on_progress=on_progress)
    values = table.values if len(train) == len(table.files) else table.values[train]
    queries = features_of(classifier, np.stack([read_image(path, classifier) for path in paths]), layer)
    rows, distances = nearest_rows(values, queries, k + 1)  # one more: the image itself may be among them
    results: list[SimilarImages] = []
    for path, prediction, near, apart in zip(paths, predict(classifier, paths), rows, distances, strict=True):
        own = _name_in(known, path)
        close = [
            Neighbour(table.files[train[row]], table.labels[train[row]], float(distance))
            for row, distance in zip(near, apart, strict=True)
            if table.files[train[row]] != own
        ]
        results.append(SimilarImages(str(path), prediction, tuple(close[:k]), () if results else table.notes))
    return tuple(results)


def _name_in(images: DecodedImages, path: Path | str) -> str | None:
    """The name of a file within the scanned folder; None where it lies elsewhere."""
    try:
        return Path(path).resolve().relative_to(images.folder.path.resolve()).as_posix()
    except ValueError:
        return None
