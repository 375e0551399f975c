"""One file of a folder or an archive, and what every source of files can do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Entry", "ImageSource"]


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


class ImageSource(Protocol):
    """Where files come from. `folders` are names of folders, empty ones too; `read` is thread-safe."""

    path: Path
    entries: tuple[Entry, ...]
    folders: frozenset[str]

    def read(self, entry: Entry) -> bytes:
        """The content of a file. Raises OSError where it cannot be read."""
