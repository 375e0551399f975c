"""Odd images: those that lie far from the other images of their class, or from all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from alexnet.csv_files import write_csv
from alexnet.data.appearance import describe_appearance
from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.errors import DataError
from alexnet.inspection.features import compute_features
from alexnet.inspection.neighbours import nearest_rows
from alexnet.presets import PRESETS
from alexnet.records import Record
from alexnet.runs.run import Model, as_classifier
from alexnet.training.events import Listener, Progress, ignore

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["OddImage", "OddImages", "odd_images"]

NUM_NEAREST = 5
"""Images to which the distance is measured: a few alike do not make each other usual."""

NUM_DIRECTIONS = 256
"""Random directions onto which longer features are projected."""

CHUNK = 512

COLUMNS = ("file", "label", "in_class", "nearest_in_class", "among_all", "nearest")


@dataclass(frozen=True)
class OddImage(Record):
    """How odd an image is.

    in_class: mean distance to its five nearest images of its class; None where its class has no other image.
    among_all: the same to images of any class. nearest_in_class, nearest: the nearest image of each kind.
    """

    file: str
    label: str
    in_class: float | None
    nearest_in_class: str | None
    among_all: float | None
    nearest: str | None


@dataclass(frozen=True)
class OddImages(Record):
    """Every usable image of a folder, the oddest of its class first.

    by: what was compared. usual_in_class, usual_among_all: medians of the distances. decoded: the pixels, for `draw`.
    """

    images: tuple[OddImage, ...]
    by: str
    usual_in_class: float
    usual_among_all: float
    decoded: DecodedImages | None = field(default=None, repr=False, compare=False)

    def draw(self, most: int = 12, *, every: bool = False) -> "Figure":
        """The oddest images with class and distance, each beside the nearest of those it is compared with.

        Args:
            most: images, at most, >= 1.
            every: by their distance to all images, not only to those of their class.

        Raises:
            DataError: the pixels are not there, as in a result that was read from a file.
        """
        from alexnet.figures.image_pairs import ImagePair, draw_pairs

        if self.decoded is None:
            raise DataError("data odd: the result was made without its images, so there is nothing to draw")
        pixels, files = self.decoded.pixels, self.decoded.files
        rows = {name: row for row, name in enumerate(self.decoded.names)}
        pairs = []
        for each in (self.among_all() if every else self.images)[:most]:
            distance, nearest = (each.among_all, each.nearest) if every else (each.in_class, each.nearest_in_class)
            row = None if nearest is None else rows[nearest]
            title = f"{each.label}  {'–' if distance is None else f'{distance:.3f}'}"
            pairs.append(ImagePair(
                pixels=(pixels[rows[each.file]], None if row is None else pixels[row]),
                files=(each.file, nearest or ""),
                titles=(title, "" if row is None else f"nearest: {files[row].class_name}"),
                is_marked=row is not None and files[row].class_name != each.label,
            ))  # fmt: skip
        return draw_pairs(pairs)

    def among_all(self) -> tuple[OddImage, ...]:
        """The images with those first that are far from images of any class."""
        return tuple(sorted(self.images, key=lambda each: -(each.among_all or 0.0)))

    def save_csv(self, path: Path | str) -> Path:
        """Write a line for each image, whole.

        Raises:
            DataError: it cannot be written.
        """
        rows = [tuple(getattr(each, name) for name in COLUMNS) for each in self.images]
        return write_csv([COLUMNS, *rows], path)


def odd_images(
    folder: ImageFolder | Path | str,
    *,
    model: Model | None = None,
    layer: str = "fc7",
    on_event: Listener = ignore,
) -> OddImages:
    """Measure for each image of a folder how far it lies from the others of its class, and from all.

    Compared are the features of a trained network, scaled to length 1, by their Euclidean distance, 0 to 1.41;
    without a network, colors and the directions of edges. Features of more than 256 numbers are projected onto 256
    random directions, which changes a distance by a few percent.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        model: a network, a run, or the path of a run's folder; it need not have been trained on these images.
        layer: whose outputs are the features.
        on_event: called with the progress of `decoding`, `looking` and `comparing`.

    Raises:
        DataError: the folder holds no usable image, or is not there.
        GeometryError: there is no such layer.

    Source: nearest images by features: Krizhevsky et al. 2012, §6.1. Chosen on planted images: EXPERIMENTS.md.

    >>> result = alexnet.odd_images("images")
    >>> len(result.images), result.by
    (93, 'colors and edges')
    """
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder, min_classes=1)

    def progress(what: str) -> Callable[[int, int], None]:
        return lambda done, total: on_event(Progress(what, done, total))

    if model is None:
        images = decode_folder(scanned, plain_preprocessing(PRESETS["fast"]), on_progress=progress("decoding"))
        _require_images(images)
        values, by = describe_appearance(images.pixels), "colors and edges"
    else:
        network = as_classifier(model)
        images = decode_folder(scanned, network.preprocessing, on_progress=progress("decoding"))
        _require_images(images)
        values = _directions(compute_features(network, images, layer, on_progress=progress("looking")).values)
        by = f"features of {layer}"
    return _rank(images, values, by, progress("comparing"))


def _require_images(images: DecodedImages) -> None:
    if not images.files:
        raise DataError(f"{images.folder.path}: holds no usable image; give another folder")


def _directions(values: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N E"]:
    """Features of length 1, projected onto random directions where they are long: their distances stay.

    Source: Johnson & Lindenstrauss 1984.
    """
    length = values.shape[1]
    matrix = None
    if length > NUM_DIRECTIONS:
        matrix = np.random.default_rng(0).normal(size=(length, NUM_DIRECTIONS)).astype(np.float32)
        matrix /= np.sqrt(np.float32(NUM_DIRECTIONS))
    parts = []
    for start in range(0, len(values), CHUNK):
        part = np.asarray(values[start : start + CHUNK], np.float32)
        part = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-6)
        parts.append(part if matrix is None else part @ matrix)
    return np.concatenate(parts)


def _rank(
    images: DecodedImages, values: Float[np.ndarray, "N D"], by: str, on_progress: Callable[[int, int], None]
) -> OddImages:
    names = list(images.names)
    labels = np.array([file.class_name for file in images.files])
    every = np.arange(len(names))
    num_done = 0

    def count(num: int) -> None:
        nonlocal num_done
        num_done += num
        on_progress(num_done // 2, len(names))

    among_all, nearest = _distances(values, [every], count)
    in_class, near = _distances(values, [np.flatnonzero(labels == name) for name in np.unique(labels)], count)

    def odd(row: int) -> OddImage:
        return OddImage(
            names[row], str(labels[row]),
            _number(in_class[row]), _name(names, near[row]), _number(among_all[row]), _name(names, nearest[row]),
        )  # fmt: skip

    order = sorted(range(len(names)), key=lambda row: (-np.nan_to_num(in_class[row], nan=-1.0), row))
    return OddImages(tuple(odd(row) for row in order), by, _median(in_class), _median(among_all), images)


def _distances(
    values: Float[np.ndarray, "N D"], groups: Sequence[Int[np.ndarray, " M"]], count: Callable[[int], None]
) -> tuple[Float[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """Of each row, the mean distance to the nearest others of its group, NaN where there is none, and the nearest."""
    means, nearest = np.full(len(values), np.nan), np.full(len(values), -1, np.int64)
    for own in groups:
        group = values[own]
        for start in range(0, len(own), CHUNK):
            part = own[start : start + CHUNK]
            near, apart = nearest_rows(group, values[part], NUM_NEAREST + 1)
            order = np.argsort(own[near] == part[:, None], axis=1, kind="stable")[:, : len(own) - 1]  # itself last
            near = np.take_along_axis(near, order, 1)[:, :NUM_NEAREST]
            if near.shape[1]:
                means[part] = np.take_along_axis(apart, order, 1)[:, :NUM_NEAREST].mean(1)
                nearest[part] = own[near[:, 0]]
            count(len(part))
    return means, nearest


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _name(names: Sequence[str], row: int) -> str | None:
    return None if row < 0 else names[row]


def _median(distances: Float[np.ndarray, " N"]) -> float:
    """Of the distances that are known; 0 where none is."""
    known = distances[~np.isnan(distances)]
    return round(float(np.median(known)), 4) if len(known) else 0.0
