"""The images of a run, scanned again as they were: with the corrections that the run was trained with."""

from pathlib import Path

from alexnet.data.corrections import apply_corrections, read_corrections
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.run_folder import RunFolder

__all__ = ["scan_own_images"]


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
