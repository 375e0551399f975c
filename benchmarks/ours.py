"""Our training step as the loop in `alexnet.training.loop` takes it, without the run folder around it.

A test holds the two together: the same seed gives the same losses. What `alexnet train` sets for the whole process is
left out, because it would serve the peers as well: subnormal numbers are not flushed, and memory is kept only where a
part says so. Everything is measured on the CPU, whether there is a GPU or not.
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
    """A recipe on a folder, at its full image size from the start: prepared by the library, then step by step."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        recipe = recipe.replace(device="cpu", start_size=None)  # where the peers are, and at their size
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
        """A whole step from the cache to updated weights; the loss, as the loop reads it out after each step."""
        step = self.steps_done
        images, labels = self.batch(step)
        x = self.augmented(images, step)
        self.job.seed_dropout(step)
        loss = self.forward_backward(x, labels)
        self.optimizers.step(self.job.rates(step))
        self.steps_done += 1
        return loss.item()

    def forward_backward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Forward pass, loss and backward pass; the loss."""
        machine, smoothing = self.job.machine, self.job.recipe.label_smoothing
        with torch.autocast(machine.device.type, machine.dtype, enabled=machine.dtype != torch.float32):
            logits = self.network(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def steps(self, count: int) -> Callable[[], None]:
        """So many whole steps as one call."""

        def run() -> None:
            for _ in range(count):
                self.step()

        return run

    def constant_steps(self, count: int) -> Callable[[], None]:
        """So many steps on one tensor that is there already: no reading, no augmentation."""
        pixels, labels = self.batch(0)
        x, rates = self.augmented(pixels, 0), self.job.rates(0)

        def run() -> None:
            for _ in range(count):
                loss = self.forward_backward(x, labels)
                self.optimizers.step(rates)
                loss.item()

        return run


def training_flop(variant: str, *, size: int, num_classes: int, num_images: int) -> Mapping[str, float]:
    """Float operations of forward and backward pass by layer, from the network's table.

    A multiply-add is two operations, and the backward pass takes twice the forward's: once for the gradient of the
    input and once for that of the weights. The first layer's input needs none, so it counts two times, not three.
    """
    rows = [row for row in summarize(variant, size=size, num_classes=num_classes).layers if row.multiply_adds]
    passes = {row.name: 2.0 if place == 0 else 3.0 for place, row in enumerate(rows)}
    return {row.name: 2.0 * passes[row.name] * row.multiply_adds * num_images for row in rows}
