"""Which units of a network to look at first: those that respond most to one class."""

from collections.abc import Sequence

import numpy as np

from alexnet.data.split import Indices
from alexnet.inspection.peaks import Peaks, find_peaks, find_peaks_with_features
from alexnet.inspection.receptive_field import receptive_boxes
from alexnet.inspection.top_patches import NUM_STRONGEST
from alexnet.inspection.unit_address import UnitAddress
from alexnet.progress_callback import Progress
from alexnet.runs.run import Run
from alexnet.runs.train_images import training_images
from alexnet.runs.unit import UnitView, show_patches

__all__ = ["characteristic_units", "look_at_training_images"]


def look_at_training_images(run: Run, layer: str, *, on_progress: Progress | None = None) -> None:
    """Compute in one pass what `characteristic_units` and the neighbors by the features of `layer` look up.

    Raises:
        DataError: the run's images are not where they were, or have changed.
        GeometryError: there is no such layer, or the network has no convolution.
    """
    images, _ = training_images(run, on_progress=on_progress)
    find_peaks_with_features(run.model, images, layer, on_progress=on_progress)


def characteristic_units(
    run: Run, *, num_units: int = 4, num_patches: int = 8, on_progress: Progress | None = None
) -> tuple[UnitView, ...]:
    """Of every convolutional layer the units whose strongest images belong most to one class, each to another class.

    Args:
        num_units: of a layer.
        num_patches: of a strip.

    Raises:
        DataError: the run's images are not where they were, or have changed.
    """
    classifier = run.model
    images, rows = training_images(run, on_progress=on_progress)
    labels = np.array([images.files[row].class_name for row in rows])
    peaks = find_peaks(classifier, images, on_progress=on_progress)
    views: list[UnitView] = []
    for layer in peaks.layers:
        boxes = receptive_boxes(classifier.network, layer, classifier.preprocessing.size)
        for number in _one_of_each_class(peaks, layer, rows, labels, num_units):
            empty = UnitView(UnitAddress(layer, number), 0, 0.0, 0.0, boxes.size, None, (), ())
            views.append(show_patches(empty, peaks, images, rows, boxes, most=num_patches))
    return tuple(views)


def _one_of_each_class(peaks: Peaks, layer: str, rows: Indices, labels: np.ndarray, most: int) -> Sequence[int]:
    """Units by how much more often their favorite class is among their strongest images than among all."""
    places, largest = peaks.strongest(layer, rows, max(1, min(NUM_STRONGEST, len(rows) // 10)))
    strongest = labels[places]
    classes = np.unique(labels)
    excess = np.stack([(strongest == name).mean(0) - (labels == name).mean() for name in classes])
    excess[:, largest <= 0.0] = -1.0  # a dead unit responds to nothing
    chosen: list[int] = []
    while len(chosen) < min(most, len(largest)):
        favorite, best = divmod(int(excess.argmax()), excess.shape[1])
        chosen.append(best)
        excess[:, best] = -np.inf
        excess[favorite] -= 1.0  # the next one for another class
    return chosen
