"""How well the probabilities of a run match its accuracy, and the temperature that corrects them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alexnet.evaluation.calibration import Calibration, apply_temperature, fit_temperature, measure_calibration
from alexnet.evaluation.evaluate import subset_probabilities
from alexnet.records import Record
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import RunLike, as_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CalibrationReport", "calibrate"]


@dataclass(frozen=True)
class CalibrationReport(Record):
    """A run's calibration on its test images, before and after a temperature fitted on its validation images.

    Args:
        temperature: what the logits are divided by; None where the run has no validation images to fit it on.
        num_validation: images that it was fitted on.
        before: with the probabilities as the network gives them.
        after: with the temperature; None without one.
    """

    temperature: float | None
    num_validation: int
    before: Calibration
    after: Calibration | None

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


def calibrate(run: RunLike) -> CalibrationReport:
    """Measure how well a run's probabilities match its accuracy, and fit a temperature on the validation images.

    A temperature divides the logits before softmax: above 1 it makes the probabilities less extreme.

    Source: Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599.

    Raises:
        DataError: the images are not where they were, or have changed.

    >>> 0.0 <= alexnet.calibrate("runs/first").before.expected_error <= 1.0
    True
    """
    run = as_run(run)
    classifier = run.model
    images = decode_own_images(run)
    split = own_split(run, images)
    test = subset_probabilities(classifier, images.pixels, split.test, views=classifier.views).double().numpy()
    before = measure_calibration(test, split.test.labels)
    if not len(split.validation):
        return CalibrationReport(None, 0, before, None)
    held = subset_probabilities(classifier, images.pixels, split.validation, views=classifier.views)
    temperature = fit_temperature(held.double().numpy(), np.asarray(split.validation.labels))
    after = measure_calibration(apply_temperature(test, temperature), split.test.labels)
    return CalibrationReport(temperature, len(split.validation), before, after)
