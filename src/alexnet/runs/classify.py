"""Predict the classes of image files with the network of a run."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from alexnet.errors import DataError, GeometryError
from alexnet.evaluation.predict import Paths, PredictedBatch, Predictions, predict_images
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Prediction
from alexnet.runs.reference_images import ReferenceImages
from alexnet.runs.run import Model, as_classifier, as_run
from alexnet.runs.temperature import read_temperature

__all__ = ["predict"]


def predict(
    model: Model,
    images: Paths,
    *,
    skip_unreadable: bool = False,
    calibrated: bool = False,
    neighbours: int | None = None,
    data: Path | str | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_compare: Progress | None = None,
) -> Predictions:
    """Predict the classes of images, with the preprocessing of the training.

    Args:
        model: a network, a run, or the path of a run's folder.
        images: an image file, a folder or archive of images (all of them, however deep), or several of these.
        skip_unreadable: leave out files that cannot be read; they are named in the result's `unreadable`.
        calibrated: divide the logits by the temperature that `calibrate` fitted, so that the probabilities match the
            accuracy better; no other class is predicted by it.
        neighbours: how many of the nearest training images, by the features of fc7, each prediction lists.
        data: where the training images are now, if they were moved, or other images for `neighbours`; required for
            these with a network without a run.
        on_progress: called with the number of files done.
        on_compare: called with (training images done, training images in all), where their features are computed.

    Raises:
        DataError: a file cannot be read (unless such files are skipped), or a folder holds no image; or the training
            images are needed, and are not where they were.
        GeometryError: `neighbours` is below 1.
        RunError: there is no run at the path, it is damaged, or it has no temperature.
        WeightsError: the network's outputs are not numbers.

    >>> predictions = alexnet.predict("runs/first", ["photo.jpg", "images/test"])
    >>> predictions[0].file, len(predictions)
    ('photo.jpg', 22)
    """
    model = model if isinstance(model, Classifier) else as_run(model)
    if neighbours is not None and neighbours < 1:
        raise GeometryError(f"{neighbours} neighbors: ask for at least 1")
    temperature = _temperature_of(model) if calibrated else None
    reference = None if neighbours is None else ReferenceImages(model, data=data, on_progress=on_compare)

    def extend(batch: PredictedBatch) -> Iterable[Prediction]:
        if reference is None or neighbours is None:
            return batch.predictions
        near = reference.nearest(batch.pixels, [each.file for each in batch.predictions], neighbours)
        pairs = zip(batch.predictions, near, strict=True)
        return [replace(prediction, neighbours=close) for prediction, close in pairs]

    return predict_images(
        as_classifier(model), images, skip_unreadable=skip_unreadable, temperature=temperature, extend=extend,
        on_progress=on_progress,
    )  # fmt: skip


def _temperature_of(model: Model) -> float:
    """The temperature that is kept with a run.

    Raises:
        DataError: it is a network without a run.
        RunError: the run has none, or it was fitted to other weights.
    """
    if isinstance(model, Classifier):
        raise DataError(
            "a network without a run has no temperature; give a run for which `alexnet calibrate` was called"
        )
    run = as_run(model)
    return read_temperature(run.folder, run.model)
