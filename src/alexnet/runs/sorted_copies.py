"""Copies of images in the folders of their predicted classes; those that are there are not made again."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from alexnet.errors import DataError
from alexnet.evaluation.predict import Reader
from alexnet.files import disk_errors
from alexnet.safe_name import safe_name

__all__ = ["SortedCopies"]


@dataclass
class _Namesakes:
    """The numbered copies of a name that have been looked at: digests of their contents, and the next number."""

    digests: set[bytes] = field(default_factory=set)
    number: int = 2


class SortedCopies:
    """Copies images into the folders of classes; where another image has the name, under a numbered one.

    num_in_place: images that were there already, with the same name (or a number before it) and the same content.
    """

    def __init__(self, folder: Path) -> None:
        self.num_in_place = 0
        self._folder, self._beside = folder, folder / f".copying.{os.getpid()}.part"
        self._namesakes = dict[Path, _Namesakes]()

    def copy(self, file: str, class_name: str, read: Reader) -> None:
        """Copy the image at `file`, unless it is in the folder of the class already.

        Raises:
            DataError: it cannot be read or written.
        """
        target = self._folder / safe_name(class_name)
        with disk_errors(target, DataError, "choose another folder to sort into"):
            target.mkdir(parents=True, exist_ok=True)
            data = read()
            if (copy := self._free_path(target / safe_name(Path(file).name), data)) is None:
                self.num_in_place += 1
                return
            try:  # under its name only when it is whole: a full disk, or a kill, would leave half of it there
                self._beside.write_bytes(data)
                self._beside.replace(copy)
            except OSError:
                with suppress(OSError):
                    self._beside.unlink(missing_ok=True)
                raise

    def _free_path(self, path: Path, data: bytes) -> Path | None:
        """The path, or the first numbered one that is free; None where the content lies at one of them."""
        if not path.exists():
            return path
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return None
        names, digest = self._namesakes.setdefault(path, _Namesakes()), _digest(data)
        while digest not in names.digests:  # of many namesakes, not all are read each time
            copy = path.with_name(f"{names.number}-{path.name}")
            names.number += 1
            if not copy.exists():
                names.digests.add(digest)
                return copy
            if copy.is_file():
                names.digests.add(_digest(copy.read_bytes()))
        return None


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
