"""How many steps a training makes, whether they are few, and which settings give more."""

import math
from dataclasses import dataclass

from alexnet.recipe import AUTO, Recipe
from alexnet.training.sizing import SMALLEST_BATCH, size_recipe

__all__ = ["ENOUGH_STEPS", "FEW_STEPS", "StepBudget"]

FEW_STEPS = 50
"""Below this many steps, networks that were trained from scratch had learned little.

EXPERIMENTS.md, "Epochs, batch size and validation by the number of images"."""

ENOUGH_STEPS = 200
"""Steps that are advised instead, at least."""

MOST_EPOCHS = 1000
"""Epochs above which no number of them is advised."""


@dataclass(frozen=True)
class StepBudget:
    """The steps of a training: `epochs` passes over `num_images` training images in batches of `batch_size`."""

    num_images: int
    batch_size: int
    epochs: int

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return self.num_images // self.batch_size

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.steps_per_epoch

    @property
    def is_small(self) -> bool:
        """Whether a network trained from scratch will hardly have learned anything by the end."""
        return self.num_steps < FEW_STEPS

    def __str__(self) -> str:
        """The steps and where they come from, for people."""
        steps = "1 step" if self.num_steps == 1 else f"{self.num_steps:,} steps"
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs:,} epochs"
        return f"{steps} ({epochs}, {self.steps_per_epoch:,} in each)"

    def extended(self, num_steps: float) -> "StepBudget | None":
        """The cheapest budget with at least so many steps; None where it would take more than `MOST_EPOCHS`.

        Smaller batches come first, down to `SMALLEST_BATCH`, because an epoch of them takes hardly longer; then more
        epochs.

        >>> StepBudget(300, 128, 8).extended(100)
        StepBudget(num_images=300, batch_size=16, epochs=8)
        >>> StepBudget(80, 64, 8).extended(200)
        StepBudget(num_images=80, batch_size=16, epochs=40)
        """
        if not num_steps <= MOST_EPOCHS * self.num_images:
            return None
        batch = self.batch_size
        while batch > SMALLEST_BATCH and self.epochs * (self.num_images // batch) < num_steps:
            batch = max(SMALLEST_BATCH, 2 ** ((batch - 1).bit_length() - 1))
        epochs = max(self.epochs, math.ceil(num_steps / (self.num_images // batch)))
        return StepBudget(self.num_images, batch, epochs) if epochs <= MOST_EPOCHS else None

    def sized(self) -> "StepBudget":
        """The budget of `epochs = auto` and `batch_size = auto` for as many images, from scratch.

        >>> StepBudget(80, 64, 8).sized()
        StepBudget(num_images=80, batch_size=16, epochs=72)
        """
        sized = size_recipe(Recipe(epochs=AUTO, batch_size=AUTO), self.num_images)
        return StepBudget(self.num_images, min(sized.batch_size, self.num_images), sized.epochs)

    def advice(self, num_steps: float) -> str | None:
        """The settings that give at least so many steps, for people; None where none do or where there are as many.

        >>> StepBudget(80, 64, 8).advice(200)
        'set epochs=auto and batch_size=auto (about 360 steps)'
        >>> StepBudget(80, 64, 8).advice(500)
        'set batch_size=16 and epochs=100 (500 steps)'
        """
        if self.num_steps < num_steps <= self.sized().num_steps:
            return f"set epochs=auto and batch_size=auto (about {self.sized().num_steps:,} steps)"
        longer = self.extended(num_steps)
        if longer is None:
            return None
        batch = [f"batch_size={longer.batch_size}"] if longer.batch_size != self.batch_size else []
        epochs = [f"epochs={longer.epochs}"] if longer.epochs != self.epochs else []
        changes = " and ".join(batch + epochs)
        return f"set {changes} ({longer.num_steps:,} steps)" if changes else None
