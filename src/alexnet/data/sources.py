"""Files by name, from a folder, a tar or a zip, read in place."""

import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alexnet.errors import DataError

__all__ = ["Entry", "PictureSource", "open_source"]

ARCHIVES = (".tar", ".zip")

END_MARK = 512
"""Bytes of zeros, at the least, that end a whole tar."""


@dataclass(frozen=True)
class Entry:
    """One file of a source. name: path inside it, with `/`. stamp: changes when the content may have."""

    name: str
    num_bytes: int
    stamp: str


class PictureSource(Protocol):
    """Where files come from. `folders` are names of folders, empty ones too; `read` is thread-safe."""

    path: Path
    entries: tuple[Entry, ...]
    folders: frozenset[str]

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""


def open_source(path: Path | str) -> PictureSource:
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
    """Files below a folder; links are followed, each folder once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        folders: set[str] = set()
        self.entries = tuple(sorted(_walk(path, "", folders, set()), key=lambda entry: entry.name))
        self.folders = frozenset(folders)

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        return (self.path / entry.name).read_bytes()


def _walk(folder: Path, prefix: str, folders: set[str], seen: set[str]) -> Iterator[Entry]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    with os.scandir(folder) as items:
        for item in items:
            name = prefix + item.name
            if item.is_dir():
                folders.add(name)
                yield from _walk(Path(item.path), name + "/", folders, seen)
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
        files = [member for member in members if member.isfile()]
        if size < end + END_MARK or any(member.offset_data + member.size > size for member in files):
            raise tarfile.ReadError("it was cut short")
        stamp = _file_stamp(path)
        self.entries = tuple(
            sorted((Entry(_clean(m.name), m.size, stamp) for m in files), key=lambda entry: entry.name)
        )
        self._offsets = {_clean(member.name): member.offset_data for member in files}
        self.folders = frozenset(_clean(member.name) for member in members if member.isdir())

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        with self.path.open("rb") as file:
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
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:  # damaged, encrypted, exotic
            raise OSError(str(error)) from error


def _file_stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}.{status.st_ctime_ns}.{status.st_size}"


def _clean(name: str) -> str:
    return name.removeprefix("./").rstrip("/")
