"""One file of a folder, an archive or a shard, and what every source of files can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Entry", "ImageFile", "ImageSource"]


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    name: path inside it, with `/`, unique and escaped so that it can be shown. stamp: changes when the content
    may have changed. problem: why the file cannot be read, "" if no reason is known.
    """

    name: str
    num_bytes: int
    stamp: str
    problem: str = ""


@dataclass(frozen=True)
class ImageFile:
    """A file that should hold an image.

    split: `train`, `test`, `validation`, or None where the folder has none. labeled: the class whose folder it lies
    in, where a correction gave it another.
    """

    entry: Entry
    class_name: str
    split: str | None
    labeled: str | None = None

    @property
    def folder_class(self) -> str:
        """The class whose folder it lies in."""
        return self.class_name if self.labeled is None else self.labeled


class ImageSource(Protocol):
    """Where files come from; `read` is thread-safe."""

    path: Path

    @property
    def folders(self) -> frozenset[str]:
        """The names of all folders, empty ones too."""

    @property
    def entries(self) -> Sequence[Entry]:
        """All files by name."""

    def read(self, entry: Entry) -> bytes:
        """The content of a file. Raises OSError where it cannot be read."""
