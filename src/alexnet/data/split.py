"""Training, validation and test images: stratified by class, seeded, decided by content."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from alexnet.data.cache import DecodedImages
from alexnet.errors import DataError

__all__ = ["Indices", "Split", "Subset", "hold_out", "split_images"]

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Subset:
    """Rows of the decoded images, [n], and their class numbers, [n]."""

    indices: Indices
    labels: Indices

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class Split:
    """Three disjoint subsets and the classes, in lexicographic order, that the labels count.

    notes: what was left out and why, one line each.
    """

    classes: tuple[str, ...]
    train: Subset
    validation: Subset
    test: Subset
    notes: tuple[str, ...]


def split_images(images: DecodedImages, *, test_fraction: float, validation_fraction: float, seed: int) -> Split:
    """Split a decoded folder as its layout says; what the layout leaves open is decided by content and seed.

    Identical images stay on one side of every split made here. Of `train` and `val` without `test`, `val` is
    the test set; with `test` it chooses the checkpoint and nothing is taken from `train`.

    Raises:
        DataError: fewer than two classes have training images, or nothing is left to test on.
    """
    sides, notes = _given_sides(images)
    digests = [fact.digest for fact in images.facts]
    names = [file.class_name for file in images.folder.files]
    if "all" in sides:
        sides["train"], sides["test"] = hold_out(sides.pop("all"), names, digests, test_fraction, seed, at_least=1)
    train, test = sides.get("train", []), sides.get("test", [])
    validation = sides.get("validation")
    if validation is None:
        train, validation = hold_out(train, names, digests, validation_fraction, seed + 1)
    classes = tuple(sorted({names[index] for index in train}))
    _require_enough(images, classes, test)
    number = {name: position for position, name in enumerate(classes)}
    strangers = sorted({names[index] for index in [*test, *validation]} - set(classes))
    if strangers:
        notes.append(f"held-out images of {', '.join(strangers)} are left out: no training images of that class")

    def subset(rows: Iterable[int]) -> Subset:
        kept = [row for row in rows if names[row] in number]
        return Subset(np.array(kept, np.int64), np.array([number[names[row]] for row in kept], np.int64))

    return Split(classes, subset(train), subset(validation), subset(test), tuple(notes))


def _given_sides(images: DecodedImages) -> tuple[dict[str, list[int]], list[str]]:
    """Rows of the usable images by the layout's side."""
    sides: dict[str, list[int]] = defaultdict(list)
    num_unusable = 0
    for row, (file, fact) in enumerate(zip(images.folder.files, images.facts, strict=True)):
        if fact.error is None:
            sides[file.split or "all"].append(row)
        else:
            num_unusable += 1
    if "validation" in sides and "test" not in sides:
        sides["test"] = sides.pop("validation")
    empty = sorted(
        set(images.folder.classes) - {images.folder.files[row].class_name for r in sides.values() for row in r}
    )
    are = "file is" if num_unusable == 1 else "files are"
    notes = list(images.folder.notes)
    notes += [f"{num_unusable} {are} left out: no image, or not readable"] if num_unusable else []
    notes += [f"{', '.join(empty)}: no usable image, the class is left out"] if empty else []
    return sides, notes


def hold_out(
    rows: Sequence[int],
    names: Sequence[str],
    digests: Sequence[str],
    fraction: float,
    seed: int,
    *,
    at_least: int = 0,
) -> tuple[list[int], list[int]]:
    """Part `rows` into (kept, held out): of each class the share `fraction`, in an order given by content.

    A class keeps at least one image, and gives `at_least` if it has more. Rows with the same digest go to the
    same side, whatever their class.
    """
    by_class: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_class[names[row]][digests[row]].append(row)
    side: dict[str, bool] = {}
    held: list[int] = []
    for name in sorted(by_class):
        groups = by_class[name]
        total = sum(len(group) for group in groups.values())
        wanted = max(at_least, round(total * fraction))
        taken = sum(len(group) for digest, group in groups.items() if side.get(digest))
        for digest in sorted(groups, key=lambda digest: _rank(digest, seed)):
            if digest not in side:
                size = len(groups[digest])
                side[digest] = taken + size <= min(wanted, total - 1)
                taken += size if side[digest] else 0
            if side[digest]:
                held += groups[digest]
    out = set(held)
    return [row for row in rows if row not in out], sorted(held)


def _rank(digest: str, seed: int) -> bytes:
    return blake2b(f"{seed} {digest}".encode(), digest_size=16).digest()


def _require_enough(images: DecodedImages, classes: tuple[str, ...], test: Sequence[int]) -> None:
    path = images.folder.path
    if len(classes) < 2:
        found = f"only {classes[0]}" if classes else "none"
        raise DataError(f"{path}: at least two classes need training images, found {found}; add images")
    names = {images.folder.files[row].class_name for row in test}
    if not names & set(classes):
        raise DataError(
            f"{path}: no image is left to test on; add images (two of each class at the least), "
            "a test folder, or raise test_fraction"
        )
