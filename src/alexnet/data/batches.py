"""From the uint8 cache to batches: in a seeded order for training, in file order for testing."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from alexnet.data.decode import Pixels
from alexnet.data.split import Subset

__all__ = ["epoch_order", "gather", "in_order"]


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
