"""From the uint8 cache, or from shards, to batches: in a seeded order for training, in file order for testing.

On a CPU each batch is gathered when it is needed. A GPU must not wait for that: images that fit into half of its free
memory are kept there; otherwise threads gather the next batch into pinned memory while the GPU works on this one. Of
shards, threads decode the next batch in any case. All ways give the same numbers.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from alexnet.data.decode import Indices, PixelRows, Pixels
from alexnet.data.lanes import LaneOrder
from alexnet.data.split import Subset
from alexnet.data.streamed import StreamedPixels
from alexnet.errors import DataError, DownloadError

__all__ = [
    "Order",
    "PrefetchedBatches",
    "ResidentBatches",
    "Shuffled",
    "epoch_order",
    "gather",
    "in_order",
    "send",
    "training_batches",
    "training_order",
]

RESIDENT_FRACTION = 0.5
"""Of a GPU's free memory, for the training images; the rest is for the network's feature maps."""

COPY_THREADS = 4
"""Threads that gather a batch; a single one copies more slowly than a fast GPU trains."""

AHEAD_IMAGES = 8192
"""Images before they are needed, at which the download of their shards begins."""

CHUNK_BYTES = 64 << 20
"""Bytes of pixels copied to the GPU at a time."""

Order = Callable[[int], Indices]
"""From the number of a step, 0 on, to the places in a subset that it uses."""


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """A permutation of 0 ... count - 1 that depends on seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(count)


@lru_cache(maxsize=2)
def _kept_order(count: int, seed: int, epoch: int) -> Indices:
    return epoch_order(count, seed=seed, epoch=epoch)


