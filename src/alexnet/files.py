"""Files that are written whole or not at all, names that can be shown, and the folder of the cache."""

import contextlib
import errno
import os
import re
import secrets
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from alexnet.errors import AlexNetError, DataError

__all__ = [
    "address_of",
    "disk_errors",
    "escape_name",
    "file_crc32",
    "is_file",
    "is_folder",
    "is_there",
    "is_unfinished",
    "listed_names",
    "shown_name",
    "unescape_name",
    "user_cache_dir",
    "write_whole",
]

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk or a quota that has no room left."""

STEM_LENGTH = 40
"""Characters of a file's stem that its temporary name keeps: file systems allow 255 bytes for a name."""

SUFFIX_LENGTH = 16

TEMPORARY = re.compile(r"\..*\.[0-9a-f]{16}\.part(\.[^.]*)?", re.DOTALL)
"""Names of files that `write_whole` has not finished."""

DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the text after them: `\u202egpj.exe` would read as `exe.jpg`."""

ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
ESCAPED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[nrt\\])")


def shown_name(name: str | bytes | os.PathLike[str]) -> str:
    r"""A name as one line that any terminal, file and page can show.

    Control characters, line breaks, marks that turn the direction of text, and bytes that are not UTF-8 are
    escaped; everything else stays as it is. The result is its own `shown_name`.

    >>> shown_name(b"caf\xe9.jpg")
    'caf\\xe9.jpg'
    >>> shown_name("red \x1b[31m")
    'red \\x1b[31m'
    """
    address = address_of(name) if isinstance(name, Path) else None
    text = address or _text(name)
    return text if text.isprintable() else "".join(map(_escaped, text))


def listed_names(names: Sequence[str], *, most: int = 8) -> str:
    """Names in a sentence: the first `most` of them, and how many more there are.

    >>> listed_names(["cat", "dog"]), listed_names(["cat", "dog", "horse"], most=2)
    ('cat, dog', 'cat, dog and 1 more')
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(shown_name, names[:most])) + more


def escape_name(name: str | bytes) -> str:
    r"""The `shown_name` of a file or folder from which `unescape_name` gives the name back.

    A backslash that would read as an escape is doubled, so that two names never become the same.

    >>> escape_name("back\\slash"), escape_name("back\\new")
    ('back\\slash', 'back\\\\new')
    """
    text = _text(name)
    if text.isprintable() and "\\" not in text:
        return text
    parts = []
    for place, character in enumerate(text):
        rest = text[place + 1 : place + 2]
        is_ambiguous = character == "\\" and bool(rest) and (rest in "xunrt\\" or _escaped(rest) != rest)
        parts.append(r"\\" if is_ambiguous else _escaped(character))
    return "".join(parts)


def unescape_name(shown: str) -> str:
    r"""The name of which `escape_name` made this text; bytes that are not UTF-8 become surrogates, as in `os`.

    >>> unescape_name("caf\\xe9.jpg").encode("utf-8", "surrogateescape")
    b'caf\xe9.jpg'
    """
    return ESCAPED.sub(_unescaped, shown)


def _text(name: str | bytes | os.PathLike[str]) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else os.fspath(name)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not UTF-8, as Python keeps it
        return f"\\x{number - 0xDC00:02x}"
    if unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and character not in DIRECTIONS:
        return character
    # \x80 to \xff stand for bytes, so control characters from there on take the longer form
    return ESCAPES.get(character) or (f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}")


def _unescaped(match: re.Match[str]) -> str:
    kind, digits = match[0][1], match[0][2:]
    if kind not in "xu":
        return {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}[kind]
    number = int(digits, 16)
    return chr(number + 0xDC00 if kind == "x" and number >= 0x80 else number)


def address_of(path: Path | str) -> str | None:
    """The address on an HTTP server that a path stands for; None where it is a path. `Path` makes one slash of two.

    >>> address_of(Path("http://host/shards.json")), address_of("images")
    ('http://host/shards.json', None)
    """
    match = re.match(r"(?i)(https?):/+(?=[^/])", text := path.as_posix() if isinstance(path, Path) else path)
    return f"{match[1].lower()}://{text[match.end() :]}" if match else None


