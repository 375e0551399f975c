"""Images of shards as pixels that are decoded when they are read: nothing is kept, however many there are."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.cache_folder import caches_dir
from alexnet.data.decode import ImageFacts, Indices, Pixels, inspect_image
from alexnet.data.folder import ImageFolder
from alexnet.data.image_file import reserve_bytes, too_many_bytes
from alexnet.data.lazy_sequence import LazySequence
from alexnet.data.shard_source import ShardSource
from alexnet.errors import DataError
from alexnet.progress_callback import Progress
from alexnet.records import Preprocessing

__all__ = ["StreamedImages", "StreamedPixels", "is_streamed", "open_images"]

ENOUGH_ROWS = 4096
"""Training images that statistics of colors, and patches, are taken from: all of some shards."""


class StreamedPixels:
    """uint8 [N, S, S, 3], read like an array by number, slice or array of numbers; equal to what the cache holds."""

    def __init__(self, source: ShardSource, preprocessing: Preprocessing) -> None:
        self.source, self._preprocessing = source, preprocessing
        self.shape = (len(source), *[preprocessing.decoded_size] * 2, 3)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | Indices) -> Pixels:
        """The pixels of an image, [S, S, 3], or of several, [n, S, S, 3].

        Raises:
            DataError, DownloadError: a shard is missing or has changed, or an image is damaged.
        """
        if isinstance(rows, int | np.integer):
            return self._decode(int(rows))
        chosen = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        pixels = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        threads = os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            parts = zip(np.array_split(chosen, threads), np.array_split(pixels, threads), strict=True)
            for part in [pool.submit(self.read_into, *part) for part in parts]:
                part.result()
        return pixels

    def read_into(self, rows: Indices, into: Pixels) -> None:
        """Decode images to [n, S, S, 3], in this thread."""
        for place, row in enumerate(rows):
            into[place] = self._decode(int(row))

    def inspect(self, row: int) -> tuple[Pixels | None, ImageFacts]:
        """An image and the facts about it; None, and the reason, where it cannot be used."""
        entry = self.source.file(row).entry
        problem = too_many_bytes(entry.num_bytes)
        if problem:
            return None, ImageFacts(error=problem)
        with reserve_bytes(entry.num_bytes):
            return inspect_image(self.source.read(entry), self._preprocessing)

    def _decode(self, row: int) -> Pixels:
        data = self.source.read_row(row)
        pixels, facts = inspect_image(data, self._preprocessing)
        if pixels is None:
            table = self.source.tables[int(self.source.shards_of(np.array([row]))[0])]
            raise DataError(
                f"{self.source.location}: {table.name}: {self.source.file(row).entry.name} cannot be used "
                f"({facts.error}); write the shards anew with `alexnet data shards`, which leaves such images out"
            )
        return pixels


@dataclass(frozen=True)
class StreamedImages(DecodedImages):
    """The images of shards, as those of a folder are in `DecodedImages`; facts are made when they are asked for."""

    source: ShardSource = field(kw_only=True, repr=False, compare=False)

    @cached_property
    def pixels(self) -> StreamedPixels:  # type: ignore[override]  # read like an array, see `PixelRows`
        """uint8 [N, decoded_size, decoded_size, 3], decoded as they are read."""
        return StreamedPixels(self.source, self.preprocessing)

    @property
    def names(self) -> Sequence[str]:
        """The name of the file of each row."""
        return self.source.names

    @property
    def fingerprint(self) -> str:
        """Changes when the set of shards does."""
        return self.source.fingerprint

    def few(self, rows: Indices, *, seed: int) -> Indices:
        """Some of these images, all from few shards, which are chosen at random."""
        shards = self.source.shards_of(rows)
        numbers, counts = np.unique(shards, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(numbers))
        num_needed = int(np.searchsorted(np.cumsum(counts[order]), ENOUGH_ROWS)) + 1
        return rows[np.isin(shards, numbers[order[:num_needed]])]


def is_streamed(folder: ImageFolder) -> bool:
    """Whether the images of a folder are decoded whenever they are read: those of shards without corrections are."""
    return isinstance(folder.source, ShardSource) and not isinstance(folder.files, tuple)


def open_images(
    folder: ImageFolder, preprocessing: Preprocessing, *, on_progress: Progress | None = None
) -> DecodedImages:
    """The images of a folder, decoded and kept; of shards, decoded whenever they are read.

    Corrected shards are decoded and kept like a folder: write the corrections into the shards instead.

    Args:
        on_progress: called with (files done, files in all) while decoding.

    Raises:
        DataError: the cache folder cannot be written, or the disk is full.
    """
    source = folder.source
    if not isinstance(source, ShardSource) or not is_streamed(folder):
        return decode_folder(folder, preprocessing, on_progress=on_progress)
    place = caches_dir() / f"shards-{source.fingerprint[:16]}" / "pixels.u8"
    pixels = StreamedPixels(source, preprocessing)
    facts = LazySequence(len(pixels), lambda row: pixels.inspect(row)[1])
    return StreamedImages(folder, preprocessing, place, folder.files, facts, source=source)
