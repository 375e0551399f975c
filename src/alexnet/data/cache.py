"""Decode once: every usable image of a folder as uint8 [N, size, size, 3] in one memory-mapped file.

    images/KEY/pixels.u8    the pixels of usable images, a row each
    images/KEY/facts.json   what each file holds, with a checksum of every row and one of itself; written last
    images/KEY.lock         held by the process and thread that builds it

KEY follows from each file's name, length and time stamps, and from the preprocessing and the limits. A cache that is
cut short or damaged is built again.
"""

import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, field, fields
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import filelock
import numpy as np

from alexnet.data.cache_folder import cache_lock, caches_dir
from alexnet.data.decode import ImageFacts, Pixels
from alexnet.data.decode_files import decode_files
from alexnet.data.folder import ImageFile, ImageFolder
from alexnet.data.limits import get_limits
from alexnet.errors import DataError
from alexnet.files import disk_errors, write_whole
from alexnet.progress_callback import Progress
from alexnet.records import Preprocessing

__all__ = ["DecodedImages", "caches_dir", "clear_cache", "decode_folder", "file_stamp", "is_cached", "list_caches"]

VERSION = 4
"""Raised whenever decoding or the layout changes, so that older caches are not used."""

ALWAYS_VERIFIED = 1 << 30
"""Bytes of pixels up to which checksums are compared at every start. A larger cache is trusted if the file has not
changed, and the machine has not been started again, since the last comparison."""

VERIFIED_ROWS = 64
"""Rows that a thread compares at a time."""

FACTS_START = '{"checksum": "'
"""Of facts.json; the checksum is that of the text after it."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class DecodedImages:
    """The usable images of a folder as pixels.

    folder: as scanned, with all files. files: the usable ones, a row of `pixels` each, with their `facts`.
    left_out: the other files, name → reason. notes: remarks, one line each.
    """

    folder: ImageFolder
    preprocessing: Preprocessing
    pixels_path: Path
    files: Sequence[ImageFile]
    facts: Sequence[ImageFacts]
    left_out: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def pixels(self) -> Pixels:
        """uint8 [N, decoded_size, decoded_size, 3], mapped from the disk, read-only."""
        shape = (len(self.facts), *[self.preprocessing.decoded_size] * 2, 3)
        if not self.facts:  # nothing can be mapped of an empty file
            return np.empty(shape, np.uint8)
        return np.memmap(self.pixels_path, dtype=np.uint8, mode="r", shape=shape)

    @property
    def names(self) -> Sequence[str]:
        """The name of the file of each row."""
        return [file.entry.name for file in self.files]

    @property
    def fingerprint(self) -> str:
        """Changes when a usable image, its name, class or split does."""
        digest = blake2b(digest_size=16)
        for file, fact in zip(self.files, self.facts, strict=True):
            digest.update(f"{file.entry.name}\0{file.class_name}\0{file.split}\0{fact.digest}\n".encode())
        return digest.hexdigest()


def decode_folder(
    folder: ImageFolder, preprocessing: Preprocessing, *, on_progress: Progress | None = None
) -> DecodedImages:
    """The folder's images, decoded on all cores, or read from the cache of an earlier call.

    A cache is compared with its checksums before it is used, and built again where it is damaged; `notes` says so.
    Threads and processes that ask for the same images at once wait for the first one. Memory stays bounded however
    many images there are.

    Args:
        on_progress: called with (files done, files in all) while decoding; not where the cache serves.

    Raises:
        DataError: the cache folder cannot be written, or the disk is full.
    """
    cache = caches_dir() / _key(folder, preprocessing)
    images = _open(cache, folder, preprocessing)
    if images is not None:
        return images
    with disk_errors(cache, DataError, "set ALEXNET_CACHE to a folder that can be written"), _locked(cache):
        images = _open(cache, folder, preprocessing)  # another thread or process may have built it meanwhile
        if images is not None:
            return images
        notes = (
            ("the cache of decoded images was damaged and was built again",) if _facts_path(cache).exists() else ()
        )
        facts = _build(cache, folder, preprocessing, on_progress)
    return _assemble(cache, folder, preprocessing, facts, notes)


def is_cached(folder: ImageFolder, preprocessing: Preprocessing) -> bool:
    """Whether an earlier call has decoded these images; the cache is not compared with its checksums."""
    cache = caches_dir() / _key(folder, preprocessing)
    return _facts_path(cache).is_file() and _pixels_path(cache).is_file()


def _key(folder: ImageFolder, preprocessing: Preprocessing) -> str:
    digest = blake2b(f"{VERSION} {_pixel_settings(preprocessing)} {get_limits()}".encode(), digest_size=16)
    digest.update(os.fsencode(folder.path.resolve()))
    for file in folder.files:
        entry = file.entry
        digest.update(f"{entry.name}\0{entry.num_bytes}\0{entry.stamp}\0{entry.problem}\n".encode())
    return digest.hexdigest()


def _pixel_settings(preprocessing: Preprocessing) -> str:
    """What the uint8 pixels depend on; the normalization comes after."""
    return f"{preprocessing.decoded_size} {preprocessing.resize} {preprocessing.apply_exif}"


def _facts_path(cache: Path) -> Path:
    return cache / "facts.json"


def _pixels_path(cache: Path) -> Path:
    return cache / "pixels.u8"


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the right to build a cache; where the file system has no locks, all may, since files appear whole."""
    lock = cache_lock(cache)
    try:
        lock.acquire()
    except NotImplementedError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _assemble(
    cache: Path,
    folder: ImageFolder,
    preprocessing: Preprocessing,
    facts: tuple[ImageFacts, ...],
    notes: tuple[str, ...] = (),
) -> DecodedImages:
    pairs = list(zip(folder.files, facts, strict=True))
    usable = [(file, fact) for file, fact in pairs if fact.error is None]
    left_out = {file.entry.name: fact.error for file, fact in pairs if fact.error is not None}
    files, kept = tuple(file for file, _ in usable), tuple(fact for _, fact in usable)
    images = DecodedImages(folder, preprocessing, _pixels_path(cache), files, kept, left_out, notes)
    _ = images.pixels  # mapped at once: from here on it is no matter if somebody clears the cache
    return images


