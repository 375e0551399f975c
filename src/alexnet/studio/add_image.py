"""An image that the page sends, put into a class of a folder: checked by decoding it, never over another file."""

import contextlib
import os
from pathlib import Path, PurePosixPath

from alexnet.data.folder import ImageFolder
from alexnet.data.folder_layout import find_layout
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, unescape_name, write_whole
from alexnet.records import Preprocessing
from alexnet.safe_name import safe_name

__all__ = ["add_image"]

CHECKED = Preprocessing(64, "squash", True, "RGB", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""How an image is decoded to see whether it is one; its file is kept as it is."""

ENDINGS = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif", "WEBP": ".webp",
    "PPM": ".ppm", "AVIF": ".avif", "JPEG2000": ".jp2",
}  # fmt: skip
"""The ending of a file by what is in it, whatever it was called."""


def add_image(folder: ImageFolder, class_name: str, name: str, data: bytes, *, split: str | None = None) -> str:
    """Write an image into a class of a folder, beside its training images if there are splits; returns its name.

    Args:
        class_name: one of the folder's classes.
        name: of the file that was sent; it is made a safe one, with the ending of what is in it.
        data: the file's bytes, which are decoded first.
        split: whose folder it goes to; by default that of the training images, where the class has some.

    Raises:
        DataError: the folder is an archive, has no such class, or the file is no image that can be read.
    """
    from alexnet.data.decode import inspect_image  # here: it loads torch

    if not folder.path.is_dir():
        raise DataError(f"{shown_name(folder.path)}: is an archive; unpack it to add images")
    if class_name not in folder.classes:
        raise DataError(f"{shown_name(class_name)[:80]}: the folder has no such class; choose one that it has")
    pixels, facts = inspect_image(data, CHECKED)
    stem = safe_name(PurePosixPath(name.replace("\\", "/")).stem.lstrip(".") or "image")
    ending = ENDINGS.get(facts.format)
    if pixels is None or ending is None:
        fault = facts.error or f"images of the format {facts.format} are not added"
        raise DataError(f"{shown_name(name)[:80]}: cannot be used ({fault}); choose an image file")
    directory = _directory(folder, class_name, split)
    with disk_errors(directory, DataError, "check its permissions"):
        path = _claim(directory, stem, ending)
        try:
            write_whole(path, lambda beside: beside.write_bytes(data))
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
    return shown_name(path.relative_to(folder.path).as_posix())


def _directory(folder: ImageFolder, class_name: str, split: str | None) -> Path:
    """The folder of a class: that of the split, or of its training images, where it has some."""
    bases = find_layout(folder.source).splits
    if not folder.files and len(bases) == 1:
        bases = {"": None}
    ordered = sorted(bases, key=lambda base: bases[base] not in (None, "train"))
    if split is not None and split in bases.values():
        ordered = [base for base in ordered if bases[base] == split]
    for base in ordered:
        for file in folder.files:
            if file.folder_class == class_name and file.entry.name.startswith(base):
                inner = file.entry.name[len(base) :].split("/")[0]
                return folder.path / unescape_name(base + inner)
    for place in sorted(folder.source.folders):  # a class without images yet
        if any(place == base + class_name for base in ordered):
            return folder.path / unescape_name(place)
    raise DataError(f"{shown_name(class_name)}: its folder is not there; create it")


def _claim(directory: Path, stem: str, ending: str) -> Path:
    """A file of a new name, empty so far; whoever else adds one of that name at the same time gets another."""
    number, path = 1, directory / f"{stem}{ending}"
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            return path
        except FileExistsError:
            number += 1
            path = directory / f"{stem}-{number}{ending}"
