"""Our training step as in `alexnet.training.loop`, without the run folder around it.

A test ensures that both give the same losses for the same seed. What `alexnet train` sets for the whole process is
left out, because it would speed up the peers as well: subnormal numbers are not flushed, and freed memory is kept
only if a part does so. Everything is measured on the CPU, even if there is a GPU.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.batches import Shuffled, gather
from alexnet.data.folder import scan_folder
from alexnet.model.summary import summarize
from alexnet.recipe import Recipe
from alexnet.training.events import ignore
from alexnet.training.optimizer import Optimizers
from alexnet.training.preparation import prepare

__all__ = ["OurTraining", "training_flop"]


class OurTraining:
    """A recipe on a folder, at full image size from the start: prepared by the library, then run step by step."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        recipe = recipe.replace(device="cpu", start_size=None)  # as the peers, at their image size
        self.job, _ = prepare(scan_folder(folder), recipe, ignore)
        self.network = self.job.classifier.network
        self.network.train()
        self.optimizers = Optimizers(self.network, recipe, dtype=self.job.machine.dtype)
        self.order = Shuffled(len(self.job.split.train), self.job.batch_size, recipe.seed)
        self.steps_done = 0

    @property
    def batch_size(self) -> int:
        """Images in a step."""
        return self.job.batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images, uint8, and labels of a step, in epoch order."""
        return gather(self.job.pixels, self.job.split.train, self.order(step), self.job.machine.device)

    def augmented(self, pixels: Tensor, step: int) -> Tensor:
        """The network's input of a step."""
        return self.job.augment(pixels, step)

    def step(self) -> float:
        """A whole step from the cache to updated weights; returns the loss, which the loop reads too."""
        step = self.steps_done
        images, labels = self.batch(step)
        x = self.augmented(images, step)
        self.job.seed_dropout(step)
        loss = self.forward_backward(x, labels)
        self.optimizers.step(self.job.rates(step))
        self.steps_done += 1
        return loss.item()

    def forward_backward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Forward pass, loss and backward pass; returns the loss."""
        machine, smoothing = self.job.machine, self.job.recipe.label_smoothing
        with torch.autocast(machine.device.type, machine.dtype, enabled=machine.dtype != torch.float32):
            logits = self.network(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def steps(self, count: int) -> Callable[[], None]:
        """A call that runs `count` whole steps."""

        def run() -> None:
            for _ in range(count):
                self.step()

        return run

    def constant_steps(self, count: int) -> Callable[[], None]:
        """A call that runs `count` steps on one ready tensor: no reading, no augmentation."""
        pixels, labels = self.batch(0)
        x, rates = self.augmented(pixels, 0), self.job.rates(0)

        def run() -> None:
            for _ in range(count):
                loss = self.forward_backward(x, labels)
                self.optimizers.step(rates)
                loss.item()

        return run


def training_flop(variant: str, *, size: int, num_classes: int, num_images: int) -> Mapping[str, float]:
    """Float operations of the forward and backward pass by layer, from the network's table.

    A multiply-add is two operations, and the backward pass needs twice as many as the forward pass: for the gradient
    of the input and for that of the weights. The first layer's input needs no gradient, so it counts twice, not three
    times.
    """
    rows = [row for row in summarize(variant, size=size, num_classes=num_classes).layers if row.multiply_adds]
    passes = {row.name: 2.0 if place == 0 else 3.0 for place, row in enumerate(rows)}
    return {row.name: 2.0 * passes[row.name] * row.multiply_adds * num_images for row in rows}
