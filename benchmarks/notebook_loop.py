"""What a user would run instead: the usual loop of a notebook, written plainly.

A DataLoader with two worker processes that open files with Pillow, `nn.LocalResponseNorm`, Adam, float32. It follows
the seminar's recipe (flips, ImageNet normalization, batches of 128) with nothing but torch and Pillow.

    python -m benchmarks.notebook_loop FOLDER --epochs 20
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

BATCH = 128
"""Images in a step."""

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class Images(Dataset[tuple[Tensor, int]]):
    """Files of class folders, decoded every time they are read."""

    def __init__(self, folder: Path, *, flip: bool, size: int = 96) -> None:
        classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
        self.files = [
            (path, k)
            for k, name in enumerate(classes)
            for path in sorted((folder / name).iterdir())
            if path.is_file()
        ]
        self.flip, self.size, self.num_classes = flip, size, len(classes)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.files[index]
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR))
        x = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
        if self.flip and torch.rand(()) < 0.5:
            x = x.flip(2)
        return (x - MEAN) / STD, label


def batches(images: Images, batch_size: int, *, persistent: bool = False) -> DataLoader[tuple[Tensor, int]]:
    """Shuffled whole batches, decoded by two worker processes.

    Raises:
        ValueError: there are fewer images than one batch holds, so that a loop over the batches would never end.
    """
    if len(images) < batch_size:
        raise ValueError(f"{len(images)} training images are fewer than a batch of {batch_size}")
    return DataLoader(
        images, batch_size, shuffle=True, num_workers=2, drop_last=True, persistent_workers=persistent
    )  # fmt: skip


def build_network(num_classes: int) -> nn.Sequential:
    """The talk's "manually implemented" network with torch's own layers, initialized as in the notebook."""

    def norm() -> nn.Module:
        return nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)

    network = nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Dropout(), nn.Linear(256, 4096), nn.ReLU(),
        nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, num_classes),
    )  # fmt: skip
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias if layer.bias is not None else layer.weight)
    return network


def train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, loader: DataLoader[tuple[Tensor, int]]
) -> Iterator[int]:
    """Train one epoch; yields the number of images of each step."""
    for x, labels in loader:
        optimizer.zero_grad()
        F.cross_entropy(network(x), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield len(x)


class NotebookTraining:
    """The loop on one folder, step by step or epoch by epoch."""

    def __init__(self, folder: Path, *, batch_size: int = BATCH) -> None:
        images = Images(folder / "train", flip=True)
        self.loader = batches(images, batch_size)
        self.network = build_network(images.num_classes)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)

    def epoch(self) -> None:
        """One pass over the training images; it starts its workers, as in the notebook."""
        for _ in train_epoch(self.network, self.optimizer, self.loader):
            pass

    def steps(self, count: int) -> Callable[[], None]:
        """A call that runs `count` steps; the workers persist between calls."""
        epochs = (train_epoch(self.network, self.optimizer, self.loader) for _ in itertools.count())
        endless = itertools.chain.from_iterable(epochs)

        def run() -> None:
            for _ in range(count):
                next(endless)

        return run


def main() -> None:
    """Train, and print the accuracy and the time after every epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    train = Images(options.folder / "train", flip=True)
    test = Images(options.folder / "test", flip=False)
    loader = batches(train, BATCH)
    network = build_network(train.num_classes)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    seconds = 0.0
    for epoch in range(options.epochs):
        started = time.perf_counter()
        network.train()
        num_images = sum(train_epoch(network, optimizer, loader))
        seconds += time.perf_counter() - started
        network.eval()
        with torch.no_grad():
            hits = sum(int((network(x).argmax(1) == y).sum()) for x, y in DataLoader(test, batch_size=256))
        speed = (epoch + 1) * num_images / seconds
        print(
            f"epoch {epoch + 1}: {seconds:.0f} s, test accuracy {hits / len(test):.4f}, {speed:.0f} images/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
