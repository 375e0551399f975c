"""The images of a run as they were in its training: scanned with its corrections, decoded, and split."""

from functools import partial
from pathlib import Path

from alexnet.data.cache import DecodedImages
from alexnet.data.corrections import apply_corrections, read_corrections
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Split, split_images
from alexnet.data.streamed import StreamedImages, open_images
from alexnet.errors import DataError, RunError
from alexnet.files import address_of, is_there, shown_name
from alexnet.progress_callback import Progress
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run

__all__ = ["GIVE_DATA", "decode_own_images", "open_images_at", "own_split", "scan_own_images"]

GIVE_DATA = "put them back, or give their new place with --data"
PUT_BACK = "put them back"
"""What to do about images that are not where they were: in commands that have --data, and in others."""


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


def decode_own_images(
    run: Run, data: Path | str | None = None, *, step: str = PUT_BACK, on_progress: Progress | None = None
) -> DecodedImages:
    """The decoded images that a run was trained, validated and tested on.

    Args:
        data: where the images are now, if they were moved.
        step: what to do where they are not where they were.
        on_progress: called with (files done, files in all).

    Raises:
        DataError: the images are missing, or have changed since the training.
    """
    place = data or run.moved_to
    if place is not None:
        images, is_own = open_images_at(run, place, on_progress=on_progress)
        if not is_own:
            raise DataError(
                f"{shown_name(place)}: does not hold the images that {run.path} was trained on, unchanged; give the "
                "folder or archive that does"
            )
        return images
    home = run.about.data.path
    if not is_there(home) and address_of(home) is None:
        raise DataError(f"{shown_name(home)}: no such file or folder; {step}")
    images = open_images(scan_own_images(run.folder), run.model.preprocessing, on_progress=on_progress)
    if images.fingerprint != run.about.data.fingerprint:
        raise DataError(f"{shown_name(home)}: the images have changed since {run.path} was trained; {step}")
    return images


def open_images_at(
    run: Run, data: ImageFolder | Path | str, *, on_progress: Progress | None = None
) -> tuple[DecodedImages, bool]:
    """The decoded images at another place, and whether they are those of the run's training, which were moved.

    They are if their fingerprint is the run's; then they have the run's corrections.

    Raises:
        DataError: the folder is missing or damaged.
    """
    folder = data if isinstance(data, ImageFolder) else scan_folder(data, min_classes=1)
    images = open_images(folder, run.model.preprocessing, on_progress=on_progress)
    if images.fingerprint == run.about.data.fingerprint:
        return images, True
    corrections = read_corrections(run.folder.corrections_path)
    try:
        corrected = apply_corrections(folder, corrections) if corrections else folder
    except DataError:  # other images, which the corrections do not fit
        return images, False
    if not corrected.corrections:
        return images, False
    moved = open_images(corrected, run.model.preprocessing, on_progress=on_progress)
    return (moved, True) if moved.fingerprint == run.about.data.fingerprint else (images, False)


def own_split(run: Run, images: DecodedImages) -> Split:
    """How the run's training split its images; of corrected images, with the same test images.

    Where the program chose the test images, they are those that the run has predictions for: it may have been trained
    by a version that chose others.
    """
    recipe = run.recipe
    derived = partial(
        split_images,
        images,
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed,
        group_near_duplicates=recipe.group_near_duplicates,
    )
    split = derived()
    if images.folder.has_split or isinstance(images, StreamedImages):
        return split
    names = images.names
    tested = _tested(run).intersection(names)
    return derived(tested=tested) if tested and tested != {names[row] for row in split.test.indices} else split


def _tested(run: Run) -> frozenset[str]:
    """The test images that a finished run has recorded; empty where the record is missing or damaged."""
    try:
        recorded = frozenset(prediction.file for prediction in run.predictions)
        return recorded if len(recorded) == run.evaluation.num_images else frozenset()
    except RunError:
        return frozenset()
