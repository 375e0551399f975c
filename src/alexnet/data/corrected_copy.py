"""A corrected copy of a folder: every image in the folder of its class, linked where the disk can."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet.data.folder import ImageFile, ImageFolder, scan_folder
from alexnet.data.free_names import FreeNames
from alexnet.data.sources import FolderSource
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, unescape_name
from alexnet.practice.new_folder import new_folder
from alexnet.progress_callback import Progress
from alexnet.records import Record

__all__ = ["CorrectedCopy", "write_corrected_copy"]


@dataclass(frozen=True)
class CorrectedCopy(Record):
    """What a corrected copy holds.

    path: its folder. num_images: images in it. num_linked: files that share their bytes on the disk with the
    originals.

    moved: (name before, name in the copy) of relabeled images. excluded: names of images that are not in the copy.
    """

    path: str
    num_images: int
    num_linked: int
    moved: tuple[tuple[str, str], ...]
    excluded: tuple[str, ...]


def write_corrected_copy(
    folder: ImageFolder, out: Path | str, *, on_progress: Progress | None = None
) -> CorrectedCopy:
    """Write a corrected folder as a new one: SPLIT/CLASS/file, without the excluded images.

    Files are hard links where the file system allows it, else copies; change a linked file by replacing it, not by
    writing into it. The folder appears when it is whole.

    Args:
        folder: see `apply_corrections`.
        out: a new or empty folder.
        on_progress: called with (files done, files in all).

    Raises:
        DataError: `out` is not empty or cannot be written, or an image cannot be read.

    >>> _ = alexnet.correct("images", ["train/down/down_003.png"], "relabel", to="rings")
    >>> write_corrected_copy(alexnet.apply_corrections("images", "images/corrections.csv"), "better").moved
    (('train/down/down_003.png', 'train/rings/down_003.png'),)
    """
    names = _names(folder)
    num_linked = 0
    with new_folder(out, copied=folder.path) as beside:
        for done, (file, name) in enumerate(zip(folder.files, names, strict=True), start=1):
            target = beside / unescape_name(name)
            if not target.resolve().is_relative_to(beside.resolve()):
                raise DataError(f"{shown_name(name)}: leads out of the copy; correct the label of that image")
            with disk_errors(target, DataError, "choose another folder"):
                target.parent.mkdir(parents=True, exist_ok=True)
                num_linked += _place(folder, file, target)
            if on_progress:
                on_progress(done, len(names))
        _require_same_classes(folder, names, beside, Path(out))
    moved = tuple(
        (file.entry.name, name) for file, name in zip(folder.files, names, strict=True) if file.labeled is not None
    )
    excluded = tuple(line.file for line in folder.corrections if line.action == "exclude")
    return CorrectedCopy(str(out), len(names), num_linked, moved, excluded)


def _require_same_classes(folder: ImageFolder, names: Sequence[str], beside: Path, out: Path) -> None:
    """Refuse a copy that would not be read as it was corrected, as with a class `train` among classes."""
    wanted = {name: file.class_name for file, name in zip(folder.files, names, strict=True)}
    try:
        copied = {file.entry.name: file.class_name for file in scan_folder(beside, min_classes=1).files}
        wrong = [label for name, label in wanted.items() if copied.get(name) != label]
        fault = f"the images of class {wrong[0]} would not be read as that class" if wrong else ""
    except DataError as error:
        fault = str(error).removeprefix(f"{shown_name(beside)}: ")
    if fault:
        raise DataError(f"{shown_name(out)}: is not written, because {fault}; correct to another class name")


def _place(folder: ImageFolder, file: ImageFile, target: Path) -> bool:
    """Link or copy a file; whether it is a link."""
    if isinstance(folder.source, FolderSource) and not file.entry.problem:
        with contextlib.suppress(OSError):  # another disk, or one without links
            os.link((folder.path / unescape_name(file.entry.name)).resolve(), target)
            return True
    try:
        data = folder.source.read(file.entry)
    except OSError as error:
        where = f"{shown_name(folder.path)}: {file.entry.name}"
        raise DataError(f"{where} cannot be read ({error.strerror or error}); exclude or restore it") from error
    target.write_bytes(data)
    return False


def _names(folder: ImageFolder) -> list[str]:
    """A name for each file in the copy; files that stay in their class keep theirs, others give way."""
    free = FreeNames()
    names: dict[int, str] = {}
    for place in sorted(range(len(folder.files)), key=lambda place: folder.files[place].labeled is not None):
        file = folder.files[place]
        base = file.entry.name.rpartition("/")[2]
        parts = "/".join(part for part in (file.split, file.class_name) if part)
        names[place] = free.take(parts, base)
    return [names[place] for place in range(len(folder.files))]