def user_cache_dir() -> Path:
    """Folder for decoded images and downloaded weights: $ALEXNET_CACHE, else the system's cache folder.

    Raises:
        DataError: neither is known, as for a user without a home folder.
    """
    import platformdirs  # here, so that `alexnet --help` need not load it

    try:
        chosen = os.environ.get("ALEXNET_CACHE") or platformdirs.user_cache_dir("alexnet", appauthor=False)
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise DataError(
            "there is no place for the cache, because this user has no home folder; set ALEXNET_CACHE to a folder"
        ) from error


def file_crc32(path: Path) -> int:
    """CRC-32 of a file's bytes. Raises OSError where it cannot be read."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return value


def is_there(path: Path | str) -> bool:
    """Whether something is at a path; False where it cannot be told: no permission, or a name that is too long.

    `Path.exists`, `is_file` and `is_dir` raise an OSError there.
    """
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path | str) -> bool:
    """Whether a file is at a path; False where it cannot be told, see `is_there`."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path | str) -> bool:
    """Whether a folder is at a path; False where it cannot be told, see `is_there`."""
    return os.path.isdir(path)  # noqa: PTH112


@contextlib.contextmanager
def disk_errors(path: Path, kind: type[AlexNetError], step: str) -> Iterator[None]:
    """Turn an OSError into one line of `kind` that names `path` and ends in the next step.

    Args:
        step: what to do; where the disk is full or the folder is gone, the line says that instead.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            step = "the disk is full: free some space, then start again (`alexnet resume` goes on with a training)"
        elif error.errno == errno.ENOENT:
            step = "it or its folder is no longer there: put it back, or start anew"
        reason = error.strerror or str(error)
        raise kind(f"{shown_name(path)}: cannot be written ({reason}); {step}") from error


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all, so that it also survives a power cut.

    The file is written beside its place under a name that no other process or thread uses, flushed to the disk, and
    renamed. What writers that were killed left in the folder is removed.

    Args:
        write: writes to the path that it gets, which has the suffix of `path`.

    Raises:
        OSError: the disk is full, or the folder cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= SUFFIX_LENGTH else ""
    beside = path.with_name(f".{path.stem[:STEM_LENGTH]}.{secrets.token_hex(8)}.part{suffix}")
    with _claimed(beside):
        try:
            write(beside)
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    _flush_folder(path.parent)


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Hold a lock on a new file while it is written: it shows others that its writer is alive."""
    if os.name == "nt":  # there an open file cannot be removed anyway
        yield
        return
    while True:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        with contextlib.suppress(OSError):  # some network file systems have no locks
            _lock(file, waits=True)
        if _is_at(file, path):
            break
        os.close(file)  # another took it for a leftover before it was locked
    try:
        yield
    finally:
        os.close(file)


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def is_unfinished(path: Path) -> bool:
    """Whether a file is one that `write_whole` has not finished: its writer is at work, or was killed.

    >>> is_unfinished(Path(".recipe.0123456789abcdef.part.toml")), is_unfinished(Path("recipe.toml"))
    (True, False)
    """
    return TEMPORARY.fullmatch(path.name) is not None


@lru_cache(maxsize=256)
def _remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of writers that have ended; once for each folder and process."""
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if is_unfinished(path):
                _remove_if_dead(path)


def _remove_if_dead(path: Path) -> None:
    with contextlib.suppress(OSError):  # its writer lives, or it is gone
        if os.name != "nt":
            file = os.open(path, os.O_RDWR)
            try:
                _lock(file)
            finally:
                os.close(file)
        path.unlink()


def _lock(file: int, *, waits: bool = False) -> None:
    """Lock an open file for this process and thread; where another holds it, wait or raise OSError."""
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))


def _flush_folder(folder: Path) -> None:
    """Bring a rename in `folder` to the disk."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # some file systems cannot flush a folder
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
