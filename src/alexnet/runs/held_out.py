"""Which images a finished run may be evaluated on: never those that it was trained on."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Subset
from alexnet.data.streamed import open_images
from alexnet.errors import DataError, RunError
from alexnet.files import address_of, is_there, shown_name
from alexnet.runs.own_images import GIVE_DATA, open_images_at, own_split, scan_own_images
from alexnet.runs.run import Run

__all__ = ["HeldOutImages", "choose_images", "common_subset", "held_out_subset", "subset_of"]


MOSTLY = 0.9
"""Fraction of a run's test images whose names in a folder show that it is that of the training."""


@dataclass(frozen=True)
class HeldOutImages:
    """A run and the images that it is evaluated on, decoded as its network needs them.

    is_own: they are the images of its training. subset: the rows that it may be evaluated on.
    """

    run: Run
    images: DecodedImages
    is_own: bool
    subset: Subset

    @property
    def num_left_out(self) -> int:
        """Images that cannot be used, or are of a class that the network does not know."""
        return 0 if self.is_own else _num_held_out(self.images) - len(self.subset)

    def views(self, chosen: str | None) -> str:
        """The views that are averaged: the chosen ones, or those of the run."""
        return chosen or self.run.model.views


def choose_images(runs: Sequence[Run], data: Path | str | None) -> tuple[HeldOutImages, ...]:
    """The images that each run is evaluated on.

    Args:
        data: a folder or archive; the images of the first run's training by default.

    Raises:
        DataError: the images are missing, have changed, or are of other classes.
        RunError: a run is not finished, is given twice, knows other classes, or was trained on other images.
    """
    _check_runs(runs)
    home = runs[0].about.data.path
    if data is None and not is_there(home) and address_of(home) is None:
        raise DataError(f"{shown_name(home)}: no such file or folder; {GIVE_DATA}")
    folder = scan_folder(home if data is None else data, min_classes=1)
    return tuple(_choose(run, folder, runs[0], is_named=data is not None) for run in runs)


def common_subset(held_out: Sequence[HeldOutImages]) -> Subset:
    """The images that are in the test set of every run.

    Raises:
        DataError: there are none.
    """
    rows = reduce(np.intersect1d, (each.subset.indices for each in held_out))
    first = held_out[0].subset
    kept = np.isin(first.indices, rows)
    if not kept.any():
        raise DataError(
            f"{held_out[0].images.folder.path}: no image is in the test set of every run, each was trained on the "
            "test images of another; give a folder with a test set as --data"
        )
    return Subset(first.indices[kept], first.labels[kept])


def _check_runs(runs: Sequence[Run]) -> None:
    """Check that the runs are finished, different, and know the same classes."""
    if not runs:
        raise RunError("evaluate: give at least one run folder")
    first, paths = runs[0], set()
    for run in runs:
        if not run.about.is_finished:
            raise RunError(f"{run.path}: is not finished; continue it with `alexnet resume {run.path}`")
        if run.path.resolve() in paths:
            raise RunError(f"{run.path}: is given twice; give each run once")
        paths.add(run.path.resolve())
        different = sorted(set(run.about.classes) ^ set(first.about.classes))
        if different:
            few = ", ".join(different[:3]) + (" ..." if len(different) > 3 else "")
            raise RunError(
                f"{run.path}: knows other classes than {first.path} (only one of them knows {few}); "
                "give runs of the same classes"
            )


def _choose(run: Run, folder: ImageFolder, first: Run, *, is_named: bool) -> HeldOutImages:
    if not is_named or folder.location == run.about.data.path:
        folder = scan_own_images(run.folder, folder.path, min_classes=1)
        images = open_images(folder, run.model.preprocessing)
        is_own = images.fingerprint == run.about.data.fingerprint
    else:
        images, is_own = open_images_at(run, folder)
    if not is_named and not is_own and run is first:
        raise DataError(
            f"{folder.path}: the images have changed since the run was trained; give the images to test on as --data"
        )
    if not is_named and not is_own:
        raise RunError(
            f"{run.path}: was trained on other images than {first.path}; give the images to test on as --data"
        )
    return HeldOutImages(run, images, is_own, own_split(run, images).test if is_own else _other_test(run, images))


def _other_test(run: Run, images: DecodedImages) -> Subset:
    _check_not_trained_on(run, images)
    return held_out_subset(images, run.model.classes)


def held_out_subset(images: DecodedImages, classes: Sequence[str]) -> Subset:
    """The images' own test set, or all of them if there is none; only classes that a network knows.

    Args:
        classes: of the network, in its order.

    Raises:
        DataError: there are none of these classes.
    """
    subset = subset_of(images, _held_out_splits(images), classes)
    if not len(subset):
        raise DataError(
            f"{images.folder.path}: holds no test images of the network's classes ({', '.join(classes)}); give a "
            "folder that has class folders of these names"
        )
    return subset


def subset_of(images: DecodedImages, splits: Collection[str | None], classes: Sequence[str]) -> Subset:
    """The images of some splits; only classes that a network knows.

    Args:
        splits: `train`, `validation`, `test`; None for images of a folder without splits.
        classes: of the network, in its order.
    """
    files, number = images.files, {name: place for place, name in enumerate(classes)}
    rows = [row for row, file in enumerate(files) if file.split in splits and file.class_name in number]
    labels = [number[files[row].class_name] for row in rows]
    return Subset(np.array(rows, np.int64), np.array(labels, np.int64))


def _held_out_splits(images: DecodedImages) -> set[str | None]:
    if not images.folder.has_split:
        return {"train", None}
    return {"test"} if any(file.split == "test" for file in images.folder.files) else {"validation"}


def _num_held_out(images: DecodedImages) -> int:
    splits = _held_out_splits(images)
    return sum(file.split in splits for file in images.folder.files)


def _check_not_trained_on(run: Run, images: DecodedImages) -> None:
    """Check that images without a test set are not those of the training, with a few changed since."""
    folder = images.folder
    if not folder.has_split and folder.location == run.about.data.path:
        raise DataError(
            f"{shown_name(folder.path)}: has changed since {run.path} was trained on a part of it, and has no test "
            "set; restore it, or give other images"
        )
    names = {file.entry.name for file in images.files}
    tested: set[str] = set()
    with contextlib.suppress(RunError):  # a run without its predictions
        tested = {prediction.file for prediction in run.predictions}
    if tested and not folder.has_split and len(tested & names) >= MOSTLY * len(tested):
        raise DataError(
            f"{shown_name(folder.path)}: looks like the folder that {run.path} was trained on, with some images "
            "changed: it has the names of the run's test images; restore it, or, if they are other images, put their "
            "class folders into a folder `test`"
        )
