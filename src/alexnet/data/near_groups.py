"""Nearly identical images as one: what a split must not divide."""

import json
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from alexnet.data.cache import DecodedImages
from alexnet.data.near_duplicates import find_near_duplicates, group_near_duplicates
from alexnet.errors import DataError
from alexnet.files import disk_errors, write_whole
from alexnet.progress_callback import Progress

__all__ = ["grouped_digests"]


def grouped_digests(images: DecodedImages, *, on_progress: Progress | None = None) -> list[str]:
    """The digest of each image's pixels; near duplicates share one, the smallest of their group.

    What was found is kept beside the decoded images.

    Args:
        on_progress: called with (images done, images in all) while near duplicates are looked for.

    Raises:
        DataError: the cache cannot be written.
    """
    path = images.pixels_path.with_name(f"near-{images.fingerprint}.json")
    digests = {file.entry.name: fact.digest for file, fact in zip(images.files, images.facts, strict=True)}
    groups = _read(path)
    if groups is None:
        pairs = find_near_duplicates(images, on_progress=on_progress)
        groups = [sorted({digests[name] for name in group}) for group in group_near_duplicates(pairs)]
        with disk_errors(path, DataError, "free some space, or set ALEXNET_CACHE to another folder"):
            text = json.dumps({"groups": groups, "blake2b": _checksum(groups)})
            write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    first = {digest: group[0] for group in groups for digest in group}
    return [first.get(digest, digest) for digest in digests.values()]


def _read(path: Path) -> list[list[str]] | None:
    """The groups of an earlier call where the file is whole; else None."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        groups: list[list[str]] = manifest["groups"]
        if _checksum(groups) == manifest["blake2b"]:
            return groups
    return None


def _checksum(groups: list[list[str]]) -> str:
    return blake2b(json.dumps(groups).encode(), digest_size=16).hexdigest()
