"""The images that a network is looked at with: those it was trained on, or those of another folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.folder import scan_folder
from alexnet.data.split import Indices
from alexnet.errors import DataError
from alexnet.model.checkpoint import Classifier
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import Model, as_run

__all__ = ["training_images"]


def training_images(
    model: Model, data: Path | str | None = None, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[DecodedImages, Indices]:
    """The decoded images, and the rows to look at: of a run the training images, of another folder all.

    Args:
        model: a network, a run, or the path of a run's folder.
        data: a folder or archive of class folders; by default the images of the run's training.
        on_progress: called with (files done, files in all) while decoding, which is done once.

    Raises:
        DataError: the images are missing or have changed, or a network without a run was given without images.
    """
    if isinstance(model, Classifier):
        if data is None:
            raise DataError("a network without a run has no images of its own; give a folder as data")
        images = decode_folder(scan_folder(data, min_classes=1), model.preprocessing, on_progress=on_progress)
        return images, _all_rows(images)
    run = as_run(model)
    if data is not None:
        images = decode_folder(scan_folder(data, min_classes=1), run.model.preprocessing, on_progress=on_progress)
        return images, _all_rows(images)
    images = decode_own_images(run, on_progress=on_progress)
    return images, own_split(run, images).train.indices


def _all_rows(images: DecodedImages) -> Indices:
    if not images.files:
        raise DataError(f"{images.folder.path}: holds no usable image; give another folder")
    return np.arange(len(images.files), dtype=np.int64)
