"""Training, validation and test images: a split by class, content and seed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import Indices
from alexnet.data.near_groups import grouped_digests
from alexnet.data.quota import num_held_out
from alexnet.data.split_shards import sides_of_shards
from alexnet.data.streamed import StreamedImages
from alexnet.errors import DataError, RecipeError
from alexnet.files import listed_names, shown_name

__all__ = ["Indices", "Split", "Subset", "hold_out", "split_images"]


@dataclass(frozen=True)
class Subset:
    """Rows of the decoded images, [n], and their class numbers, [n]."""

    indices: Indices
    labels: Indices

    def __len__(self) -> int:
        return len(self.indices)

    def part(self, places: slice) -> "Subset":
        """Some consecutive images of it."""
        return Subset(self.indices[places], self.labels[places])


@dataclass(frozen=True)
class Split:
    """Three disjoint subsets, and the classes, in lexicographic order, that the labels count.

    notes: what was left out or left aside and why, one line each.
    """

    classes: tuple[str, ...]
    train: Subset
    validation: Subset
    test: Subset
    notes: tuple[str, ...]


def split_images(
    images: DecodedImages,
    *,
    test_fraction: float,
    validation_fraction: float,
    seed: int,
    group_near_duplicates: bool = False,
    tested: Collection[str] | None = None,
) -> Split:
    """Split a decoded folder as its layout says; where it has no split, by content and seed.

    Identical images stay on one side of every split made here. Of `train` and `val` without `test`, `val` is
    the test set; with `test` it chooses the checkpoint and no training images are set apart.

    Args:
        test_fraction: of the images of each class, where the folder has no test set, above 0 and below 1.
        validation_fraction: of the training images of each class, where it has no validation set, 0 to below 1.
        group_near_duplicates: keep nearly identical images on one side, too; looking for them takes a while the
            first time.
        tested: names of the test images, where the folder has no test set and they are known; None chooses them.

    Raises:
        DataError: fewer than two classes have training images, or none is left to test on.
    """
    if isinstance(images, StreamedImages):
        if group_near_duplicates:
            raise RecipeError(
                "group_near_duplicates: near duplicates in shards are not looked for; set it to false, or train on "
                "the folder"
            )
        return _split_shards(images, test_fraction, validation_fraction, seed)
    sides = _sides_of_layout(images)
    digests = grouped_digests(images) if group_near_duplicates else [fact.digest for fact in images.facts]
    names = [file.class_name for file in images.files]
    folders = [
        file.folder_class for file in images.files
    ]  # a corrected label does not move an image across the split
    if "all" in sides:
        rows = sides.pop("all")
        if tested is None:
            sides["train"], sides["test"] = hold_out(rows, folders, digests, test_fraction, seed, at_least=1)
        else:
            files = images.names
            sides["train"] = [row for row in rows if files[row] not in tested]
            sides["test"] = [row for row in rows if files[row] in tested]
    train, test = sides.get("train", []), sides.get("test", [])
    validation = sides.get("validation")
    if validation is None:
        train, validation = hold_out(train, folders, digests, validation_fraction, seed + 1)
    classes = tuple(sorted({names[row] for row in train}))
    _require_two(images.folder.path, classes)
    tested = {names[row] for row in test}
    if not tested & set(classes):
        alike = sorted(name for name in classes if _is_one_group(train, names, digests, name))
        raise _no_test_images(images.folder.path, alike, "nearly identical" if group_near_duplicates else "identical")
    number = {name: position for position, name in enumerate(classes)}

    def subset(rows: Iterable[int]) -> Subset:
        kept = [row for row in rows if names[row] in number]
        return Subset(np.array(kept, np.int64), np.array([number[names[row]] for row in kept], np.int64))

    held_out = {names[row] for row in validation} | tested
    notes = _notes(images, classes, tested=tested, held_out=held_out, present=set(names))
    return Split(classes, subset(train), subset(validation), subset(test), notes)


def _split_shards(images: StreamedImages, test_fraction: float, validation_fraction: float, seed: int) -> Split:
    """The split of shards, where nothing is done image by image."""
    source = images.source
    train, validation, test = sides_of_shards(
        source, test_fraction=test_fraction, validation_fraction=validation_fraction, seed=seed
    )
    counts = np.bincount(source.labels[train], minlength=len(source.classes))
    classes = tuple(name for name, count in zip(source.classes, counts, strict=True) if count)
    number = np.where(counts > 0, np.cumsum(counts > 0) - 1, -1)  # of the classes that have training images
    path = images.folder.path

    def subset(rows: Indices) -> Subset:
        labels = number[source.labels[rows]]
        return Subset(rows[labels >= 0], labels[labels >= 0])

    split = Split(classes, subset(train), subset(validation), subset(test), ())
    _require_two(path, classes)
    if not len(split.test):
        raise _no_test_images(path)
    present = set(np.unique(source.labels).tolist())
    named = {name for place, name in enumerate(source.classes) if place in present}
    tested, validated = (
        {source.classes[label] for label in np.unique(source.labels[rows])} for rows in (test, validation)
    )
    notes = _notes(images, classes, tested=tested, held_out=tested | validated, present=named)
    return replace(split, notes=notes)


def _sides_of_layout(images: DecodedImages) -> dict[str, list[int]]:
    """Rows by the split that their folder belongs to: `train`, `test`, `validation`, or `all`."""
    sides: dict[str, list[int]] = defaultdict(list)
    for row, file in enumerate(images.files):
        sides[file.split or "all"].append(row)
    if "validation" in sides and "test" not in sides:
        sides["test"] = sides.pop("validation")
    return dict(sides)


def _notes(
    images: DecodedImages, classes: tuple[str, ...], *, tested: set[str], held_out: set[str], present: set[str]
) -> tuple[str, ...]:
    """What is left aside or left out of a split, in words.

    tested: classes of its test images. held_out: those of its test and validation images. present: classes with
    images.
    """
    notes = [*images.folder.notes, *images.notes]
    count = len(images.left_out)
    if count:
        notes.append(f"{count} {'file is' if count == 1 else 'files are'} left out: not an image, or unreadable")
    empty = sorted(set(images.folder.classes) - present)
    if empty:
        notes.append(f"{listed_names(empty)}: no usable images; the class is left out")
    strangers = sorted(held_out - set(classes))
    if strangers:
        notes.append(f"held-out images of {listed_names(strangers)} are left out: no training images of that class")
    alike = [name for name in strangers if name.casefold() in {known.casefold() for known in classes}]
    if alike:
        notes.append(f"{listed_names(alike)}: a training class differs from it in case only; give both the same name")
    untested = [name for name in classes if name not in tested]
    if untested:
        notes.append(f"{listed_names(untested)}: no test images, so what is recognized of it is not measured")
    return tuple(notes)


def hold_out(
    rows: Sequence[int],
    names: Sequence[str],
    digests: Sequence[str],
    fraction: float,
    seed: int,
    *,
    at_least: int = 0,
) -> tuple[list[int], list[int]]:
    """Split `rows` into (kept, held out): `fraction` of each class is held out, in an order given by content.

    A class keeps at least one image, and gives `at_least` if it has more. Rows with the same digest go to the
    same side, whatever their class; where `at_least` asks for images and every group of them is larger than the
    fraction, the smallest group is held out.

    Args:
        names: class of every row. digests: of its pixels.

    >>> hold_out([0, 1, 2, 3], ["a"] * 4, ["w", "x", "y", "z"], 0.25, seed=0)
    ([0, 1, 3], [2])
    """
    by_class: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_class[names[row]][digests[row]].append(row)
    is_held: dict[str, bool] = {}
    held: list[int] = []
    for name in sorted(by_class):
        groups = by_class[name]
        total = sum(len(group) for group in groups.values())
        target = num_held_out(total, fraction, at_least=at_least)
        num_held = sum(len(group) for digest, group in groups.items() if is_held.get(digest))
        undecided = {digest: len(group) for digest, group in groups.items() if digest not in is_held}
        for digest in sorted(groups, key=lambda digest: _rank(digest, seed)):
            if digest not in is_held:
                size = len(groups[digest])
                is_held[digest] = num_held + size <= target
                num_held += size if is_held[digest] else 0
        if at_least and num_held == 0 and undecided and len(groups) > 1:
            is_held[min(undecided, key=lambda digest: (undecided[digest], _rank(digest, seed)))] = True
        held += (row for digest, group in groups.items() if is_held[digest] for row in group)
    out = set(held)
    return [row for row in rows if row not in out], sorted(held)


def _rank(digest: str, seed: int) -> bytes:
    return blake2b(f"{seed} {digest}".encode(), digest_size=16).digest()


def _require_two(folder: Path, classes: tuple[str, ...]) -> None:
    if len(classes) < 2:
        present = f"only {classes[0]} has any" if classes else "none has any"
        raise DataError(f"{shown_name(folder)}: at least two classes need training images, and {present}; add images")


def _is_one_group(rows: Sequence[int], names: Sequence[str], digests: Sequence[str], name: str) -> bool:
    """Whether a class has two images or more among `rows`, all with the same digest."""
    own = [digests[row] for row in rows if names[row] == name]
    return len(own) > 1 and len(set(own)) == 1


def _no_test_images(folder: Path, alike: Sequence[str] = (), how: str = "identical") -> DataError:
    """What is said where no image is left to test on. alike: classes whose images are all alike."""
    if alike:
        return DataError(
            f"{shown_name(folder)}: no image is left to test on: the images of {listed_names(alike)} are all {how}, "
            f"and {how} images stay on one side of the split; add different ones or a test folder"
        )
    return DataError(
        f"{shown_name(folder)}: no image is left to test on; add images (at least two of each class), "
        "a test folder, or raise test_fraction"
    )
