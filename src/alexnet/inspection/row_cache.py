"""Numbers computed for every image of a decoded folder, kept beside the pixels: one row of float32 for each image."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from torch import Tensor, nn

from alexnet.data.cache import DecodedImages, file_stamp
from alexnet.errors import DataError
from alexnet.files import disk_errors, write_whole
from alexnet.inspection.network_code import code_of
from alexnet.inspection.pass_size import images_at_once
from alexnet.model.checkpoint import Classifier
from alexnet.model.weights_key import tensor_bytes
from alexnet.progress_callback import Progress

__all__ = ["DAMAGED", "CachedRows", "batches_of", "cache_together", "cached_rows"]

DAMAGED = "the cached outputs of the network were damaged, and were computed again"
"""The note on a file whose checksum does not fit."""

ALWAYS_VERIFIED = 1 << 26
"""Bytes of a file that is read as a whole whenever it is opened: 0.1 s. A larger one is read once after something has
written to it and after the machine was started."""

VERSION = 2
"""Of what this program computes for a kind of rows: another number, and everything is computed anew."""


@dataclass(frozen=True, eq=False)
class CachedRows:
    """values: [N, D], mapped from the disk, read-only. notes: remarks, one line each."""

    values: Float32[np.ndarray, "N D"]
    notes: tuple[str, ...] = ()


def cached_rows(
    kind: str, classifier: Classifier, images: DecodedImages, compute: Callable[[], Iterator[np.ndarray]]
) -> CachedRows:
    """The rows that `compute` yields, a batch [n, D] at a time, or those that it yielded before.

    The file's name has a key of `kind`, the network's table, weights, plain attributes and the code of its own
    classes, the preprocessing and the pixels: a changed weight or image is another file. A damaged file is noticed by
    its checksum and written again; one above 64 MB is compared again once something has written to it or the machine
    was started, so bits that a disk loses in between are not noticed. Memory is bounded however many images there
    are.

    Args:
        kind: what is computed, with everything that it depends on besides the network and the images.

    Raises:
        DataError: the cache cannot be written.
    """
    path = _path(kind, classifier, images)
    count = len(images.files)
    size = _read_size(path, count)
    notes: tuple[str, ...] = ()
    if size is None:
        notes = (DAMAGED,) if path.exists() and _manifest(path).exists() else ()
        (size,) = _build([path], lambda: ((rows,) for rows in compute()))
    return CachedRows(np.memmap(path, dtype=np.float32, mode="r", shape=(count, size)), notes)


def cache_together(
    kinds: Sequence[str],
    classifier: Classifier,
    images: DecodedImages,
    compute: Callable[[], Iterator[tuple[np.ndarray, ...]]],
) -> None:
    """Write several kinds of rows in one pass, for `cached_rows` to read; nothing if one of them is there already.

    compute: yields for each batch the rows of each kind.

    Raises:
        DataError: the cache cannot be written.
    """
    paths = [_path(kind, classifier, images) for kind in kinds]
    if not any(path.exists() for path in paths):
        _build(paths, compute)


def batches_of(images: DecodedImages, on_progress: Progress | None) -> Iterator[np.ndarray]:
    """The pixels of a decoded folder, a batch at a time; after each batch the images done and all are reported."""
    count, step = len(images.files), images_at_once(images.preprocessing.size)
    for start in range(0, count, step):
        yield images.pixels[start : start + step]
        if on_progress:
            on_progress(min(start + step, count), count)


def _path(kind: str, classifier: Classifier, images: DecodedImages) -> Path:
    word = kind.partition(" ")[0]
    return images.pixels_path.with_name(f"{word}-{_key(kind, classifier, images)}.f32")


def _key(kind: str, classifier: Classifier, images: DecodedImages) -> str:
    digest = sha256()  # CPUs have instructions for it: half the time of BLAKE2 for a network of 90 MB
    digest.update(f"{VERSION} {kind} {classifier.preprocessing.to_dict()} {images.fingerprint}".encode())
    digest.update(repr(classifier.network).encode())
    for part in code_of(classifier.network):
        digest.update(part)
    for name, tensor in _tensors(classifier.network):
        digest.update(name.encode())
        digest.update(tensor_bytes(tensor))
    return digest.hexdigest()[:24]


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Weights and buffers, those that are not saved too."""
    yield from network.named_parameters()
    yield from network.named_buffers()


def _manifest(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_size(path: Path, count: int) -> int | None:
    """Numbers in each row, where the file is whole; else None."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        manifest = json.loads(_manifest(path).read_text(encoding="utf-8"))
        size = int(manifest["size"])
        if path.stat().st_size == 4 * size * count and _is_verified(path, manifest):
            return size
    return None


def _is_verified(path: Path, manifest: dict[str, Any]) -> bool:
    """Whether the file is that of the checksum."""
    stamp = file_stamp(path) if path.stat().st_size > ALWAYS_VERIFIED else ""
    if stamp and manifest.get("verified") == stamp:
        return True
    is_whole = bool(_checksum(path) == manifest["blake2b"])
    if is_whole and stamp:
        with suppress(OSError):  # without it the next call compares again
            _write_manifest(path, int(manifest["size"]), manifest["blake2b"], stamp)
    return is_whole


def _build(paths: Sequence[Path], compute: Callable[[], Iterator[tuple[np.ndarray, ...]]]) -> list[int]:
    """Write each path's part of every batch; the numbers in a row of each."""
    sizes = [0] * len(paths)

    def write(beside: Sequence[Path]) -> None:
        if len(beside) < len(paths):
            write_whole(paths[len(beside)], lambda one_more: write([*beside, one_more]))
            return
        with ExitStack() as opened:
            files = [opened.enter_context(path.open("wb")) for path in beside]
            for parts in compute():
                for place, (file, rows) in enumerate(zip(files, parts, strict=True)):
                    sizes[place] = rows.shape[1]
                    file.write(rows.astype("<f4").tobytes())

    with disk_errors(paths[0], DataError, "free some space, or set ALEXNET_CACHE to another folder"):
        write([])
        for path, size in zip(paths, sizes, strict=True):
            _write_manifest(path, size, _checksum(path), file_stamp(path))
    return sizes


def _write_manifest(path: Path, size: int, checksum: str, verified: str) -> None:
    text = json.dumps({"size": size, "blake2b": checksum, "verified": verified})
    write_whole(_manifest(path), lambda beside: beside.write_text(text, encoding="utf-8"))


def _checksum(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
