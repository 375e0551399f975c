"""Calibration: whether a network that says 80 % is right in 80 of 100 cases, and a temperature that corrects it."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from alexnet.errors import DataError
from alexnet.records import Record, wilson_interval

__all__ = ["Calibration", "ReliabilityBin", "apply_temperature", "fit_temperature", "measure_calibration"]

NUM_BINS = 15
"""Bins of equal width; Guo et al. 2017, §2."""

NUM_RESAMPLES = 1000
"""Resamples of the images for the interval of the expected calibration error."""

TEMPERATURES = (0.05, 20.0)
"""Where the temperature is searched."""


@dataclass(frozen=True)
class ReliabilityBin(Record):
    """Predictions whose probability lies between `low` and `high`.

    Args:
        num_images: how many there are.
        confidence: their mean probability.
        accuracy: fraction of them that are classified correctly.
        interval: 95 % Wilson interval of the accuracy.
    """

    low: float
    high: float
    num_images: int
    confidence: float
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Calibration(Record):
    """How far the predicted probabilities are from the accuracy.

    Args:
        num_images: images tested.
        expected_error: expected calibration error, the mean distance between confidence and accuracy over the bins,
            weighted by their images; a fraction.
        interval: its 95 % interval, by resampling the images.
        mean_confidence: mean probability of the predicted class.
        accuracy: fraction of the images that are classified correctly.
        bins: those that hold images.
    """

    num_images: int
    expected_error: float
    interval: tuple[float, float]
    mean_confidence: float
    accuracy: float
    bins: tuple[ReliabilityBin, ...]


def measure_calibration(probs: Float[np.ndarray, "N K"], y_true: Int[np.ndarray, " N"]) -> Calibration:
    """Compare the probability of the predicted class with how often it is right.

        ECE = sum over bins of (n_b / N) |accuracy_b - confidence_b|

    Raises:
        DataError: there is no image.

    Source: Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599, §2.
    """
    if not len(probs):
        raise DataError("calibration: no images to measure it on; give a folder with test images")
    confidence, is_correct = probs.max(1), probs.argmax(1) == y_true
    place = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    bins = []
    for number in np.unique(place):
        inside = place == number
        count, num_correct = int(inside.sum()), int(is_correct[inside].sum())
        bins.append(
            ReliabilityBin(
                low=float(number) / NUM_BINS,
                high=float(number + 1) / NUM_BINS,
                num_images=count,
                confidence=float(confidence[inside].mean()),
                accuracy=num_correct / count,
                interval=wilson_interval(num_correct, count),
            )
        )
    expected = _expected_error(confidence, is_correct, place)
    return Calibration(
        num_images=len(place),
        expected_error=expected,
        interval=_interval(expected, confidence, is_correct, place),
        mean_confidence=float(confidence.mean()),
        accuracy=float(is_correct.mean()),
        bins=tuple(bins),
    )


def _interval(
    expected: float,
    confidence: Float[np.ndarray, " N"],
    is_correct: Bool[np.ndarray, " N"],
    place: Int[np.ndarray, " N"],
) -> tuple[float, float]:
    """The 95 % interval of the expected calibration error, by the basic bootstrap.

    A sum of absolute gaps grows with all chance in the gaps, so the errors of resamples lie above that of the images,
    and so would their quantiles. How far they lie from it is taken off on the other side.
    """
    draw = np.random.default_rng(0)
    errors = []
    for _ in range(NUM_RESAMPLES):
        rows = draw.integers(0, len(place), len(place))
        errors.append(_expected_error(confidence[rows], is_correct[rows], place[rows]))
    low, high = np.quantile(errors, [0.025, 0.975])
    return float(np.clip(2 * expected - high, 0.0, expected)), float(np.clip(2 * expected - low, expected, 1.0))


def _expected_error(
    confidence: Float[np.ndarray, " N"], is_correct: Bool[np.ndarray, " N"], place: Int[np.ndarray, " N"]
) -> float:
    gaps = np.bincount(place, weights=confidence - is_correct, minlength=NUM_BINS)
    return float(np.abs(gaps).sum() / len(place))


def apply_temperature(probs: Float[np.ndarray, "N K"], temperature: float) -> Float[np.ndarray, "N K"]:
    """Probabilities of the same logits divided by a temperature: above 1 less sure, below 1 surer.

    >>> apply_temperature(np.array([[0.8, 0.2]]), 1.0).round(6).tolist()
    [[0.8, 0.2]]
    """
    logits = np.log(np.maximum(probs.astype(np.float64), 1e-30)) / temperature
    scaled = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(scaled / scaled.sum(1, keepdims=True))


def fit_temperature(probs: Float[np.ndarray, "N K"], y_true: Int[np.ndarray, " N"]) -> float:
    """The temperature with the lowest mean -log probability of the true class; by golden-section search.

    The loss is convex in 1 / temperature, so that there is one minimum. It has to be fitted on images that neither
    trained the network nor test it.

    Raises:
        DataError: there is no image.

    Source: Guo et al. 2017, §4.2.
    """
    if not len(probs):
        raise DataError("temperature: no validation images to fit it on; train with validation_fraction=0.1")

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(probs, math.exp(log_temperature))
        return float(-np.log(np.maximum(scaled[np.arange(len(y_true)), y_true], 1e-30)).mean())

    low, high = (math.log(value) for value in TEMPERATURES)
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2.0)
