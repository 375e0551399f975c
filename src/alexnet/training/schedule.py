"""How rate and picture size change over a training."""

from alexnet.model.specs import AdaptivePool, NetworkSpec
from alexnet.recipe import Recipe

__all__ = ["picture_size", "rate_factor", "usable_sizes"]


def rate_factor(recipe: Recipe, step: int, *, num_steps: int, steps_per_epoch: int) -> float:
    """What multiplies the learning rate at `step` (from 0).

    `one_cycle` rises linearly over the warm-up and then falls linearly towards 0; `step` rises likewise and drops
    by `step_factor` every `step_epochs` epochs.
    """
    num_warmup = recipe.warmup * num_steps
    rising = min(1.0, (step + 1) / num_warmup) if num_warmup >= 1 else 1.0
    if recipe.schedule == "step":
        return rising * recipe.step_factor ** (step // steps_per_epoch // recipe.step_epochs)
    left = num_steps - num_warmup
    falling = 1.0 if step < num_warmup or left <= 0 else (num_steps - step) / left
    return rising * falling


def usable_sizes(spec: NetworkSpec, start: int, end: int) -> tuple[int, ...]:
    """Sizes from `start` to `end` px in steps of 4 that give the fully connected layers the same input."""
    sizes = range(start, end, 4)
    if any(isinstance(layer, AdaptivePool) for layer in spec.features):
        return (*sizes, end)
    smallest, flat = spec.smallest_size(), spec.flat_features(end)
    return (*(s for s in sizes if s >= smallest and spec.flat_features(s) == flat), end)


def picture_size(recipe: Recipe, sizes: tuple[int, ...], step: int, *, num_steps: int) -> int:
    """Side in px of the training pictures at `step`: growing evenly over the first `growth` of the steps."""
    if recipe.start_size is None or recipe.growth == 0.0:
        return sizes[-1]
    reached = min(1.0, step / (recipe.growth * num_steps))
    wanted = sizes[0] + (sizes[-1] - sizes[0]) * reached
    return min(sizes, key=lambda size: (abs(size - wanted), size))
