"""Settings that follow from the number of training images: the values behind `auto`."""

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.quota import num_held_out
from alexnet.data.split import split_images
from alexnet.errors import RecipeError
from alexnet.recipe import AUTO, Recipe

__all__ = ["open_settings", "size_for_images", "size_recipe"]

FULL_SIZE = 6400
"""Training images from which the epochs of a preset are as they were measured on natural8 (6,547 images)."""

EPOCHS_FROM_SCRATCH = 8
"""Epochs for `FULL_SIZE` images and more, from random weights or patches."""

EPOCHS_FROM_WEIGHTS = 3
"""The same, from trained weights."""

MOST_EPOCHS = 100
"""Epochs for the smallest folders."""

BATCHES = 40
"""Batches into which an epoch is divided, as far as the batch sizes allow."""

SMALLEST_BATCH = 16
"""Images in a step for small folders; fewer make the gradient noisy, and each step costs nearly as much."""

LARGEST_BATCH = {"scratch": 128, "weights": 64}
"""Images in a step for large folders."""

VALIDATION_FRACTION = 0.05
"""Fraction of the training images that chooses the checkpoint where there are enough of them."""

ENOUGH_TO_CHOOSE = 100
"""Validation images below which their errors are mostly chance: none are set apart, and the last epoch is kept."""


FEW_IMAGES = 1000
"""Training images below which crops keep more of each image."""

CROP_SCALES = {"few": 0.85, "many": 0.6}
"""Smallest fraction of an image's area that a crop keeps. Strong crops of few images cut off too often what tells the
classes apart."""

SIZED = ("epochs", "batch_size", "validation_fraction", "crop_scale")
"""The settings that may be `auto`."""


def open_settings(recipe: Recipe) -> tuple[str, ...]:
    """The settings that are left to the number of training images.

    >>> open_settings(Recipe(epochs="auto", crop_scale="auto"))
    ('epochs', 'crop_scale')
    """
    return tuple(field for field in SIZED if getattr(recipe, field) == AUTO)


def size_for_images(recipe: Recipe, images: DecodedImages) -> tuple[Recipe, int]:
    """The recipe sized by the training images of a folder, and their number; 0 where nothing was left open.

    Those images are counted, too, that are set apart for validation.

    Raises:
        DataError: too little is left to train or to test on.
    """
    if not open_settings(recipe):
        return recipe, 0
    split = split_images(images, test_fraction=recipe.test_fraction, validation_fraction=0.0, seed=recipe.seed)
    num_validation = sum(
        num_held_out(count, VALIDATION_FRACTION) for count in np.bincount(split.train.labels).tolist()
    )
    return size_recipe(recipe, len(split.train), num_validation=num_validation), len(split.train)


def size_recipe(recipe: Recipe, num_images: int, *, num_validation: int | None = None) -> Recipe:
    """The recipe with every `auto` of `SIZED` replaced by what suits the number of images.

        batch_size = the power of two nearest below num_images / 40, from 16 to 128 (from trained weights: 64)
        epochs = 8 * sqrt(6400 / num_images), from 8 to 100 (from trained weights: 3 instead of 8)
        crop_scale = 0.85 below 1000 images, else 0.6
        validation_fraction = 0.05 where that makes 100 images or more, else 0

    So a folder of 80 images is trained for 72 epochs of 5 steps, one of 1,280 for 18 epochs of 40, and one of 6,400
    or more for 8 epochs. From scratch, folders of 32 to 12,800 images get between 186 steps (47 images) and 1,422
    (1,279 images): a network does not learn in fewer steps because it has fewer images.

    Args:
        num_images: training images, before any are set apart for validation, >= 1.
        num_validation: how many a `validation_fraction` of 0.05 would set apart; by default 0.05 of them.

    Raises:
        RecipeError: there is no training image.

    >>> sized = size_recipe(Recipe(epochs="auto", batch_size="auto", validation_fraction="auto"), 320)
    >>> sized.epochs, sized.batch_size, sized.validation_fraction
    (36, 16, 0.0)
    """
    if num_images < 1:
        raise RecipeError("epochs = auto follows from the training images, and there are none: add images")
    is_trained = recipe.weights is not None
    chosen: dict[str, float] = {}
    if recipe.epochs == AUTO:
        full = EPOCHS_FROM_WEIGHTS if is_trained else EPOCHS_FROM_SCRATCH
        chosen["epochs"] = min(MOST_EPOCHS, round(full * max(1.0, FULL_SIZE / num_images) ** 0.5))
    if recipe.batch_size == AUTO:
        largest = LARGEST_BATCH["weights" if is_trained else "scratch"]
        power = max(1, num_images // BATCHES).bit_length() - 1
        chosen["batch_size"] = min(largest, max(SMALLEST_BATCH, 2**power))
    if recipe.crop_scale == AUTO:
        chosen["crop_scale"] = CROP_SCALES["few" if num_images < FEW_IMAGES else "many"]
    if recipe.validation_fraction == AUTO:
        if num_validation is None:
            num_validation = round(VALIDATION_FRACTION * num_images)
        chosen["validation_fraction"] = VALIDATION_FRACTION if num_validation >= ENOUGH_TO_CHOOSE else 0.0
    return recipe.replace(**chosen) if chosen else recipe
