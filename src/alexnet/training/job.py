"""All that a training works on, gathered."""

from dataclasses import dataclass

import numpy as np

from alexnet.data.decode import Pixels
from alexnet.data.split import Split
from alexnet.data.statistics import PrincipalColors
from alexnet.model.checkpoint import Classifier
from alexnet.recipe import Recipe
from alexnet.training.machine import Machine
from alexnet.training.schedule import Rates, rates_at

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """All that the loop works on.

    classifier: the network on its device, with classes and preprocessing. colors: principal colours of the training
    images, None where the recipe does not use them.
    """

    recipe: Recipe
    classifier: Classifier
    pixels: Pixels
    split: Split
    machine: Machine
    colors: PrincipalColors | None = None

    @property
    def batch_size(self) -> int:
        """Images in a step: the recipe's, or all there are."""
        return min(self.recipe.batch_size, len(self.split.train))

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch; the few images over are others in each epoch."""
        return len(self.split.train) // self.batch_size

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.recipe.epochs * self.steps_per_epoch

    def rates(self, step: int, *, num_drops: int = 0) -> Rates:
        """Shares of the peak rates at a step, after so many drops of schedule `plateau`."""
        return rates_at(
            self.recipe, step, num_steps=self.num_steps, steps_per_epoch=self.steps_per_epoch, num_drops=num_drops
        )

    @property
    def guessing_loss(self) -> float:
        """Loss in nats of a network that knows the classes' frequencies only; ln K where they are equal."""
        counts = np.bincount(self.split.train.labels, minlength=len(self.split.classes))
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum())
