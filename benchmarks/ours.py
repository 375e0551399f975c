"""Our training step as the loop in `alexnet.training.loop` does it, without the run folder around it.

A test holds the two together: the same seed gives the same losses. What `alexnet train` sets for the whole process is
left out, because it would serve the peers as well: subnormal numbers are not flushed, and memory is kept only where a
part says so. Everything is measured on the processor, whether there is a GPU or not.
"""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.augment import Augmentation, augment
from alexnet.data.batches import epoch_order, gather
from alexnet.data.folder import scan_folder
from alexnet.evaluation.metrics import num_wrong
from alexnet.model.summary import summarize
from alexnet.recipe import Recipe
from alexnet.training.events import ignore
from alexnet.training.optimizer import Optimizers
from alexnet.training.preparation import prepare

__all__ = ["OurTraining", "training_flop"]


class OurTraining:
    """A recipe on a folder: prepared by the library, then step by step.

    size: side in px that the pictures are given to the network; the recipe's if not given.
    """

    def __init__(self, folder: Path, recipe: Recipe, *, size: int | None = None) -> None:
        recipe = recipe.replace(device="cpu")  # where the peers are
        self.job, _ = prepare(scan_folder(folder), recipe, ignore)
        self.size = size or recipe.size
        self.network = self.job.trained.network
        self.network.train()
        self.optimizers = Optimizers(self.network, recipe)
        self.augmentation = Augmentation.of(recipe)
        self.steps_done = 0

    @property
    def batch_size(self) -> int:
        """Pictures in a step."""
        return self.job.batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures, uint8, and labels of a step, in epoch order."""
        job = self.job
        epoch, place = divmod(step, job.steps_per_epoch)
        order = epoch_order(len(job.split.train), seed=job.recipe.seed, epoch=epoch)
        places = order[place * job.batch_size : (place + 1) * job.batch_size]
        return gather(job.pixels, job.split.train, places, job.machine.device)

    def augmented(self, pixels: Tensor, step: int) -> Tensor:
        """The network's input of a step."""
        generator = torch.Generator().manual_seed(2 * (self.job.recipe.seed * 1_000_003 + step) + 1)
        return augment(
            pixels, self.augmentation, self.job.trained.preprocessing, size=self.size, generator=generator,
            colors=self.job.colors, mean_picture=self.network.mean_image,
        )  # fmt: skip

    def update(self, x: Tensor, labels: Tensor, step: int) -> float:
        """Forward, backward, update; the loss, as the loop reads it out after each step."""
        machine, recipe = self.job.machine, self.job.recipe
        torch.manual_seed(2 * (recipe.seed * 1_000_003 + step))  # dropout
        with torch.autocast(machine.device.type, machine.dtype, enabled=machine.dtype != torch.float32):
            logits = self.network(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers.step(self.job.rates(step))
        num_wrong(logits.detach(), labels)
        return loss.item()

    def step(self) -> float:
        """A whole step from the cache to updated weights; the loss."""
        pixels, labels = self.batch(self.steps_done)
        loss = self.update(self.augmented(pixels, self.steps_done), labels, self.steps_done)
        self.steps_done += 1
        return loss

    def steps(self, count: int) -> Callable[[], None]:
        """So many whole steps as one call."""

        def run() -> None:
            for _ in range(count):
                self.step()

        return run

    def constant_steps(self, count: int) -> Callable[[], None]:
        """So many steps on one tensor that is there already: no reading, no augmentation."""
        pixels, labels = self.batch(0)
        x, numbers = self.augmented(pixels, 0), itertools.count()

        def run() -> None:
            for _ in range(count):
                self.update(x, labels, next(numbers))

        return run


def training_flop(variant: str, *, size: int, num_classes: int, num_pictures: int) -> Mapping[str, float]:
    """Float operations of forward and backward pass by layer, from the network's table.

    A multiply-add is two operations, and the backward pass takes twice the forward's: once for the gradient of the
    input and once for that of the weights. The first layer's input needs none, so it counts two times, not three.
    """
    rows = [row for row in summarize(variant, size=size, num_classes=num_classes).layers if row.multiply_adds]
    passes = {row.name: 2.0 if place == 0 else 3.0 for place, row in enumerate(rows)}
    return {row.name: 2.0 * passes[row.name] * row.multiply_adds * num_pictures for row in rows}
