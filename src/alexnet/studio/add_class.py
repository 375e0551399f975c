"""A class that the page adds to a folder of images: an empty folder beside those of the other classes."""

import unicodedata

from alexnet.data.folder import ImageFolder
from alexnet.data.folder_layout import find_layout, is_hidden
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, unescape_name
from alexnet.safe_name import safe_name

__all__ = ["add_class", "class_name"]


def class_name(text: str) -> str:
    """The name of a class folder made from what was typed; "" where nothing of it is left.

    >>> class_name(" mug "), class_name("../x"), class_name(" .. ")
    ('mug', '%2Fx', '')
    """
    plain = unicodedata.normalize("NFC", text).strip()
    return safe_name(plain.lstrip(".")) if plain.strip(" .") else ""


def add_class(folder: ImageFolder, text: str) -> str:
    """Make the folder of a new class, beside the training images if there are splits; returns the class.

    Raises:
        DataError: the folder is an archive, has that class, or nothing is left of the name.
    """
    name = class_name(text)
    if not folder.path.is_dir():
        raise DataError(f"{shown_name(folder.path)}: is an archive; unpack it to add classes")
    if not name:
        raise DataError("name: is empty; give the new class a name")
    if is_hidden(name):
        raise DataError(f"{shown_name(name)}: is left aside as a folder of a program; choose another name")
    if name.casefold() in {each.casefold() for each in folder.classes}:
        raise DataError(f"{shown_name(name)}: is a class of the folder already; choose it, or another name")
    bases = find_layout(folder.source).splits if folder.files else {"": None}
    base = min(bases, key=lambda each: bases[each] not in (None, "train"))
    path = folder.path / unescape_name(base) / name
    with disk_errors(path, DataError, "check its permissions"):
        path.mkdir()
    return name
