"""A loop as one would write it today: the notebook's, with PyTorch's own options for speed switched on.

A DataLoader whose two worker processes persist between epochs, channels-last memory, fused AdamW, and bfloat16 by
autocast if the CPU is fast at it. Images are opened with Pillow, as in the notebook's loop.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.notebook_loop import BATCH, Images, batches, build_network

__all__ = ["build_torchvision_network", "modern_steps"]


def build_torchvision_network(num_classes: int) -> nn.Sequential:
    """The network of `torchvision.models.alexnet`, layer by layer, with PyTorch's own initialization."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.AdaptiveAvgPool2d(6), nn.Flatten(),
        nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True),
        nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, num_classes),
    )  # fmt: skip


def train_steps(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: DataLoader[tuple[Tensor, int]],
    dtype: torch.dtype,
) -> Iterator[int]:
    """Train epoch after epoch; yields the number of images of each step."""
    for x, labels in itertools.chain.from_iterable(loader for _ in itertools.count()):
        x = x.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits = network(x)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield len(x)


def modern_steps(
    folder: Path,
    count: int,
    *,
    dtype: torch.dtype = torch.float32,
    size: int = 96,
    batch_size: int = BATCH,
    build: Callable[[int], nn.Module] = build_network,
) -> Callable[[], None]:
    """A call that runs `count` steps of the loop; the workers persist between calls."""
    images = Images(folder / "train", flip=True, size=size)
    loader = batches(images, batch_size, persistent=True)
    network = build(images.num_classes).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    endless = train_steps(network, optimizer, loader, dtype)

    def run() -> None:
        for _ in range(count):
            next(endless)

    return run
