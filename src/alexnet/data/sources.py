"""Files by name, from a folder, a tar or a zip, read in place."""

import lzma
import os
import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alexnet.errors import DataError

__all__ = ["Entry", "ImageSource", "open_source"]

ARCHIVES = (".tar", ".zip")

DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError)
"""What reading a damaged, encrypted or exotic member of a zip raises."""

END_MARK = 512
"""Bytes of zeros, at the least, that end a whole tar."""


@dataclass(frozen=True)
class Entry:
    """One file of a source. name: path inside it, with `/`. stamp: changes when the content may have."""

    name: str
    num_bytes: int
    stamp: str


class ImageSource(Protocol):
    """Where files come from. `folders` are names of folders, empty ones too; `read` is thread-safe."""

    path: Path
    entries: tuple[Entry, ...]
    folders: frozenset[str]

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""


def open_source(path: Path | str) -> ImageSource:
    """The folder or archive at `path`, listed but not read.

    Raises:
        DataError: it is missing, no folder and no archive, broken, or may not be read.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    try:
        if path.is_dir():
            return FolderSource(path)
        if path.suffix.lower() == ".tar":
            return TarSource(path)
        if path.suffix.lower() == ".zip":
            return ZipSource(path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: is damaged or no {path.suffix[1:]} archive ({error}); fetch it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    raise DataError(f"{path}: is no folder and no {' or '.join(ARCHIVES)} archive; give a folder of class folders")


class FolderSource:
    """Files below a folder; links are followed, but not in circles."""

    def __init__(self, path: Path) -> None:
        self.path = path
        folders: set[str] = set()
        self.entries = tuple(sorted(_walk(path, "", folders, frozenset()), key=lambda entry: entry.name))
        self.folders = frozenset(folders)

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        return (self.path / entry.name).read_bytes()


def _walk(folder: Path, prefix: str, folders: set[str], above: frozenset[str]) -> Iterator[Entry]:
    real = os.path.realpath(folder)
    if real in above:  # a link that leads back to where it hangs
        return
    with os.scandir(folder) as items:
        for item in sorted(items, key=lambda item: item.name):
            name = prefix + item.name
            if item.is_dir():
                folders.add(name)
                yield from _walk(Path(item.path), name + "/", folders, above | {real})
            elif item.is_file():
                status = item.stat()
                yield Entry(name, status.st_size, f"{status.st_mtime_ns}.{status.st_ctime_ns}")


class TarSource:
    """Files of an uncompressed tar, read at their offsets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
            end = archive.offset
        size = path.stat().st_size
        found = {_clean(member.name): member for member in members}  # of a name that comes twice the last counts
        for name, member in found.items():
            if member.islnk() or member.issym():
                base = "" if member.islnk() else name.rpartition("/")[0]
                target = found.get(posixpath.normpath(posixpath.join(base, _clean(member.linkname))))
                found[name] = target or member
        whole = {name: member for name, member in found.items() if member.isreg() and not member.issparse()}
        files = list(whole.values())
        if size < end + END_MARK or any(member.offset_data + member.size > size for member in files):
            raise tarfile.ReadError("it was cut short")
        stamp = _file_stamp(path)
        self.entries = tuple(
            Entry(name, whole[name].size, stamp) if name in whole else Entry(name, 0, stamp)
            for name in sorted(found)
            if not found[name].isdir()
        )
        self._offsets = {name: member.offset_data for name, member in whole.items()}
        self.folders = frozenset(_clean(member.name) for member in members if member.isdir())

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        with self.path.open("rb") as file:
            if entry.name not in self._offsets:
                raise OSError("a link to nothing, or no plain file")
            file.seek(self._offsets[entry.name])
            return file.read(entry.num_bytes)


class ZipSource:
    """Files of a zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive = zipfile.ZipFile(path)
        infos = self._archive.infolist()
        stamp = _file_stamp(path)
        files = {_clean(info.filename): info for info in infos if not info.is_dir()}
        self._infos = files
        self.entries = tuple(Entry(name, files[name].file_size, stamp) for name in sorted(files))
        self.folders = frozenset(_clean(info.filename) for info in infos if info.is_dir())

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        try:
            return self._archive.read(self._infos[entry.name])
        except DAMAGED as error:
            raise OSError(str(error)) from error


def _file_stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}.{status.st_ctime_ns}.{status.st_size}"


def _clean(name: str) -> str:
    """A member's name as a relative path with `/`, whatever made the archive; what is no UTF-8 is replaced."""
    plain = name.replace("\\", "/").removeprefix("./").strip("/")
    return plain.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
