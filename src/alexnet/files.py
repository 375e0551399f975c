"""Writing whole or not at all, and where things lie that outlive a run."""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from alexnet.errors import AlexNetError

__all__ = ["disk_errors", "user_cache_dir", "write_whole"]


def user_cache_dir() -> Path:
    """Folder for decoded images and downloaded weights: $ALEXNET_CACHE, else the system's cache folder."""
    chosen = os.environ.get("ALEXNET_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "alexnet"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "alexnet"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alexnet"


@contextlib.contextmanager
def disk_errors(path: Path, kind: type[AlexNetError], step: str) -> Iterator[None]:
    """Turn what the disk says of `path` into one line of `kind` that ends in the next step."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            step = "the disk is full: free some space, then start again (a training goes on with --resume)"
        raise kind(f"{path}: cannot be written ({error.strerror or error}); {step}") from error


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all: `write` gets a path beside it, which is then renamed.

    Raises:
        OSError: the disk is full, or the folder cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        write(beside)
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
