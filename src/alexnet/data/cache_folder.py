"""Where decoded images and downloaded shards are kept."""

from pathlib import Path

from alexnet.files import user_cache_dir

__all__ = ["caches_dir"]


def caches_dir() -> Path:
    """The folder that holds all caches."""
    return user_cache_dir() / "images"
