"""A set of shards as a source of files: any image by its number, its name known when it is asked for."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from alexnet.data.entry import Entry, ImageFile
from alexnet.data.lazy_sequence import LazySequence
from alexnet.data.pixels import Indices
from alexnet.data.shard_store import OpenShards, ShardStore
from alexnet.errors import DataError

__all__ = ["ShardSource", "ShardTable", "table_of"]

Item = TypeVar("Item")

KEPT_NAMES = 32
"""Shards whose lists of names are kept."""


@dataclass(frozen=True)
class ShardTable:
    """What is kept of every shard.

    offsets, lengths, labels: of its images, [n]; crcs: of their bytes, None where they are not known. stamp: changes
    when its content does.
    """

    name: str
    split: str
    stamp: str
    offsets: Indices
    lengths: Indices
    labels: Indices
    crcs: Indices | None = None


def table_of(
    name: str,
    split: str,
    stamp: str,
    offsets: Sequence[int],
    lengths: Sequence[int],
    labels: Sequence[int],
    crcs: Sequence[int] | None = None,
) -> ShardTable:
    """The table of a shard whose columns are lists."""
    checked = None if crcs is None else np.array(crcs, np.int64)
    where, how_long, what = (np.array(column, np.int64) for column in (offsets, lengths, labels))
    return ShardTable(name, split, stamp, where, how_long, what, checked)


class ShardSource:
    """The images of a set of shards, numbered from the first shard's first image on.

    Args:
        path: of the set, as a path even where it is an address.
        location: the same for messages and for run.json.
        fingerprint: changes when an image, its name, class or split does.
        names_of: from the number of a shard to the names of its files.
        notes: what was left out, a line each.
    """

    def __init__(
        self,
        path: Path,
        location: str,
        fingerprint: str,
        classes: tuple[str, ...],
        tables: Sequence[ShardTable],
        store: ShardStore,
        names_of: Callable[[int], Sequence[str]],
        notes: tuple[str, ...] = (),
    ) -> None:
        self.path, self.location, self.fingerprint, self.classes = path, location, fingerprint, classes
        self.tables, self.store, self.notes = tuple(tables), store, notes
        self.folders: frozenset[str] = frozenset()
        counts = [len(table.labels) for table in tables]
        self.starts: Indices = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self.labels: Indices = np.concatenate([table.labels for table in tables])
        self._open, self._names_of = OpenShards(store), lru_cache(maxsize=KEPT_NAMES)(names_of)

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def files(self) -> Sequence[ImageFile]:
        """Every image with its class and split."""
        return self._of_files(lambda file: file)

    @property
    def names(self) -> Sequence[str]:
        """The name of every image."""
        return self._of_files(lambda file: file.entry.name)

    @property
    def entries(self) -> Sequence[Entry]:
        """Every image by name."""
        return self._of_files(lambda file: file.entry)

    def _of_files(self, make: Callable[[ImageFile], Item]) -> Sequence[Item]:
        """A property of each image, made from its file when it is read."""
        return LazySequence(len(self), lambda row: make(self.file(row)), lambda: map(make, self.each_file()))

    def shards_of(self, rows: Indices) -> Indices:
        """The number of the shard of each image."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def rows_of(self, split: str) -> Indices:
        """The numbers of a split's images, ascending."""
        ranges = [
            np.arange(start, stop)
            for table, start, stop in zip(self.tables, self.starts[:-1], self.starts[1:], strict=True)
            if table.split == split
        ]
        return np.concatenate([np.empty(0, np.int64), *ranges])

    def file(self, row: int) -> ImageFile:
        """An image by its number."""
        number = int(self.shards_of(np.array([row]))[0])
        return self._file(number, row)

    def each_file(self) -> Iterator[ImageFile]:
        """Every image in turn."""
        for number, (start, stop) in enumerate(pairwise(self.starts.tolist())):
            for row in range(start, stop):
                yield self._file(number, row)

    def _file(self, number: int, row: int) -> ImageFile:
        table, place = self.tables[number], row - int(self.starts[number])
        entry = _ShardEntry(
            self._names_of(number)[place], int(table.lengths[place]), f"{table.stamp}.{place}", row=row
        )
        return ImageFile(entry, self.classes[self.labels[row]], table.split)

    def keep(self, num_shards: int) -> None:
        """Keep so many downloaded shards at least: those that are read at the same time."""
        self.store.keep(num_shards)

    def fetch_ahead(self, rows: Indices) -> None:
        """Have the shards of images ready that are needed soon."""
        self.store.fetch_ahead([self.tables[number].name for number in np.unique(self.shards_of(rows))])

    def read(self, entry: Entry) -> bytes:
        """The content of a file. Raises OSError or DataError where it cannot be read."""
        if not isinstance(entry, _ShardEntry):
            raise OSError("it is not in the shards")
        return self.read_row(entry.row)

    def read_row(self, row: int) -> bytes:
        """The bytes of an image by its number.

        Raises:
            DataError, DownloadError: its shard is missing, or has changed.
        """
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        table, place = self.tables[number], row - int(self.starts[number])
        offset, length = int(table.offsets[place]), int(table.lengths[place])
        try:
            file = self._open.file(table.name)
            data = file.read(offset, length)
            if not self._is_whole(table, place, data):
                data = self._open.renew(table.name, file).read(offset, length)
        except OSError as error:
            where = f"{self.location}: {table.name}"
            raise DataError(f"{where} cannot be read ({error.strerror or error}); restore the shard") from error
        if self._is_whole(table, place, data):
            return data
        raise DataError(
            f"{self.location}: {table.name} has changed since it was written "
            f"({self._names_of(number)[place]}); restore the shard, or write the shards again"
        )

    @staticmethod
    def _is_whole(table: ShardTable, place: int, data: bytes) -> bool:
        return len(data) == table.lengths[place] and (table.crcs is None or zlib.crc32(data) == table.crcs[place])


@dataclass(frozen=True)
class _ShardEntry(Entry):
    """An image in a shard. row: its number."""

    row: int = -1
