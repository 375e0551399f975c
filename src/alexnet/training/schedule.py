"""How the learning rate and the image size change over a training."""

import math
from dataclasses import dataclass

from alexnet.model.specs import AdaptivePool, NetworkSpec
from alexnet.recipe import Recipe

__all__ = ["Plateau", "Rates", "image_size", "is_evaluated", "rates_at", "start_note", "usable_sizes"]

STEPS_APART = 80
"""Steps between two measurements on the held-out images where epochs are shorter than that."""


@dataclass(frozen=True)
class Rates:
    """Fractions of the peak learning rates at a step.

    main: of weights. bias: of biases. conv1: factor on the learning rate of conv1; 0 freezes it.
    """

    main: float
    bias: float
    conv1: float = 1.0

    def of(self, layer: str, *, is_bias: bool) -> float:
        """The fraction for the weights or biases of a layer."""
        if layer != "conv1":
            return self.bias if is_bias else self.main
        if is_bias:
            return self.bias if self.conv1 > 0.0 else 0.0
        return self.main * self.conv1


def rates_at(recipe: Recipe, step: int, *, num_steps: int, steps_per_epoch: int, num_drops: int = 0) -> Rates:
    """The fractions of the peak learning rates at a step.

    All schedules rise linearly over the warm-up. Then `one_cycle` falls linearly towards 0, and the others stay, and
    are multiplied by `step_factor` at each drop: see `Recipe.schedule`.

    Args:
        step: from 0.
        num_steps: steps of the whole training.
        num_drops: how often schedule `plateau` has dropped so far.

    >>> from alexnet.presets import PRESETS
    >>> [rates_at(PRESETS["fast"], step, num_steps=100, steps_per_epoch=10).main for step in (0, 14, 99)]
    [0.06666666666666667, 1.0, 0.011764705882352941]
    """
    num_warmup = recipe.warmup * num_steps
    rising = min(1.0, (step + 1) / num_warmup) if num_warmup >= 1 else 1.0
    left = num_steps - num_warmup
    if recipe.schedule == "one_cycle":
        falling = 1.0 if step < num_warmup or left <= 0 else (num_steps - step) / left
    else:
        falling = recipe.step_factor ** _drops_before(recipe, step, num_steps, steps_per_epoch, num_drops)
    conv1 = 1.0
    if step >= round(recipe.conv1_slow * num_steps):
        conv1 = 0.1 if step < round(recipe.conv1_stop * num_steps) else 0.0
    main = rising * falling
    return Rates(main, main if recipe.bias_drops else rising, conv1)


def _drops_before(recipe: Recipe, step: int, num_steps: int, steps_per_epoch: int, num_drops: int) -> int:
    if recipe.schedule == "plateau":
        return num_drops
    if recipe.schedule == "drops":
        return sum(step >= round(fraction * num_steps) for fraction in recipe.drops)
    return step // steps_per_epoch // recipe.step_epochs


@dataclass
class Plateau:
    """Notices when the validation error stops improving.

    best: the lowest error so far. since: epochs since then. num_drops: drops of the learning rate so far.
    """

    best: float = math.inf
    since: int = 0
    num_drops: int = 0

    def update(self, error: float, recipe: Recipe) -> bool:
        """Count an epoch with this validation error; True if the learning rate drops now."""
        if error < self.best:
            self.best, self.since = error, 0
            return False
        self.since += 1
        if self.since < recipe.plateau_epochs or self.num_drops >= recipe.plateau_drops:
            return False
        self.num_drops, self.since = self.num_drops + 1, 0
        return True


def is_evaluated(recipe: Recipe, epoch: int, *, steps_per_epoch: int) -> bool:
    """Whether an epoch ends with a measurement on the held-out images.

    Every epoch does, unless epochs are many and short, as those of small folders are: then about one in `STEPS_APART`
    steps, at least eight in all, and always the last. Schedule `plateau` needs every epoch.

    Args:
        epoch: from 1.

    >>> sum(is_evaluated(Recipe(epochs=36), epoch, steps_per_epoch=20) for epoch in range(1, 37))
    9
    """
    every = max(1, min(STEPS_APART // steps_per_epoch, recipe.epochs // 8))
    return recipe.schedule == "plateau" or epoch % every == 0 or epoch == recipe.epochs


def usable_sizes(spec: NetworkSpec, start: int, end: int) -> tuple[int, ...]:
    """Image sizes from `start` to `end` px, in steps of 4 px, that give the fully connected layers the same input."""
    sizes = range(start, end, 4)
    if any(isinstance(layer, AdaptivePool) for layer in spec.features):
        return (*sizes, end)
    smallest, flat = spec.smallest_size(), spec.flat_features(end)
    return (*(size for size in sizes if size >= smallest and spec.flat_features(size) == flat), end)


def image_size(recipe: Recipe, sizes: tuple[int, ...], step: int, *, num_steps: int) -> int:
    """Side of the training images at a step, px: it grows evenly over the first fraction `growth` of the steps.

    Args:
        sizes: from `usable_sizes`; the nearest one is taken.
    """
    if recipe.start_size is None or recipe.growth == 0.0:
        return sizes[-1]
    reached = min(1.0, step / (recipe.growth * num_steps))
    target = sizes[0] + (sizes[-1] - sizes[0]) * reached
    return min(sizes, key=lambda size: (abs(size - target), size))


def start_note(recipe: Recipe, sizes: tuple[int, ...]) -> str | None:
    """What is said where images start at another size than the recipe's `start_size`; None where they do not.

    Args:
        sizes: from `usable_sizes`.

    >>> start_note(Recipe(size=128, start_size=68), (100, 104, 128))
    'start_size = 68: images start at 100 px, because smaller ones give fc6 fewer inputs than those of 128 px'
    """
    if recipe.start_size is None or recipe.start_size >= recipe.size or sizes[0] == recipe.start_size:
        return None
    return (
        f"start_size = {recipe.start_size}: images start at {sizes[0]} px, because smaller ones give fc6 fewer "
        f"inputs than those of {recipe.size} px"
    )
