"""How rate and image size change over a training."""

import math
from dataclasses import dataclass

from alexnet.model.specs import AdaptivePool, NetworkSpec
from alexnet.recipe import Recipe

__all__ = ["Plateau", "Rates", "image_size", "rates_at", "usable_sizes"]


@dataclass(frozen=True)
class Rates:
    """Shares of the peak rates at a step. main: of all weights. bias: of all biases. conv1: a factor on conv1's."""

    main: float
    bias: float
    conv1: float = 1.0

    def of(self, layer: str, *, is_bias: bool) -> float:
        """The share for the weights or biases of a layer."""
        if layer != "conv1":
            return self.bias if is_bias else self.main
        if is_bias:
            return self.bias if self.conv1 > 0.0 else 0.0
        return self.main * self.conv1


def rates_at(recipe: Recipe, step: int, *, num_steps: int, steps_per_epoch: int, num_drops: int = 0) -> Rates:
    """What multiplies the learning rates at `step` (from 0).

    `one_cycle` rises linearly over the warm-up and then falls linearly towards 0; the others rise likewise and then
    drop by `step_factor`: see `Recipe.schedule`.

    Args:
        num_drops: how often schedule `plateau` has dropped so far.
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
        return sum(step >= round(share * num_steps) for share in recipe.drops)
    return step // steps_per_epoch // recipe.step_epochs


@dataclass
class Plateau:
    """Whether the validation error has stopped improving. best: the lowest so far. since: epochs since then."""

    best: float = math.inf
    since: int = 0
    num_drops: int = 0

    def update(self, error: float, recipe: Recipe) -> bool:
        """Count an epoch; whether the rate drops now."""
        if error < self.best:
            self.best, self.since = error, 0
            return False
        self.since += 1
        if self.since < recipe.plateau_epochs or self.num_drops >= recipe.plateau_drops:
            return False
        self.num_drops, self.since = self.num_drops + 1, 0
        return True


def usable_sizes(spec: NetworkSpec, start: int, end: int) -> tuple[int, ...]:
    """Sizes from `start` to `end` px in steps of 4 that give the fully connected layers the same input."""
    sizes = range(start, end, 4)
    if any(isinstance(layer, AdaptivePool) for layer in spec.features):
        return (*sizes, end)
    smallest, flat = spec.smallest_size(), spec.flat_features(end)
    return (*(s for s in sizes if s >= smallest and spec.flat_features(s) == flat), end)


def image_size(recipe: Recipe, sizes: tuple[int, ...], step: int, *, num_steps: int) -> int:
    """Side in px of the training images at `step`: growing evenly over the first `growth` of the steps."""
    if recipe.start_size is None or recipe.growth == 0.0:
        return sizes[-1]
    reached = min(1.0, step / (recipe.growth * num_steps))
    wanted = sizes[0] + (sizes[-1] - sizes[0]) * reached
    return min(sizes, key=lambda size: (abs(size - wanted), size))
