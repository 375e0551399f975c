"""Decode many files on all cores, in order."""

import errno
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

from alexnet.data.decode import ImageFacts, Pixels, inspect_image
from alexnet.data.entry import Entry, ImageSource
from alexnet.data.image_file import reserve_bytes, too_many_bytes
from alexnet.data.quiet import quiet_pillow
from alexnet.records import Preprocessing

__all__ = ["decode_files", "read_checked"]

Decoded = tuple[Pixels | None, ImageFacts]
Checked = tuple[bytes | None, ImageFacts]
Item = TypeVar("Item")

GROUP = 16
"""Files that a thread takes at a time, at most: one by one, threads would wait for Python's lock."""

GROUP_BYTES = 1 << 20
"""Bytes of files from which a group is no longer enlarged, where the bytes are kept."""

WAITING_BYTES = 8 << 20
"""Decoded pixels that wait to be used, at most."""

LASTING = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.ENXIO)
"""Errors that stay until the file or its permissions change, which changes its time stamp too."""


def decode_files(
    source: ImageSource, entries: Iterable[Entry], preprocessing: Preprocessing
) -> Generator[Decoded, None, None]:
    """The decoded image of every entry and the facts about it, in order; None and the reason where it fails.

    Threads share the work, since Pillow decodes and resizes without holding Python's lock. Closing the iterator
    cancels what has not been started. Of the entries, only those that are being decoded are in memory.
    """
    cores, entries = os.cpu_count() or 1, iter(entries)
    first = list(islice(entries, 4 * cores * GROUP))
    size, entries = max(1, min(GROUP, len(first) // (4 * cores))), chain(first, entries)
    most_waiting = max(2 * cores, WAITING_BYTES // (3 * preprocessing.decoded_size**2 * size))

    def decode(group: Sequence[Entry]) -> list[Decoded]:
        return [_read_one(source, entry, preprocessing)[1:] for entry in group]

    groups = iter(lambda: list(islice(entries, size)), [])
    yield from _in_threads(groups, decode, cores, most_waiting)


def read_checked(
    source: ImageSource, entries: Iterable[Entry], preprocessing: Preprocessing
) -> Generator[Checked, None, None]:
    """The bytes of every entry that decodes and the facts about it, in order; None and the reason where it fails.

    What waits to be used are some MB, or a few files where they are larger.
    """
    cores = os.cpu_count() or 1

    def check(group: Sequence[Entry]) -> list[Checked]:
        read = (_read_one(source, entry, preprocessing) for entry in group)
        return [(None if pixels is None else data, facts) for data, pixels, facts in read]

    yield from _in_threads(_groups_of_bytes(entries), check, cores, 2 * cores)


def _groups_of_bytes(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    for entry in entries:
        group.append(entry)
        if len(group) == GROUP or sum(each.num_bytes for each in group) >= GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _in_threads(
    groups: Iterable[Sequence[Entry]], work: Callable[[Sequence[Entry]], list[Item]], cores: int, most_waiting: int
) -> Generator[Item, None, None]:
    """The results of `work` on every group, in order; at most so many groups wait to be used."""
    waiting: deque[Future[list[Item]]] = deque()
    pool = ThreadPoolExecutor(cores)
    with quiet_pillow():
        try:
            for group in groups:
                waiting.append(pool.submit(work, group))
                if len(waiting) > most_waiting:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _read_one(
    source: ImageSource, entry: Entry, preprocessing: Preprocessing
) -> tuple[bytes | None, Pixels | None, ImageFacts]:
    problem = entry.problem or too_many_bytes(entry.num_bytes) or ("" if entry.num_bytes else "empty file")
    if problem:
        return None, None, ImageFacts(error=problem)
    try:
        with reserve_bytes(entry.num_bytes):
            data = source.read(entry)
            return data, *inspect_image(data, preprocessing)
    except FileNotFoundError:
        return None, None, ImageFacts(error="no longer there", may_pass=True)
    except MemoryError:
        return None, None, ImageFacts(error="too little memory to read it", may_pass=True)
    except OSError as error:  # of a disk or a network it may pass; a damaged archive has no number
        may_pass = error.errno is not None and error.errno not in LASTING
        return None, None, ImageFacts(error=f"cannot be read ({error.strerror or error})", may_pass=may_pass)
