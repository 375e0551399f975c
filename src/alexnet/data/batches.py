"""From the uint8 cache to batches: in a seeded order for training, in file order for testing."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from alexnet.data.decode import Pixels
from alexnet.data.split import Subset

__all__ = ["channel_statistics", "epoch_order", "gather", "in_order"]


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """A permutation of 0 ... count - 1 that depends on seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def gather(pixels: Pixels, subset: Subset, places: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """Pictures, uint8 [n, size, size, 3], and labels, int64 [n], of some places of a subset, on a device."""
    pictures = torch.from_numpy(pixels[subset.indices[places]])
    labels = torch.from_numpy(subset.labels[places])
    if device.type == "cuda":
        pictures = pictures.pin_memory()
    return pictures.to(device, non_blocking=True), labels.to(device)


def in_order(
    pixels: Pixels, subset: Subset, *, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every picture of a subset once, in order; the last batch may be smaller."""
    for start in range(0, len(subset), batch_size):
        yield gather(pixels, subset, np.arange(start, min(start + batch_size, len(subset))), device)


def channel_statistics(
    pixels: Pixels, subset: Subset, *, most: int = 2048
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation by channel, 0-255, of up to `most` evenly spaced pictures of a subset."""
    step = max(1, len(subset) // most)
    counts = np.zeros((3, 256))
    for row in subset.indices[::step]:
        for channel in range(3):
            counts[channel] += np.bincount(pixels[row, :, :, channel].ravel(), minlength=256)
    levels, shares = np.arange(256.0), counts / counts.sum(1, keepdims=True)
    mean = shares @ levels
    deviation = np.sqrt(np.maximum(shares @ levels**2 - mean**2, 1.0))
    r, g, b = (round(float(value), 3) for value in mean)
    dr, dg, db = (round(float(value), 3) for value in deviation)
    return (r, g, b), (dr, dg, db)