@dataclass(frozen=True)
class Shuffled:
    """An order for training: whole batches, each epoch shuffled anew, without the images that fill no batch."""

    count: int
    batch_size: int
    seed: int

    def __call__(self, step: int) -> Indices:
        """The places that a step uses.

        >>> sorted(np.concatenate([Shuffled(6, 2, seed=0)(step) for step in (0, 1, 2)]).tolist())
        [0, 1, 2, 3, 4, 5]
        """
        epoch, batch = divmod(step, self.count // self.batch_size)
        order = _kept_order(self.count, self.seed, epoch)
        return order[batch * self.batch_size : (batch + 1) * self.batch_size]


def training_order(pixels: PixelRows, subset: Subset, *, batch_size: int, seed: int) -> Order:
    """The order in which a training uses the places of a subset: shuffled; of shards, a few of them at a time."""
    if isinstance(pixels, StreamedPixels):
        order = LaneOrder(pixels.source.shards_of(subset.indices), batch_size, seed)
        pixels.source.keep(2 * order.num_lanes)
        return order
    return Shuffled(len(subset), batch_size, seed)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; to a GPU by way of pinned memory, so that the copy does not wait for the GPU."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def gather(pixels: PixelRows, subset: Subset, places: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images, uint8 [n, size, size, 3], and labels, int64 [n], at some places of a subset, on a device."""
    images = torch.from_numpy(pixels[subset.indices[places]])
    labels = torch.from_numpy(subset.labels[places])
    return send(images, device), send(labels, device)


@contextmanager
def training_batches(
    pixels: PixelRows, subset: Subset, order: Order, device: torch.device, *, num_steps: int
) -> Iterator[Callable[[int], tuple[Tensor, Tensor]]]:
    """A function that gives the images and labels of a step, as `gather` does, in the fastest way for the device."""
    if isinstance(pixels, StreamedPixels):
        with PrefetchedBatches(pixels, subset, order, device, num_steps=num_steps) as batches:
            yield batches.get
    elif device.type != "cuda":
        yield lambda step: gather(pixels, subset, order(step), device)
    elif _bytes(pixels, subset) <= RESIDENT_FRACTION * torch.cuda.mem_get_info(device)[0]:
        yield ResidentBatches(pixels, subset, order, device).get
    else:
        with PrefetchedBatches(pixels, subset, order, device, num_steps=num_steps) as batches:
            yield batches.get


def in_order(
    pixels: PixelRows, subset: Subset, *, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image of a subset once, in order; the last batch may be smaller."""
    num_batches = -(-len(subset) // batch_size)

    def order(step: int) -> Indices:
        return np.arange(step * batch_size, min((step + 1) * batch_size, len(subset)))

    if device.type == "cuda" or isinstance(pixels, StreamedPixels):
        with PrefetchedBatches(pixels, subset, order, device, num_steps=num_batches) as batches:
            yield from map(batches.get, range(num_batches))
    else:
        for step in range(num_batches):
            yield gather(pixels, subset, order(step), device)


def _bytes(pixels: PixelRows, subset: Subset) -> int:
    return len(subset) * int(np.prod(pixels.shape[1:]))


class ResidentBatches:
    """A subset's images in the memory of the device, where batches are gathered."""

    def __init__(self, pixels: PixelRows, subset: Subset, order: Order, device: torch.device) -> None:
        self._shape, self._order, self._device = pixels.shape[1:], order, device
        per_image = int(np.prod(self._shape))
        images = torch.empty(len(subset), per_image, dtype=torch.uint8, device=device)
        chunk = max(1, CHUNK_BYTES // per_image)
        for start in range(0, len(subset), chunk):
            rows = pixels[subset.indices[start : start + chunk]]
            images[start : start + chunk] = torch.from_numpy(rows).view(len(rows), per_image)
        self._images = images.view(_widest(per_image))
        self._labels = torch.from_numpy(subset.labels).to(device)

    def get(self, step: int) -> tuple[Tensor, Tensor]:
        """Images and labels of a step."""
        places = send(torch.from_numpy(self._order(step)), self._device)
        images = self._images.index_select(0, places).view(torch.uint8)
        return images.view(len(places), *self._shape), self._labels.index_select(0, places)


def _widest(num_bytes: int) -> torch.dtype:
    """The widest integers that an image's bytes divide into: a GPU gathers faster by numbers than by bytes."""
    return next(t for t in (torch.int64, torch.int32, torch.int16, torch.uint8) if num_bytes % t.itemsize == 0)


class PrefetchedBatches:
    """Batches of a subset; threads gather the next one while this one is in use.

    To a GPU they are copied from pinned memory on a stream of their own. Use it as a context manager, which ends the
    threads.
    """

    def __init__(
        self, pixels: PixelRows, subset: Subset, order: Order, device: torch.device, *, num_steps: int
    ) -> None:
        self._pixels, self._subset, self._order, self._device = pixels, subset, order, device
        self._num_steps = num_steps
        is_streamed = isinstance(pixels, StreamedPixels)
        self._num_threads = max(COPY_THREADS, os.cpu_count() or 1) if is_streamed else COPY_THREADS
        self._pool = ThreadPoolExecutor(self._num_threads)
        self._announced = -1
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._started: dict[int, tuple[Tensor, list[Future[None]]]] = {}

    def __enter__(self) -> "PrefetchedBatches":
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    def get(self, step: int) -> tuple[Tensor, Tensor]:
        """Images and labels of a step; the next one is started."""
        images, parts = self._started.pop(step) if step in self._started else self._start(step)
        for part in parts:
            try:
                part.result()
            except (DataError, DownloadError) as error:
                raise type(error)(f"step {step + 1}: {error}") from error
        if step + 1 < self._num_steps:
            self._started = {step + 1: self._start(step + 1)}
        labels = torch.from_numpy(self._subset.labels[self._order(step)])
        return self._copy_over(images), send(labels, self._device)

    def _start(self, step: int) -> tuple[Tensor, list[Future[None]]]:
        self._announce(step)
        rows = self._subset.indices[self._order(step)]
        shape = (len(rows), *self._pixels.shape[1:])
        images = torch.empty(shape, dtype=torch.uint8, pin_memory=self._stream is not None)
        parts = zip(
            np.array_split(rows, self._num_threads), np.array_split(images.numpy(), self._num_threads), strict=True
        )
        return images, [self._pool.submit(self._copy, *part) for part in parts]

    def _announce(self, step: int) -> None:
        """Have the shards ready that the steps after this one need."""
        if not isinstance(self._pixels, StreamedPixels):
            return
        last = min(step + AHEAD_IMAGES // max(1, len(self._order(step))), self._num_steps - 1)
        for ahead in range(max(step, self._announced + 1), last + 1):
            self._pixels.source.fetch_ahead(self._subset.indices[self._order(ahead)])
        self._announced = max(last, self._announced)

    def _copy(self, rows: Indices, into: Pixels) -> None:
        if isinstance(self._pixels, StreamedPixels):
            self._pixels.read_into(rows, into)
        else:
            np.take(self._pixels, rows, axis=0, out=into, mode="clip")  # type: ignore[call-overload]  # no other copies once

    def _copy_over(self, images: Tensor) -> Tensor:
        if self._stream is None:
            return images.to(self._device)
        here = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._stream):
            copied = images.to(self._device, non_blocking=True)
        here.wait_stream(self._stream)
        copied.record_stream(here)  # its memory is not used again before the step has finished with it
        return copied
