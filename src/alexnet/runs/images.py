"""Images of a run by name, read again from the folder or archive that it was trained on."""

from collections.abc import Iterable
from pathlib import Path

from alexnet.data.decode import Pixels, center_crop, inspect_image
from alexnet.data.image_file import too_many_bytes
from alexnet.data.sources import find_entries, open_source
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.records import Preprocessing

__all__ = ["images_of", "read_files"]

MOST_CHARACTERS = 300
"""Of a name in a message."""


def read_files(path: Path | str, files: Iterable[str], *, missing_ok: bool = False) -> Iterable[tuple[str, bytes]]:
    """The bytes of image files, each with its name.

    Args:
        path: the folder or archive of the images.
        files: their names in it.
        missing_ok: leave out files that are missing or cannot be read.

    Raises:
        DataError: the folder, or a file, is missing or cannot be read.
    """
    source = open_source(path)
    names = list(files)
    entries = find_entries(source, names)
    for name in names:
        try:
            if name not in entries:
                raise OSError("it is not there")
            problem = entries[name].problem or too_many_bytes(entries[name].num_bytes)
            if problem:
                raise OSError(problem)
            data = source.read(entries[name])
        except OSError as error:
            if missing_ok:
                continue
            reason = error.strerror or str(error)
            raise DataError(
                f"{source.path}: {_short(name)} cannot be read ({reason}); put it back, or train again"
            ) from error
        yield name, data


def images_of(
    path: Path | str, files: Iterable[str], preprocessing: Preprocessing, *, missing_ok: bool = False
) -> dict[str, Pixels]:
    """Images by file name, as a network gets them: uint8 [size, size, 3].

    Args:
        path: the folder or archive of the images.
        files: their names in it.
        missing_ok: leave out images that are missing or cannot be read.

    Raises:
        DataError: the folder, or an image, is missing or cannot be read.
    """
    images = {}
    for name, data in read_files(path, files, missing_ok=missing_ok):
        pixels, facts = inspect_image(data, preprocessing)
        if pixels is not None:
            images[name] = center_crop(pixels, preprocessing)
        elif not missing_ok:
            raise DataError(f"{path}: {_short(name)} cannot be used ({facts.error}); restore it")
    return images


def _short(name: str) -> str:
    """A name for a message; that of a damaged run may be thousands of characters long."""
    shown = shown_name(name)
    return shown if len(shown) <= MOST_CHARACTERS else f"{shown[: MOST_CHARACTERS - 1]}…"
