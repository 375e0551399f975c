"""A spoiled copy of a folder, with the answers: wrong labels, near duplicates, a colored corner, a dark class."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.audit.answer_sheet import ANSWERS, Answers, PlantedDuplicate, SwappedLabel
from alexnet.data.decode import plain_preprocessing
from alexnet.data.decode_files import read_checked
from alexnet.data.folder import ImageFile, ImageFolder, scan_folder
from alexnet.data.free_names import FreeNames
from alexnet.data.image_file import load_image, open_image
from alexnet.data.quiet import quiet_pillow
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, unescape_name
from alexnet.practice.alter import CHANGES, alter, darken, encode_like, paint_corner
from alexnet.practice.new_folder import new_folder
from alexnet.presets import PRESETS
from alexnet.progress_callback import Progress
from alexnet.safe_name import safe_name

__all__ = ["spoil_folder"]


@dataclass(frozen=True)
class _Planned:
    """A file of the copy: from which file, in which class, and how its pixels change."""

    file: ImageFile
    class_name: str
    split: str | None
    change: str | None = None


def spoil_folder(
    folder: ImageFolder | Path | str,
    out: Path | str,
    *,
    swap: float = 0.0,
    between: Sequence[str] = (),
    duplicates: int = 0,
    corner: str | None = None,
    dark: str | None = None,
    keep_names: bool = False,
    seed: int = 0,
    on_progress: Progress | None = None,
    on_looking: Progress | None = None,
) -> Answers:
    """Copy a folder of images and plant faults in the copy; `answers.json` in it says which.

    The original is only read. The copy's files are numbered in a random order, so that no name gives a fault away.
    Faults are planted in images only; files that are no image that can be used are copied as they are.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        out: a new or empty folder.
        swap: fraction of the training images (of all where the folder has no split) that get another class's
            label, 0 to below 1.
        between: swap labels only among these classes; by default among all, each with the same probability.
        duplicates: near duplicates of training images to add to the test images of the same class, each a crop, a
            mirror image, a re-encoded or a brighter or darker one, or as the next frame of a video. Without a split
            they are added to the class.
        corner: the class whose images get a colored square in the top left corner.
        dark: the class whose images are darkened.
        keep_names: keep the names of the files.
        seed: >= 0; another seed plants other faults.
        on_progress: called with (files written, files in all).
        on_looking: called with (files done, files in all) while it is looked which ones can be used.

    Raises:
        DataError: there is no such folder or class, `out` is not empty or cannot be written, or a fraction or
            number is out of range.

    >>> answers = spoil_folder("images", "spoiled", swap=0.1, duplicates=4)
    >>> len(answers.swapped), len(answers.near_duplicates)
    (7, 4)
    """
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    _check(scanned, swap, [*between, *(name for name in (corner, dark) if name)], duplicates, seed)
    rng = np.random.default_rng(seed)
    training = [file for file in scanned.files if file.split in (None, "train")]
    if training and (swap or duplicates):
        training = _images_of(scanned, training, on_looking or (lambda _done, _total: None))
    candidates = [file for file in training if not between or file.class_name in between]
    wrong = _swap(candidates, swap, between or scanned.classes, rng)
    plan = [_Planned(f, wrong.get(f.entry.name, f.class_name), f.split) for f in scanned.files]
    plan += _plan_duplicates(scanned, [file for file in training if file.entry.name not in wrong], duplicates, rng)
    names = _name_files(plan, keep_names, rng)
    swapped = tuple(
        SwappedLabel(name, item.class_name, item.file.class_name)
        for item, name in zip(plan, names, strict=True)
        if item.change is None and item.file.entry.name in wrong
    )
    by_source = {item.file.entry.name: name for item, name in zip(plan, names, strict=True) if item.change is None}
    planted: list[PlantedDuplicate] = []
    with new_folder(out, copied=scanned.path) as beside:
        for done, (item, name) in enumerate(zip(plan, names, strict=True), start=1):
            data, strength = _content(scanned, item, corner, dark, rng)
            _write(beside / unescape_name(name), data)
            if item.change:
                planted.append(PlantedDuplicate(by_source[item.file.entry.name], name, item.change, strength))
            if on_progress:
                on_progress(done, len(plan))
        answers = Answers(
            source=shown_name(scanned.path), seed=seed, num_images=len(plan), num_candidates=len(candidates),
            swapped=tuple(sorted(swapped, key=lambda each: each.file)), near_duplicates=tuple(planted),
            corner=corner, dark=dark, files={name: source for source, name in sorted(by_source.items())},
        )  # fmt: skip
        text = json.dumps(answers.to_dict(), indent=1, ensure_ascii=False)
        (beside / ANSWERS).write_text(text, encoding="utf-8", errors="backslashreplace")
    return answers


def _check(folder: ImageFolder, swap: float, named: Sequence[str], duplicates: int, seed: int) -> None:
    where = shown_name(folder.path)
    unknown = sorted(set(named) - set(folder.classes))
    if unknown:
        raise DataError(f"{where}: has no class {unknown[0]}; choose from {', '.join(folder.classes[:20])}")
    if not 0.0 <= swap < 1.0:
        raise DataError(f"swap = {swap:g}: give a fraction from 0 to below 1, for example 0.03")
    if duplicates < 0 or seed < 0:
        raise DataError(f"duplicates = {duplicates}, seed = {seed}: give 0 or more")
    num_train = sum(file.split in (None, "train") for file in folder.files)
    if duplicates > num_train:
        raise DataError(f"duplicates = {duplicates}: {where} has only {num_train} training images; ask for fewer")


def _images_of(folder: ImageFolder, files: Sequence[ImageFile], on_looking: Progress) -> list[ImageFile]:
    """The files that are images which can be used: a fault planted in another could not be found."""
    entries, usable = [file.entry for file in files], []
    with closing(read_checked(folder.source, entries, plain_preprocessing(PRESETS["fast"]))) as read:
        for done, (file, (data, _)) in enumerate(zip(files, read, strict=True), start=1):
            usable += [file] if data is not None else []
            on_looking(done, len(files))
    return usable


def _swap(
    candidates: Sequence[ImageFile], fraction: float, classes: Sequence[str], rng: np.random.Generator
) -> dict[str, str]:
    """The wrong class of each chosen file."""
    chosen = rng.permutation(len(candidates))[: round(fraction * len(candidates))]
    wrong = {}
    for place in sorted(chosen.tolist()):
        file = candidates[place]
        others = [name for name in classes if name != file.class_name]
        if not others:
            raise DataError("between: give at least two classes to swap labels among")
        wrong[file.entry.name] = others[int(rng.integers(len(others)))]
    return wrong


def _plan_duplicates(
    folder: ImageFolder, usable: Sequence[ImageFile], count: int, rng: np.random.Generator
) -> list[_Planned]:
    """Copies of training images with right labels, for the held-out side; the kinds of changes take turns.

    An image that cannot be changed, as a huge one in too little memory, gives way to the next.
    """
    sides = {file.split for file in folder.files}
    side = next((split for split in ("test", "validation") if split in sides), None)
    planned: list[_Planned] = []
    for row in rng.permutation(len(usable)):
        if len(planned) == count:
            break
        item = _Planned(usable[row], usable[row].class_name, side, CHANGES[len(planned) % len(CHANGES)])
        planned += [item] if _can_change(folder, item) else []
    if len(planned) < count:
        raise DataError(
            f"duplicates = {count}: {shown_name(folder.path)} has only {len(planned)} training images of correct "
            "labels that can be changed; ask for fewer"
        )
    return planned


def _can_change(folder: ImageFolder, item: _Planned) -> bool:
    """Whether an image can be changed and written; with random numbers of its own, so that those of the copy stay."""
    try:
        _changed(folder.source.read(item.file.entry), item, None, None, np.random.default_rng(0))
    except Exception:  # as in `_content`
        return False
    return True


def _name_files(plan: Sequence[_Planned], keep: bool, rng: np.random.Generator) -> list[str]:
    """Names in the copy, in the order of the plan: `split/class/file`, without two that are the same."""
    numbers = rng.permutation(len(plan))
    digits = max(4, len(str(len(plan))))
    free = FreeNames()
    names = []
    for item, number in zip(plan, numbers, strict=True):
        ending = Path(item.file.entry.name).suffix
        numbered = f"image_{number:0{digits}d}{safe_name(f'x{ending}')[1:]}"
        base = item.file.entry.name.rpartition("/")[2] if keep else numbered
        folder = "/".join(part for part in (item.split, item.class_name) if part)
        names.append(free.take(folder, base))
    return names


def _content(
    folder: ImageFolder, item: _Planned, corner: str | None, dark: str | None, rng: np.random.Generator
) -> tuple[bytes, float]:
    """The bytes of a file of the copy, and the strength of its change; what is no image is copied as it is."""
    try:
        data = folder.source.read(item.file.entry)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{item.file.entry.name}: cannot be read ({reason}); remove it, then try again") from error
    if item.change is None and item.class_name not in (corner, dark):
        return data, 0.0
    try:
        return _changed(data, item, corner, dark, rng)
    except Exception as error:
        if item.change is None:  # a damaged file, which the copy should have as well
            return data, 0.0
        raise DataError(f"{item.file.entry.name}: cannot be changed ({error}); try another seed") from error


def _changed(
    data: bytes, item: _Planned, corner: str | None, dark: str | None, rng: np.random.Generator
) -> tuple[bytes, float]:
    """A changed image as a file, and the strength of the change."""
    with quiet_pillow(), open_image(data) as (original, _):
        _, turn = load_image(original, apply_exif=True)
        image, strength = (original if turn is None else original.transpose(turn)).convert("RGB"), 0.0
        if item.change:
            image, strength = alter(image, item.change, rng)
        image = darken(image) if item.class_name == dark else image
        image = paint_corner(image) if item.class_name == corner else image
        return encode_like(image, original), strength


def _write(path: Path, data: bytes) -> None:
    with disk_errors(path, DataError, "choose another folder"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
