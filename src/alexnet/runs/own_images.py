"""The images of a run as they were in its training: scanned with its corrections, decoded, and split."""

from collections.abc import Callable
from pathlib import Path

from alexnet.data.cache import DecodedImages
from alexnet.data.corrections import apply_corrections, read_corrections
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Split, split_images
from alexnet.data.streamed import open_images
from alexnet.errors import DataError
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run

__all__ = ["decode_own_images", "own_split", "scan_own_images"]


def scan_own_images(run: RunFolder, data: Path | str | None = None, *, min_classes: int = 2) -> ImageFolder:
    """The folder that a run was trained on, with the run's own corrections.

    Args:
        data: where the images are now, if they were moved.
        min_classes: see `scan_folder`.

    Raises:
        DataError: the folder is missing, or a corrected image has changed since.
    """
    folder = scan_folder(data or run.about.data.path, min_classes=min_classes)
    corrections = read_corrections(run.corrections_path)
    return apply_corrections(folder, corrections) if corrections else folder


def decode_own_images(run: Run, *, on_progress: Callable[[int, int], None] | None = None) -> DecodedImages:
    """The decoded images that a run was trained, validated and tested on.

    Args:
        on_progress: called with (files done, files in all).

    Raises:
        DataError: the images are missing, or have changed since the training.
    """
    images = open_images(scan_own_images(run.folder), run.model.preprocessing, on_progress=on_progress)
    if images.fingerprint != run.about.data.fingerprint:
        raise DataError(f"{run.about.data.path}: the images have changed since {run.path} was trained; train again")
    return images


def own_split(run: Run, images: DecodedImages) -> Split:
    """How the run's training split its images; of corrected images, how it would split them now."""
    recipe = run.recipe
    return split_images(
        images,
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed,
        group_near_duplicates=recipe.group_near_duplicates,
    )
