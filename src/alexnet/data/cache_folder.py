"""Where decoded images and downloaded shards are kept."""

from pathlib import Path

from filelock import BaseFileLock, FileLock

from alexnet.files import user_cache_dir

__all__ = ["cache_lock", "caches_dir"]


def caches_dir() -> Path:
    """The folder that holds all caches."""
    return user_cache_dir() / "images"


def cache_lock(cache: Path, *, timeout: float = -1) -> BaseFileLock:
    """The lock of a cache: whoever builds or deletes it holds it.

    Args:
        timeout: seconds to wait for it; below 0 without end.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(cache.with_name(f"{cache.name}.lock"), timeout=timeout)
