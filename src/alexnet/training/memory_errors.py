"""A lack of memory in a training, in one line that names what to lower."""

from collections.abc import Iterator
from contextlib import contextmanager

from alexnet.errors import RecipeError, is_lack_of_memory
from alexnet.recipe import AUTO, Recipe
from alexnet.training.sizing import SMALLEST_BATCH

__all__ = ["memory_errors"]


@contextmanager
def memory_errors(recipe: Recipe, *, batch_size: int | None = None) -> Iterator[None]:
    """Turn a lack of memory into one line that names what to lower.

    Args:
        batch_size: images in a step, as soon as they are settled; None before.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_lack_of_memory(error):
            raise
        images = batch_size or recipe.batch_size
        raise RecipeError(
            f"batch_size = {images} at size = {recipe.size}: a step needs more memory than there is; "
            f"set {_lower(images)}a smaller size, and choose another --out"
        ) from error


def _lower(batch_size: int) -> str:
    """The batch size to try, as the beginning of an alternative; empty where there is no smaller one."""
    if batch_size == AUTO:
        return f"batch_size={SMALLEST_BATCH} or "
    return f"batch_size={batch_size // 2} or " if batch_size > 1 else ""
