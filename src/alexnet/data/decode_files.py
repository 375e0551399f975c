"""Decode many files on all cores, in order."""

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from alexnet.data.decode import ImageFacts, Pixels, inspect_image
from alexnet.data.entry import Entry, ImageSource
from alexnet.data.image_file import reserve_bytes, too_many_bytes
from alexnet.data.quiet import quiet_pillow
from alexnet.records import Preprocessing

__all__ = ["decode_files"]

Decoded = tuple[Pixels | None, ImageFacts]

GROUP = 16
"""Files that a thread takes at a time, at most: one by one, threads would wait for Python's lock."""

WAITING_BYTES = 8 << 20
"""Decoded pixels that wait to be used, at most."""


def decode_files(
    source: ImageSource, entries: Sequence[Entry], preprocessing: Preprocessing
) -> Generator[Decoded, None, None]:
    """The decoded image of every entry and the facts about it, in order; None and the reason where it fails.

    Threads share the work, since Pillow decodes and resizes without holding Python's lock. Closing the iterator
    cancels what has not been started.
    """
    cores = os.cpu_count() or 1
    size = max(1, min(GROUP, len(entries) // (4 * cores)))
    most_waiting = max(2 * cores, WAITING_BYTES // (3 * preprocessing.decoded_size**2 * size))
    waiting: deque[Future[list[Decoded]]] = deque()
    pool = ThreadPoolExecutor(cores)
    with quiet_pillow():
        try:
            for start in range(0, len(entries), size):
                waiting.append(pool.submit(_decode_group, source, entries[start : start + size], preprocessing))
                if len(waiting) > most_waiting:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode_group(source: ImageSource, entries: Sequence[Entry], preprocessing: Preprocessing) -> list[Decoded]:
    return [_decode_one(source, entry, preprocessing) for entry in entries]


def _decode_one(source: ImageSource, entry: Entry, preprocessing: Preprocessing) -> Decoded:
    problem = entry.problem or too_many_bytes(entry.num_bytes) or ("" if entry.num_bytes else "empty file")
    if problem:
        return None, ImageFacts(error=problem)
    try:
        with reserve_bytes(entry.num_bytes):
            return inspect_image(source.read(entry), preprocessing)
    except FileNotFoundError:
        return None, ImageFacts(error="no longer there", may_pass=True)
    except MemoryError:
        return None, ImageFacts(error="too little memory to read it", may_pass=True)
    except OSError as error:  # of a disk or a network it may pass; a damaged archive has no number
        may_pass = error.errno is not None
        return None, ImageFacts(error=f"cannot be read ({error.strerror or error})", may_pass=may_pass)
