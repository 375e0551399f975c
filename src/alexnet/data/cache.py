"""Decode once: every image of a folder as uint8 [N, size, size, 3] in one memory-mapped file."""

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np

from alexnet.data.decode import ImageFacts, Pixels
from alexnet.data.decode_files import decode_files
from alexnet.data.folder import ImageFolder
from alexnet.errors import DataError
from alexnet.files import disk_errors, user_cache_dir, write_whole
from alexnet.records import Preprocessing

__all__ = ["DecodedImages", "clear_cache", "decode_folder", "list_caches"]

VERSION = 2
"""Raised whenever decoding changes, so that older caches are not used."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DecodedImages:
    """A folder's images as pixels, in the order of `folder.files`, with what was found in each file.

    Rows of files that cannot be used are black; their facts hold the error.
    """

    folder: ImageFolder
    preprocessing: Preprocessing
    pixels_path: Path
    facts: tuple[ImageFacts, ...]

    @cached_property
    def pixels(self) -> Pixels:
        """uint8 [N, decoded_size, decoded_size, 3], mapped from the disk, read-only."""
        size = self.preprocessing.decoded_size
        return np.memmap(self.pixels_path, dtype=np.uint8, mode="r", shape=(len(self.facts), size, size, 3))

    @property
    def fingerprint(self) -> str:
        """Changes when any image, name, class or split does."""
        digest = blake2b(digest_size=16)
        for file, fact in zip(self.folder.files, self.facts, strict=True):
            digest.update(f"{file.entry.name}\0{file.split}\0{fact.digest}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def caches_dir() -> Path:
    """The folder that holds all caches."""
    return user_cache_dir() / "images"


def decode_folder(
    folder: ImageFolder, preprocessing: Preprocessing, *, on_progress: Progress | None = None
) -> DecodedImages:
    """The folder's images, decoded on all cores or taken from the cache of an earlier call.

    The cache is keyed by each file's name, length and time stamps, and by the preprocessing; one that was cut
    short is noticed and made anew. Memory stays bounded however many images there are.

    Args:
        on_progress: called with (images done, images in all) while decoding; not where the cache serves.

    Raises:
        DataError: the cache folder cannot be written, or the disk is full.
    """
    cache = caches_dir() / _key(folder, preprocessing)
    facts = _read_facts(cache, len(folder.files), preprocessing.decoded_size)
    if facts is None:
        step = "free space there, or set ALEXNET_CACHE to another folder"
        with disk_errors(cache, DataError, step):
            facts = _build(cache, folder, preprocessing, on_progress)
    return DecodedImages(folder, preprocessing, cache / "pixels.u8", facts)


def _key(folder: ImageFolder, preprocessing: Preprocessing) -> str:
    digest = blake2b(f"{VERSION} {_pixel_settings(preprocessing)}".encode(), digest_size=16)
    digest.update(os.fsencode(folder.path.resolve()))
    for file in folder.files:
        entry = file.entry
        digest.update(f"{entry.name}\0{entry.num_bytes}\0{entry.stamp}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _pixel_settings(preprocessing: Preprocessing) -> str:
    """What the uint8 pixels depend on; the normalization comes after."""
    return f"{preprocessing.decoded_size} {preprocessing.resize} {preprocessing.apply_exif}"


def _read_facts(cache: Path, num_files: int, size: int) -> tuple[ImageFacts, ...] | None:
    """The facts of a whole cache; None where there is none, or it was cut short."""
    try:
        rows = json.loads((cache / "facts.json").read_text(encoding="utf-8"))
        num_bytes = (cache / "pixels.u8").stat().st_size
        facts = tuple(ImageFacts(**row) for row in rows)
    except (OSError, ValueError, TypeError):
        return None
    return facts if len(facts) == num_files and num_bytes == num_files * size * size * 3 else None


def _build(
    cache: Path, folder: ImageFolder, preprocessing: Preprocessing, on_progress: Progress | None
) -> tuple[ImageFacts, ...]:
    facts: list[ImageFacts] = []
    entries = [file.entry for file in folder.files]
    blank = np.zeros((preprocessing.decoded_size, preprocessing.decoded_size, 3), np.uint8)

    def write(beside: Path) -> None:
        with beside.open("wb") as file, closing(decode_files(folder.source, entries, preprocessing)) as decoded:
            for pixels, fact in decoded:
                file.write((blank if pixels is None else pixels).tobytes())
                facts.append(fact)
                if on_progress and (len(facts) % 64 == 0 or len(facts) == len(folder.files)):
                    on_progress(len(facts), len(folder.files))

    (cache / "facts.json").unlink(missing_ok=True)
    write_whole(cache / "pixels.u8", write)
    text = json.dumps([asdict(fact) for fact in facts])
    write_whole(cache / "facts.json", lambda beside: beside.write_text(text, encoding="utf-8"))
    return tuple(facts)


def list_caches() -> list[tuple[Path, int, float]]:
    """Every cache: its folder, bytes, and age in days since it was made."""
    rows = []
    for cache in sorted(caches_dir().glob("*")):
        if cache.is_dir():
            num_bytes = sum(path.stat().st_size for path in cache.iterdir())
            rows.append((cache, num_bytes, (time.time() - cache.stat().st_mtime) / 86400))
    return rows


def clear_cache() -> int:
    """Delete every cache of decoded images; returns the bytes freed."""
    rows = list_caches()
    for cache, _, _ in rows:
        with disk_errors(cache, DataError, "check its permissions"):
            shutil.rmtree(cache)
    return sum(num_bytes for _, num_bytes, _ in rows)
