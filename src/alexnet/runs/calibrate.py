"""How well the probabilities of a run match its accuracy, and the temperature that corrects them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.split import Subset
from alexnet.errors import RunError
from alexnet.evaluation.calibration import (
    TEMPERATURES,
    Calibration,
    apply_temperature,
    fit_temperature,
    measure_calibration,
)
from alexnet.evaluation.evaluate import subset_probabilities
from alexnet.files import shown_name
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Record
from alexnet.runs.held_out import held_out_subset, subset_of
from alexnet.runs.own_images import GIVE_DATA, decode_own_images, own_split
from alexnet.runs.run import Model, Run, as_classifier, open_once
from alexnet.runs.temperature import write_temperature
from alexnet.runs.train_images import training_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CalibrationReport", "calibrate"]


AT_THE_ENDS = 1.01 * TEMPERATURES[0], TEMPERATURES[1] / 1.01
UNDETERMINED = (
    f"the temperature is at an end of its search ({TEMPERATURES[0]:g} to {TEMPERATURES[1]:g}), as when every "
    "validation image is classified correctly: train with more of them, --set validation_fraction=0.2"
)
"""The note on a temperature that the validation images do not determine."""

NOT_FITTED = "no validation images to fit a temperature on: put some into a folder `validation` beside `test`"
"""The note on a folder of images for a network without a run."""

NONE_LEFT = "no validation images to fit a temperature on: the last layer was fitted on them; calibrate {layers_of}"
"""The note on a run with a last layer of `alexnet retrain`."""


@dataclass(frozen=True)
class CalibrationReport(Record):
    """Calibration on test images, before and after a temperature fitted on validation images.

    Args:
        temperature: what the logits are divided by; None where there are no validation images to fit it on.
        num_validation: images that it was fitted on.
        before: with the probabilities as the network gives them.
        after: with the temperature; None without one.
        notes: remarks, one line each.
    """

    temperature: float | None
    num_validation: int
    before: Calibration
    after: Calibration | None
    notes: tuple[str, ...] = ()

    def draw(self) -> "Figure":
        """Draw accuracy against confidence, before and after."""
        from alexnet.figures.reliability import Curve, draw_reliability

        curves = [Curve("as trained", *_points(self.before))]
        if self.after is not None:
            curves.append(Curve(f"temperature {self.temperature:.2f}", *_points(self.after)))
        return draw_reliability(curves, num_images=self.before.num_images)


def _points(measured: Calibration) -> tuple[float, tuple[tuple[float, float, float, float, int], ...]]:
    rows = tuple((b.confidence, b.accuracy, *b.interval, b.num_images) for b in measured.bins)
    return measured.expected_error, rows


def calibrate(
    model: Model, *, data: Path | str | None = None, on_progress: Progress | None = None
) -> CalibrationReport:
    """Measure how well a network's probabilities match its accuracy, and fit a temperature on the validation images.

    A temperature divides the logits before softmax: above 1 it makes the probabilities less extreme. Where a test
    averages several views of an image, it divides the logarithms of the averaged probabilities. It is kept with the
    run, in calibration.json, for `predict(..., calibrated=True)`; that of a network without a run is only returned.

    Source: Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599.

    Args:
        model: a network, a run, or the path of a run's folder.
        data: where the run's images are now, if they were moved; required for a network without a run: a folder
            whose test images are measured and whose validation images fit the temperature. Of a folder with one of
            the two, or without splits, all held-out images are measured, and there is no temperature.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        DataError: the images are not where they were, or have changed; or there are none of the network's classes.

    >>> 0.0 <= alexnet.calibrate("runs/first").before.expected_error <= 1.0
    True
    """
    model = open_once(model)
    classifier = as_classifier(model)
    images, measured, fitted = _held_out(model, data, on_progress)
    total = len(measured) + len(fitted)

    def probabilities_of(subset: Subset, num_before: int) -> np.ndarray:
        def show(done: int) -> None:
            if on_progress:
                on_progress(num_before + done, total)

        views = classifier.views
        return subset_probabilities(classifier, images.pixels, subset, views=views, on_progress=show).double().numpy()

    test = probabilities_of(measured, 0)
    before = measure_calibration(test, measured.labels)
    if not len(fitted):
        notes = (NOT_FITTED,) if isinstance(model, Classifier) else _none_left(model)
        return CalibrationReport(None, 0, before, None, notes)
    held = probabilities_of(fitted, len(measured))
    temperature = fit_temperature(held, np.asarray(fitted.labels))
    after = measure_calibration(apply_temperature(test, temperature), measured.labels)
    remarks = [] if AT_THE_ENDS[0] < temperature < AT_THE_ENDS[1] else [UNDETERMINED]
    if not isinstance(model, Classifier):
        try:
            write_temperature(model.folder, classifier, temperature, len(fitted))
        except RunError as error:  # a run of somebody else can be measured too
            remarks.append(f"the temperature is not kept: {error}")
    return CalibrationReport(temperature, len(fitted), before, after, tuple(remarks))


def _none_left(run: Run) -> tuple[str, ...]:
    layers_of = run.about.layers_of
    return (NONE_LEFT.format(layers_of=shown_name(layers_of)),) if layers_of else ()


def _held_out(
    model: Classifier | Run, data: Path | str | None, on_progress: Progress | None
) -> tuple[DecodedImages, Subset, Subset]:
    """The decoded images, those to measure on, and those to fit the temperature on, none of which is measured."""
    if not isinstance(model, Classifier):
        images = decode_own_images(model, data, step=GIVE_DATA, on_progress=on_progress)
        split = own_split(model, images)
        is_held_out = not model.about.layers_of
        return images, split.test, split.validation if is_held_out else split.validation.part(slice(0))
    images, _ = training_images(model, data, on_progress=on_progress)
    has_test = any(file.split == "test" for file in images.files)
    validation = subset_of(images, {"validation"} if has_test else set(), model.classes)
    return images, held_out_subset(images, model.classes), validation