def _open(cache: Path, folder: ImageFolder, preprocessing: Preprocessing) -> DecodedImages | None:
    """The images of a whole cache; None where there is none, or it is damaged."""
    try:
        facts = _read_facts(_facts_path(cache))
        images = _assemble(cache, folder, preprocessing, facts)
        is_whole = _pixels_path(cache).stat().st_size == images.pixels.nbytes and _is_verified(cache, images)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return images if is_whole else None


def _is_verified(cache: Path, images: DecodedImages) -> bool:
    """Whether the pixels are those of the checksums."""
    stamp_path, is_large = cache / "verified.txt", images.pixels.nbytes > ALWAYS_VERIFIED
    if is_large and (stamp := file_stamp(_pixels_path(cache))):
        with suppress(OSError):
            if stamp_path.read_text(encoding="utf-8") == stamp:
                return True

    def compare(start: int) -> bool:
        rows = range(start, min(start + VERIFIED_ROWS, len(images.facts)))
        return all(zlib.crc32(images.pixels[row].data) == images.facts[row].crc for row in rows)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        is_whole = all(pool.map(compare, range(0, len(images.facts), VERIFIED_ROWS)))
    if is_whole and is_large:
        _write_stamp(cache)
    return is_whole


def file_stamp(path: Path) -> str:
    """What changes when a file is written, or the machine was started again; empty where the latter is not known."""
    try:
        status, boot = path.stat(), BOOT_ID.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {boot}"


def _write_stamp(cache: Path) -> None:
    stamp = file_stamp(_pixels_path(cache))
    with suppress(OSError):  # without it the next start compares again
        write_whole(cache / "verified.txt", lambda beside: beside.write_text(stamp, encoding="utf-8"))


def _read_facts(path: Path) -> tuple[ImageFacts, ...]:
    """The facts of a cache. Raises OSError, ValueError, TypeError or KeyError where they are missing or damaged."""
    text = path.read_text(encoding="utf-8")
    values = json.loads(text)
    if values["checksum"] != _checksum(text[len(values["checksum"]) + len(FACTS_START) :]):
        raise ValueError("changed")
    return tuple(ImageFacts(*row) for row in values["rows"])


def _write_facts(path: Path, facts: list[ImageFacts]) -> None:
    columns = json.dumps([field.name for field in fields(ImageFacts)])
    rest = f'", "columns": {columns}, "rows": {json.dumps([astuple(fact) for fact in facts])}}}'
    text = f"{FACTS_START}{_checksum(rest)}{rest}"
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _checksum(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _build(
    cache: Path, folder: ImageFolder, preprocessing: Preprocessing, on_progress: Progress | None
) -> tuple[ImageFacts, ...]:
    facts: list[ImageFacts] = []
    entries = [file.entry for file in folder.files]

    def write(beside: Path) -> None:
        with beside.open("wb") as file, closing(decode_files(folder.source, entries, preprocessing)) as decoded:
            for pixels, fact in decoded:
                if pixels is not None:
                    file.write(pixels.data)
                facts.append(fact)
                if on_progress and (len(facts) % 64 == 0 or len(facts) == len(entries)):
                    on_progress(len(facts), len(entries))

    _facts_path(cache).unlink(missing_ok=True)
    write_whole(_pixels_path(cache), write)
    if not any(fact.may_pass for fact in facts):  # else these files are tried again the next time
        _write_facts(_facts_path(cache), facts)
    if _pixels_path(cache).stat().st_size > ALWAYS_VERIFIED:
        _write_stamp(cache)
    return tuple(facts)


def list_caches() -> list[tuple[Path, int, float]]:
    """List every cache of decoded images or downloaded shards: its folder, bytes, and age in days since it was built.

    >>> num_bytes = sum(size for _, size, _ in list_caches())
    """
    rows = []
    for cache in sorted(caches_dir().glob("*")):
        with suppress(OSError):  # somebody else may be clearing it
            if cache.is_dir():
                num_bytes = sum(path.stat().st_size for path in cache.iterdir())
                rows.append((cache, num_bytes, (time.time() - cache.stat().st_mtime) / 86400))
    return rows


def clear_cache() -> int:
    """Delete every cache that nobody is building, or downloading shards into; returns the bytes freed.

    A training that has opened a cache goes on; of shards it downloads again what it needs.

    Raises:
        DataError: a cache cannot be deleted.

    >>> freed_bytes = clear_cache()
    """
    freed = 0
    for cache, num_bytes, _ in list_caches():
        with disk_errors(cache, DataError, "check its permissions"):
            lock = cache_lock(cache, timeout=0)
            try:
                with lock:
                    _require_unused(cache)
                    shutil.rmtree(cache)
                    freed += num_bytes
            except filelock.Timeout:
                continue
            Path(lock.lock_file).unlink(missing_ok=True)
    return freed


def _require_unused(cache: Path) -> None:
    """Raise Timeout where a shard is being downloaded; while the cache's lock is held, no other download begins."""
    for path in cache.glob(".*.lock"):
        with filelock.FileLock(path, timeout=0):
            pass
