"""Files by name, from a folder, a tar or a zip, read in place."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path

from alexnet.data.archives import TarSource, ZipSource
from alexnet.data.entry import Entry, ImageSource
from alexnet.data.open_shards import open_remote_shards, open_shards
from alexnet.data.shards import MANIFEST
from alexnet.errors import DataError
from alexnet.files import escape_name, shown_name, unescape_name

__all__ = ["FolderSource", "find_entries", "open_source"]

MAGIC = {
    b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "rar",
}  # fmt: skip
"""First bytes of archives and compressed files."""

UNPACK = {
    "gzip": "tar -xzf", "bzip2": "tar -xjf", "xz": "tar -xJf", "zstd": "tar --zstd -xf", "7z": "7z x",
    "rar": "unrar x",
}  # fmt: skip


def open_source(path: Path | str) -> ImageSource:
    """The folder, archive or set of shards at `path`, listed but not read. Archives are recognized by their content.

    Raises:
        DataError: it is missing, neither folder nor archive, damaged, compressed, or may not be read.
    """
    shards = open_remote_shards(path)
    if shards is not None:
        return shards
    path = Path(path)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
        if is_folder or path.name == MANIFEST:
            shards = open_shards(path if is_folder else path.parent)
            if shards is not None:
                return shards
        if is_folder:
            return FolderSource(path)
        kind = _archive_kind(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise DataError(f"{shown_name(path)}: no such file or folder; check the path") from error
    except OSError as error:
        raise DataError(
            f"{shown_name(path)}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error
    if kind == "zip":
        return ZipSource(path)
    if kind == "tar":
        return TarSource(path)
    raise DataError(f"{shown_name(path)}: {_advice(kind, path)}")


def find_entries(source: ImageSource, names: Iterable[str]) -> dict[str, Entry]:
    """The entries of these names, without those that are not there; a folder is not listed for them."""
    if isinstance(source, FolderSource):
        looked_up = ((name, source.find(name)) for name in names)
        return {name: entry for name, entry in looked_up if entry is not None}
    wanted = frozenset(names)
    return {entry.name: entry for entry in source.entries if entry.name in wanted}


def _archive_kind(path: Path) -> str:
    """`zip`, `tar`, another format of `MAGIC`, or "" where the file is neither."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        head = file.read(512)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    ending = path.suffix.lower()
    return ending[1:] if ending in (".tar", ".zip") else ""  # old tars, and damaged archives, have no mark


def _advice(kind: str, path: Path) -> str:
    if kind in UNPACK:
        unpacked = f"unpack it (`{UNPACK[kind]} {shown_name(path.name)}`) and give the folder"
        return f"is compressed ({kind}), and images are read in place; {unpacked}"
    return "is neither a folder nor a .tar or .zip archive; give a folder of class folders"


class FolderSource:
    """Files below a folder. Links are followed, but not in circles; links to nothing are listed as unreadable.

    Files are listed when `entries` or `folders` is first read. Raises OSError where the folder cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        os.scandir(path).close()

    @cached_property
    def _listed(self) -> tuple[tuple[Entry, ...], frozenset[str]]:
        folders: set[str] = set()
        return tuple(_walk(self.path, "", folders, frozenset())), frozenset(folders)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files by name."""
        return self._listed[0]

    @property
    def folders(self) -> frozenset[str]:
        """The names of all folders, empty ones too."""
        return self._listed[1]

    def walk(self) -> Iterator[Entry]:
        """The same files, looked at one by one: of those to come in a folder, only the names are in memory."""
        return _walk(self.path, "", set(), frozenset())

    def find(self, name: str) -> Entry | None:
        """The file of a name, without listing the folder; None where there is none."""
        inner = unescape_name(name)
        if escape_name(inner) != name or any(part in ("", ".", "..") for part in inner.split("/")) or "\0" in inner:
            return None  # no name that a listing has: it could lie outside the folder
        try:
            path = self.path / inner
            if path.is_dir() or not os.path.lexists(path):
                return None
            return _entry(name, path.stat)
        except OSError as error:
            return Entry(name, 0, "", f"cannot be read ({error.strerror or error})")

    def read(self, entry: Entry) -> bytes:
        """The content of a file. Raises OSError where it cannot be read."""
        if entry.problem:  # to open what is no regular file could wait for ever
            raise OSError(entry.problem)
        with (self.path / unescape_name(entry.name)).open("rb") as file:
            return file.read()


def _walk(folder: Path, prefix: str, folders: set[str], above: frozenset[str]) -> Iterator[Entry]:
    """The files below `folder` in the order of their names, which start with `prefix`.

    Only `folder` itself must be readable. Folders are sorted with the `/` after their names, so that the files are.
    """
    real = os.path.realpath(folder)
    if real in above:  # a link that leads back to where it hangs
        return
    with os.scandir(folder) as items:  # of each only the name is kept: of 100,000 files, the rest would be 50 MB
        ordered = sorted((item.name + "/" if _is_folder(item) else item.name for item in items), key=escape_name)
    for own in ordered:
        name, path = prefix + escape_name(own.removesuffix("/")), folder / own
        try:
            if own.endswith("/"):
                folders.add(name)
                yield from _walk(path, name + "/", folders, above | {real})
            else:
                yield _entry(name, path.stat)
        except OSError as error:
            what = "the folder cannot be read" if name in folders else "cannot be read"
            yield Entry(name, 0, "", f"{what} ({error.strerror or error})")


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link to itself, which is listed as unreadable
        return False


def _entry(name: str, look: Callable[[], os.stat_result]) -> Entry:
    """A file. look: gives its status."""
    try:
        status = look()
    except FileNotFoundError:
        return Entry(name, 0, "", "a link to nothing")
    if not stat.S_ISREG(status.st_mode):
        return Entry(name, 0, "", "not a regular file")
    return Entry(name, status.st_size, f"{status.st_mtime_ns}.{status.st_ctime_ns}")
