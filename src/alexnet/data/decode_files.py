"""Many files decoded on all cores, in order."""

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from alexnet.data.decode import ImageFacts, Pixels, inspect_image, without_warnings
from alexnet.data.entry import Entry, ImageSource
from alexnet.records import Preprocessing

__all__ = ["decode_files"]

Decoded = tuple[Pixels | None, ImageFacts]

GROUP = 16
"""Files that a thread takes at a time, at most: handing over each alone costs the lock that decoding leaves."""

AHEAD_BYTES = 8 << 20
"""Decoded pixels that wait to be taken, at most: bounds the memory."""


def decode_files(
    source: ImageSource, entries: Sequence[Entry], preprocessing: Preprocessing
) -> Generator[Decoded, None, None]:
    """The decoded image of every entry and what was found in it, in order; None and the reason where it fails.

    Threads serve, since Pillow decodes and resizes without holding Python's lock. What was begun for nothing is given
    up when the iterator is closed.
    """
    cores = os.cpu_count() or 1
    size = max(1, min(GROUP, len(entries) // (4 * cores)))
    ahead = max(2 * cores, AHEAD_BYTES // (3 * preprocessing.decoded_size**2 * size))
    waiting: deque[Future[list[Decoded]]] = deque()
    pool = ThreadPoolExecutor(cores)
    with without_warnings():
        try:
            for start in range(0, len(entries), size):
                waiting.append(pool.submit(_decode_group, source, entries[start : start + size], preprocessing))
                if len(waiting) > ahead:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode_group(source: ImageSource, entries: Sequence[Entry], preprocessing: Preprocessing) -> list[Decoded]:
    return [_decode_one(source, entry, preprocessing) for entry in entries]


def _decode_one(source: ImageSource, entry: Entry, preprocessing: Preprocessing) -> Decoded:
    if entry.problem:
        return None, ImageFacts(error=entry.problem)
    try:
        data = source.read(entry)
    except OSError as error:
        return None, ImageFacts(error=f"cannot be read ({error.strerror or error})")
    return inspect_image(data, preprocessing)
