"""The training images most like a given one, by what a layer makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.folder import scan_folder
from alexnet.data.split import Subset, split_images
from alexnet.errors import DataError
from alexnet.evaluation.predict import read_image
from alexnet.inspection.features import Features, Progress, compute_features, features_of
from alexnet.inspection.neighbours import Neighbour, nearest_rows
from alexnet.records import Prediction, Record
from alexnet.runs.run import Run, RunLike, as_run

__all__ = ["SimilarImages", "features", "neighbours"]


@dataclass(frozen=True)
class SimilarImages(Record):
    """The training images most like one image.

    Args:
        file: the image.
        prediction: what the network says about it.
        neighbours: the nearest training images, nearest first.
        disagree: whether most of the neighbors have another label than the predicted class.
    """

    file: str
    prediction: Prediction
    neighbours: tuple[Neighbour, ...]

    @property
    def disagree(self) -> bool:
        """Whether most of the neighbors have another label than the predicted class."""
        others = sum(neighbour.label != self.prediction.predicted for neighbour in self.neighbours)
        return 2 * others > len(self.neighbours)

    def to_dict(self) -> dict[str, Any]:
        """With the flag."""
        return super().to_dict() | {"disagree": self.disagree}


def features(run: RunLike, layer: str = "fc7", *, on_progress: Progress | None = None) -> Features:
    """What a layer of a run's network makes of every image that it was trained and tested on.

    Args:
        layer: any layer; of one with weights, its activation's output.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        DataError: the images are not where they were, or have changed.
        GeometryError: there is no such layer.

    >>> alexnet.features("runs/first", "fc7").layer
    'fc7'
    """
    run = as_run(run)
    return compute_features(run.model, _images(run), layer, on_progress=on_progress)


def neighbours(
    run: RunLike,
    images: Sequence[Path | str] | Path | str,
    *,
    layer: str = "fc7",
    k: int = 5,
    on_progress: Progress | None = None,
) -> tuple[SimilarImages, ...]:
    """The `k` training images whose features are nearest to those of each image; the paper's Figure 4, right.

    Args:
        images: image files.
        layer: whose features are compared.
        k: neighbors of each image; the image itself is not among them.

    Raises:
        DataError: an image cannot be read, or the run's images are not where they were.
        GeometryError: there is no such layer.

    Source: Krizhevsky et al. 2012, §6.1.

    >>> (similar,) = alexnet.neighbours("runs/first", "photo.jpg", k=3)
    >>> len(similar.neighbours)
    3
    """
    run = as_run(run)
    paths = [images] if isinstance(images, Path | str) else list(images)
    known = _images(run)
    table = compute_features(run.model, known, layer, on_progress=on_progress)
    train = _train_rows(run, known)
    values = table.values if len(train) == len(table.files) else table.values[train.indices]
    queries = features_of(run.model, np.stack([read_image(path, run.model) for path in paths]), layer)
    rows, distances = nearest_rows(values, queries, k + 1)  # one more: the image itself may be among them
    results = []
    for path, prediction, near, apart in zip(paths, run.predict(paths), rows, distances, strict=True):
        own = _name_in(known, path)
        close = [
            Neighbour(table.files[train.indices[row]], table.labels[train.indices[row]], float(distance))
            for row, distance in zip(near, apart, strict=True)
            if table.files[train.indices[row]] != own
        ]
        results.append(SimilarImages(str(path), prediction, tuple(close[:k])))
    return tuple(results)


def _images(run: Run) -> DecodedImages:
    """The images of the run's training, decoded as its network gets them."""
    images = decode_folder(scan_folder(run.about.data.path), run.model.preprocessing)
    if images.fingerprint != run.about.data.fingerprint:
        raise DataError(f"{run.about.data.path}: the images have changed since {run.path} was trained; train again")
    return images


def _train_rows(run: Run, images: DecodedImages) -> Subset:
    recipe = run.recipe
    return split_images(
        images,
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed,
    ).train


def _name_in(images: DecodedImages, path: Path | str) -> str | None:
    """The name of a file within the scanned folder; None where it lies elsewhere."""
    try:
        return Path(path).resolve().relative_to(images.folder.path.resolve()).as_posix()
    except ValueError:
        return None
