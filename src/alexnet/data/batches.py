"""From the uint8 cache to batches: in a seeded order for training, in file order for testing.

On a CPU each batch is gathered when it is needed. A GPU must not wait for that: images that fit into half of its free
memory are kept there; otherwise threads gather the next batch into pinned memory while the GPU works on this one. All
three ways give the same numbers.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from alexnet.data.decode import Pixels
from alexnet.data.split import Indices, Subset

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
]

RESIDENT_FRACTION = 0.5
"""Of a GPU's free memory, for the training images; the rest is for the network's feature maps."""

COPY_THREADS = 4
"""Threads that gather a batch; a single one copies more slowly than a fast GPU trains."""

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


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; to a GPU by way of pinned memory, so that the copy does not wait for the GPU."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def gather(pixels: Pixels, subset: Subset, places: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images, uint8 [n, size, size, 3], and labels, int64 [n], at some places of a subset, on a device."""
    images = torch.from_numpy(pixels[subset.indices[places]])
    labels = torch.from_numpy(subset.labels[places])
    return send(images, device), send(labels, device)


@contextmanager
def training_batches(
    pixels: Pixels, subset: Subset, order: Order, device: torch.device, *, num_steps: int
) -> Iterator[Callable[[int], tuple[Tensor, Tensor]]]:
    """A function that gives the images and labels of a step, as `gather` does, in the fastest way for the device."""
    if device.type != "cuda":
        yield lambda step: gather(pixels, subset, order(step), device)
    elif _bytes(pixels, subset) <= RESIDENT_FRACTION * torch.cuda.mem_get_info(device)[0]:
        yield ResidentBatches(pixels, subset, order, device).get
    else:
        with PrefetchedBatches(pixels, subset, order, device, num_steps=num_steps) as batches:
            yield batches.get


def in_order(
    pixels: Pixels, subset: Subset, *, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image of a subset once, in order; the last batch may be smaller."""
    num_batches = -(-len(subset) // batch_size)

    def order(step: int) -> Indices:
        return np.arange(step * batch_size, min((step + 1) * batch_size, len(subset)))

    if device.type == "cuda":
        with PrefetchedBatches(pixels, subset, order, device, num_steps=num_batches) as batches:
            yield from map(batches.get, range(num_batches))
    else:
        for step in range(num_batches):
            yield gather(pixels, subset, order(step), device)


def _bytes(pixels: Pixels, subset: Subset) -> int:
    return len(subset) * int(np.prod(pixels.shape[1:]))


class ResidentBatches:
    """A subset's images in the memory of the device, where batches are gathered."""

    def __init__(self, pixels: Pixels, subset: Subset, order: Order, device: torch.device) -> None:
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

    def __init__(self, pixels: Pixels, subset: Subset, order: Order, device: torch.device, *, num_steps: int) -> None:
        self._pixels, self._subset, self._order, self._device = pixels, subset, order, device
        self._num_steps = num_steps
        self._pool = ThreadPoolExecutor(COPY_THREADS)
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
            part.result()
        if step + 1 < self._num_steps:
            self._started = {step + 1: self._start(step + 1)}
        labels = torch.from_numpy(self._subset.labels[self._order(step)])
        return self._copy_over(images), send(labels, self._device)

    def _start(self, step: int) -> tuple[Tensor, list[Future[None]]]:
        rows = self._subset.indices[self._order(step)]
        shape = (len(rows), *self._pixels.shape[1:])
        images = torch.empty(shape, dtype=torch.uint8, pin_memory=self._stream is not None)
        parts = zip(np.array_split(rows, COPY_THREADS), np.array_split(images.numpy(), COPY_THREADS), strict=True)
        return images, [self._pool.submit(self._copy, *part) for part in parts]

    def _copy(self, rows: Indices, into: Pixels) -> None:
        np.take(self._pixels, rows, axis=0, out=into, mode="clip")  # the other modes copy twice

    def _copy_over(self, images: Tensor) -> Tensor:
        if self._stream is None:
            return images.to(self._device)
        here = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._stream):
            copied = images.to(self._device, non_blocking=True)
        here.wait_stream(self._stream)
        copied.record_stream(here)  # its memory is not used again before the step has finished with it
        return copied
