"""Which hard images a run may be trained on: half of them, and none that its own test set knows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from alexnet.audit.hard_folder import NEEDED, Origin, file_digest, lay_out, move_into, read_origins
from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.folder import scan_folder
from alexnet.data.near_duplicates import NearDuplicate, group_near_duplicates, near_pairs
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, unescape_name
from alexnet.progress_callback import Progress
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import Run

__all__ = ["divide"]

TESTED = "tested"
"""Begins what an image of the run's test set is called here."""

CHUNK = 5000
"""Test images that hard ones are compared with at a time: bounds the memory."""


def divide(run: Run, folder: Path, *, on_progress: Progress | None = None) -> frozenset[str]:
    """Move images to `train` until half of all may be trained on.

    None is ever moved back. Images that hang together are on one side: near duplicates, and those that were made from
    the same image. What was made from an image that the run is tested on, or nearly equals one, is not trained on:
    it would make the test error of the run too low.

    Args:
        run: that is to be trained again.
        on_progress: called with (images done, images in all) while near duplicates are looked for.

    Returns:
        Digests of the pixels that are not trained on, those of images included that were moved to `train` for another
        run, which is tested on other images.

    Raises:
        DataError: there are too few; the message says how many are needed. Or the images of the run have changed.
    """
    lay_out(folder, ())
    images = decode_folder(scan_folder(folder, min_classes=1), run.model.preprocessing)
    files = images.files
    known = [row for row, file in enumerate(files) if file.class_name in run.model.classes]
    _require_enough(folder, len(known))
    groups = _groups(run, images, _origins_of(folder, images), on_progress)
    bound = {row for group in groups if group.is_tested for row in group.rows}
    # what is bound and was moved for another run is neither trained on nor measured with
    known = [row for row in known if row not in bound or files[row].split != "train"]
    _require_enough(folder, len(known))
    train = {row for row in known if files[row].split == "train"}
    chosen = set(train)
    for group in groups:  # what looks like an image that is trained on already does not measure
        chosen |= set(group.rows) & set(known) if train & set(group.rows) else set()
    for group in _in_turns(groups, images):
        rows = set(group.rows) & set(known)
        if not group.is_tested and not rows & chosen and len(chosen) + len(rows) <= len(known) // 2:
            chosen |= rows
    if len(chosen) < NEEDED:
        raise DataError(
            f"{shown_name(folder)}: only {len(chosen)} of its {len(known)} images can be trained on, and {NEEDED} "
            f"are needed; {len(bound)} were made from test images of {run.path.name}, which have to stay out of its "
            "training, and images that look alike stay together: collect others"
        )
    if len(known) - len(chosen) < NEEDED:
        raise DataError(
            f"{shown_name(folder)}: only {len(known) - len(chosen)} of its {len(known)} images measure, and {NEEDED} "
            "are needed; collect others"
        )
    with disk_errors(folder, DataError, "check its permissions"):
        for row in sorted(chosen - train):
            name = unescape_name(files[row].entry.name)
            move_into(folder / name, folder / "train" / PurePosixPath(name).parent.name)
    return frozenset(images.facts[row].digest for row in bound)


def _require_enough(folder: Path, count: int) -> None:
    if count < 2 * NEEDED:
        raise DataError(
            f"{shown_name(folder)}: has {count} {'image' if count == 1 else 'images'} of the run's classes, and "
            f"{2 * NEEDED} are needed, half to train on and half to measure with: a change of fewer than {NEEDED} "
            f"may be chance; collect {2 * NEEDED - count} more"
        )


@dataclass(frozen=True)
class _Group:
    """Rows of images that hang together. is_tested: some hang together with an image that the run is tested on."""

    rows: tuple[int, ...]
    is_tested: bool


def _origins_of(folder: Path, images: DecodedImages) -> list[Origin | None]:
    known = read_origins(folder)
    try:
        digests = [file_digest((folder / unescape_name(file.entry.name)).read_bytes()) for file in images.files]
    except OSError as error:
        raise DataError(
            f"{shown_name(folder)}: an image cannot be read ({error.strerror or error}); put it back"
        ) from error
    return [known.get(digest) for digest in digests]


def _groups(
    run: Run, images: DecodedImages, origins: Sequence[Origin | None], on_progress: Progress | None
) -> list[_Group]:
    own = decode_own_images(run)
    test = own_split(run, own).test.indices
    count, location = len(images.files), shown_name(own.folder.location)
    ties = [(str(row), str(row)) for row in range(count)]
    for row, origin in enumerate(origins):
        if origin is not None:
            ties.append((str(row), f"made from {origin.folder} {origin.file}"))
    for start in range(0, max(len(test), 1), CHUNK):
        part = test[start : start + CHUNK]
        pairs, _ = near_pairs(np.concatenate([images.pixels, own.pixels[part]]), on_progress=on_progress)
        names = [*map(str, range(count)), *(f"{TESTED} {own.files[row].entry.name}" for row in part)]
        ties += [(names[a], names[b]) for a, b in pairs]
    ties += [
        (f"made from {location} {own.files[row].entry.name}", f"{TESTED} {own.files[row].entry.name}") for row in test
    ]
    connected = group_near_duplicates(tuple(NearDuplicate(a, b, 0.0, "") for a, b in ties))
    groups = [
        _Group(tuple(int(n) for n in names if n.isdecimal()), any(map(_is_tested, names))) for names in connected
    ]
    return [group for group in groups if group.rows]


def _is_tested(name: str) -> bool:
    return name.startswith(TESTED)


def _in_turns(groups: Sequence[_Group], images: DecodedImages) -> list[_Group]:
    """The groups in an order given by content, one of each class after the other."""
    rank = {group: min(images.facts[row].digest for row in group.rows) for group in groups}
    by_class: dict[str, list[_Group]] = defaultdict(list)
    for group in sorted(groups, key=rank.__getitem__):
        by_class[images.files[group.rows[0]].class_name].append(group)
    turns = [(turn, name, group) for name, several in by_class.items() for turn, group in enumerate(several)]
    return [group for _, _, group in sorted(turns, key=lambda each: each[:2])]
