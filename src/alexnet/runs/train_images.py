"""The images that a network is looked at with: those it was trained on, or those of another folder."""

from pathlib import Path

import numpy as np

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.folder import scan_folder
from alexnet.data.split import Indices
from alexnet.errors import DataError
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.runs.own_images import GIVE_DATA, decode_own_images, open_images_at, own_split
from alexnet.runs.run import Model, as_run

__all__ = ["training_images"]


def training_images(
    model: Model, data: Path | str | None = None, *, on_progress: Progress | None = None
) -> tuple[DecodedImages, Indices]:
    """The decoded images, and the rows to look at: of a run's own images those of its training, of others all.

    Args:
        model: a network, a run, or the path of a run's folder.
        data: a folder or archive of class folders; by default the images of the run's training. A place to which
            these were moved is known by the fingerprint, and the run's own split is kept.
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
        images, is_own = open_images_at(run, data, on_progress=on_progress)
        if not is_own:
            return images, _all_rows(images)
    else:
        images = decode_own_images(run, step=GIVE_DATA, on_progress=on_progress)
    return images, own_split(run, images).train.indices


def _all_rows(images: DecodedImages) -> Indices:
    if not images.files:
        raise DataError(f"{images.folder.path}: holds no usable image; give another folder")
    return np.arange(len(images.files), dtype=np.int64)
