"""Tars and zips of images, read in place."""

import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alexnet.data.entry import Entry
from alexnet.data.limits import get_limits
from alexnet.errors import AlexNetError, DataError
from alexnet.files import escape_name, shown_name

__all__ = ["TarSource", "ZipSource", "archive_errors", "tar_members"]

END_MARK = 512
"""Bytes of zeros, at the least, that end a whole tar."""

LONGEST_PADDING = 16 << 20
"""Bytes of zeros at the end of a tar beyond which it was cut short: tar itself pads to 10 kB, at most to some MB."""

CHUNK = 1 << 20

SMALL_ARCHIVE = 256_000_000
"""Bytes of unpacked files up to which no ratio is too high."""

MOST_LINKS = 40
"""Links that are followed from one to the next, as on Linux."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)

MADE_BY_WINDOWS, UTF8, ENCRYPTED = 0, 0x800, 0x1
"""A zip's mark of the system that made it, and flags of its files."""


@contextmanager
def archive_errors(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever listing an archive raises into one line."""
    try:
        yield
    except AlexNetError:
        raise
    except PermissionError as error:
        raise DataError(f"{shown_name(path)}: cannot be read ({error.strerror}); check its permissions") from error
    except Exception as error:  # parsers of damaged archives raise many kinds, IndexError and MemoryError among them
        reason = shown_name(str(error) or type(error).__name__)
        raise DataError(f"{shown_name(path)}: is damaged or not a {kind} archive ({reason}); get it again") from error


class TarSource:
    """Files of an uncompressed tar, read at their offsets. Links inside it are followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with archive_errors(path, "tar"):
            self._list()

    def _list(self) -> None:
        members = tar_members(self.path)
        names = _clean_all(member.name for member in members)
        by_name = dict(zip(names, members, strict=True))  # of a name that comes twice the last counts
        resolved = {name: _follow_links(name, by_name) for name in by_name}
        _require_whole(self.path, resolved.values())
        stamp = _file_stamp(self.path)
        self.entries = tuple(
            _tar_entry(name, resolved[name], stamp) for name in sorted(by_name) if name and not by_name[name].isdir()
        )
        self._offsets = {name: member.offset_data for name, member in resolved.items()}
        self.folders = frozenset(name for name, member in by_name.items() if member.isdir() and name)

    def read(self, entry: Entry) -> bytes:
        """The content of a file. Raises OSError where it cannot be read."""
        if entry.problem:
            raise OSError(entry.problem)
        with self.path.open("rb") as file:
            file.seek(self._offsets[entry.name])
            return file.read(entry.num_bytes)


def tar_members(path: Path) -> list[tarfile.TarInfo]:
    """All members of a tar.

    Raises:
        tarfile.ReadError: its list breaks off before the end.
    """
    members = []
    with tarfile.open(path, "r:") as archive:
        while (member := archive.next()) is not None:
            if archive.offset <= member.offset or member.size < 0:  # sizes below zero would lead back for ever
                raise tarfile.ReadError(f"the size of {member.name} is below zero")
            members.append(member)
        end = archive.offset
    size = path.stat().st_size
    if size < end + END_MARK:
        raise tarfile.ReadError("it was cut short")
    with path.open("rb") as file:
        file.seek(end)
        while chunk := file.read(CHUNK):
            if chunk.count(0) < len(chunk):
                raise tarfile.ReadError(f"its list of files breaks off at byte {end}, and more data follows")
    if size - end > LONGEST_PADDING:
        raise tarfile.ReadError(f"it was cut short: nothing but zeros from byte {end} on")
    return members


def _follow_links(name: str, members: dict[str, tarfile.TarInfo]) -> tarfile.TarInfo:
    """The member that a name stands for; a link where it leads to nothing, or in a circle."""
    member = members[name]
    for _ in range(MOST_LINKS):
        if not (member.islnk() or member.issym()):
            break
        base = "" if member.islnk() else name.rpartition("/")[0] + "/"
        name = _clean(base + escape_name(member.linkname), is_escaped=True)
        if name not in members:
            break
        member = members[name]
    return member


def _require_whole(path: Path, members: Iterable[tarfile.TarInfo]) -> None:
    size = path.stat().st_size
    if any(
        member.isreg() and not member.issparse() and member.offset_data + member.size > size for member in members
    ):
        raise tarfile.ReadError("it was cut short")


def _tar_entry(name: str, member: tarfile.TarInfo, stamp: str) -> Entry:
    if member.isreg() and not member.issparse():
        return Entry(name, member.size, stamp)
    if member.issparse():
        problem = "stored as a sparse file; unpack the archive"
    elif member.isdir():
        problem = "a link to a folder; unpack the archive"
    else:
        problem = "a link to nothing" if member.islnk() or member.issym() else "not a regular file"
    return Entry(name, 0, stamp, problem)


class ZipSource:
    """Files of a zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with archive_errors(path, "zip"):
            self._archive = zipfile.ZipFile(path)
            self._list()

    def _list(self) -> None:
        infos = self._archive.infolist()
        _require_ratio(self.path, infos)
        by_windows = all(info.create_system == MADE_BY_WINDOWS for info in infos)
        names = _clean_all(map(_zip_name, infos), backslashes=by_windows)
        files = {name: info for name, info in zip(names, infos, strict=True) if name and not info.is_dir()}
        if files and all(info.flag_bits & ENCRYPTED for info in files.values()):
            raise DataError(f"{shown_name(self.path)}: needs a password; unpack it and give the folder")
        stamp = _file_stamp(self.path)
        self._infos = files
        self.entries = tuple(
            Entry(name, info.file_size, stamp, _zip_problem(info)) for name, info in sorted(files.items())
        )
        self.folders = frozenset(name for name, info in zip(names, infos, strict=True) if name and info.is_dir())

    def read(self, entry: Entry) -> bytes:
        """The content of a file. Raises OSError where it cannot be read."""
        if entry.problem:
            raise OSError(entry.problem)
        try:
            return self._archive.read(self._infos[entry.name])
        except (OSError, MemoryError):
            raise
        except Exception as error:  # unpackers of damaged data raise many kinds
            raise OSError(shown_name(str(error) or type(error).__name__)) from error


def _require_ratio(path: Path, infos: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse an archive that unpacks to far more than its own size."""
    packed, unpacked = path.stat().st_size, sum(info.file_size for info in infos)
    most = get_limits().max_archive_ratio
    if unpacked > max(SMALL_ARCHIVE, most * packed):
        raise DataError(
            f"{shown_name(path)}: unpacks to {unpacked / 1e9:.1f} GB, {unpacked // packed} times its size, and "
            f"{most} times is the limit; if the archive is as expected, raise ALEXNET_MAX_ARCHIVE_RATIO"
        )


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name as text; bytes that are not UTF-8 become surrogates where it was made on a Unix."""
    if info.flag_bits & UTF8:
        return info.filename
    name = info.orig_filename.split("\0")[0].encode("cp437")  # what zipfile decoded, whatever the bytes mean
    try:
        return name.decode("utf-8")  # macOS and many programs leave the flag out
    except UnicodeDecodeError:
        if info.create_system == MADE_BY_WINDOWS:
            return info.filename
        return name.decode("utf-8", "surrogateescape")


def _zip_problem(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & ENCRYPTED:
        return "needs a password; unpack the archive"
    if info.compress_type not in METHODS:
        return f"compressed in a way that cannot be read here (method {info.compress_type}); unpack the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link; pack the archive without links"
    return ""


def _file_stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}.{status.st_ctime_ns}.{status.st_size}"


def _clean_all(names: Iterable[str], *, backslashes: bool = False) -> list[str]:
    """Members' names as relative paths with `/`, escaped.

    backslashes: whether they separate folders too; they do in any case where no name has a `/`.
    """
    raw = list(names)
    if backslashes or not any("/" in name.strip("/").removeprefix("./") for name in raw):
        raw = [name.replace("\\", "/") for name in raw]
    return [_clean(name) for name in raw]


def _clean(name: str, *, is_escaped: bool = False) -> str:
    """A path below the archive's root, whatever `..` or `/` it starts with; empty for the root itself."""
    plain = posixpath.normpath("/" + name).lstrip("/")
    return plain if is_escaped else escape_name(plain)
