"""How many wrong labels to expect among the first images of a list, from held-out probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alexnet.audit.label_doubts import SMALLEST
from alexnet.records import Record

__all__ = ["ExpectedPrecision", "expected_precision", "wrong_probabilities"]

FRACTIONS = (0.01, 0.03, 0.06)
"""Fractions of the images, besides the first ten, for which the precision is given."""

FIRST = 10
TEMPERATURES = np.geomspace(0.25, 4.0, 33)
NUM_FITTED = 5_000
"""Images on which the temperature is fitted, at most: one number needs no more."""


@dataclass(frozen=True)
class ExpectedPrecision(Record):
    """The precision to expect of the first `n` images of a list: the fraction whose label is wrong.

    low, high: 95 % interval, for chance in the estimated fraction of wrong labels and in which labels are wrong.
    """

    n: int
    precision: float
    low: float
    high: float

    def __str__(self) -> str:
        wrong, low, high = (round(self.n * value) for value in (self.precision, self.low, self.high))
        return f"{wrong:,} of the first {self.n:,} ({low:,} to {high:,})"


def wrong_probabilities(
    labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"], fraction: float
) -> Float[np.ndarray, " N"]:
    """The probability that each label is wrong, where a fraction of all labels is.

        e = fraction / (K - 1)
        wrong = e * (1 - p) / ((1 - fraction) * p + e * (1 - p)),  p = probability of the label

    A wrong label is taken to be any of the other classes alike. The probabilities are calibrated first, by the
    temperature under which the labels are most likely.

    Args:
        probs: of images that were held out when they were predicted.
        fraction: of wrong labels, 0 to 1, as `wrong_fraction` estimates it.

    Source: temperature: Guo et al. 2017, arXiv:1706.04599; labels with noise: Natarajan et al. 2013, NeurIPS 26.

    >>> labels, probs = np.zeros(20, int), np.array([[0.99, 0.01]] * 19 + [[0.01, 0.99]])
    >>> [round(float(value), 2) for value in wrong_probabilities(labels, probs, 0.05)[-2:]]
    [0.0, 1.0]
    """
    if fraction <= 0.0:
        return np.zeros(len(labels))
    every = max(1, len(labels) // NUM_FITTED)
    logs = np.log(np.clip(probs, SMALLEST, None))
    fitted = [_likelihood(labels[::every], logs[::every], fraction, each)[0] for each in TEMPERATURES]
    return _likelihood(labels, logs, fraction, float(TEMPERATURES[int(np.argmax(fitted))]))[1]


def _likelihood(
    labels: Int[np.ndarray, " N"], logs: Float[np.ndarray, "N K"], fraction: float, temperature: float
) -> tuple[float, Float[np.ndarray, " N"]]:
    """The logarithm of the labels' probability, and the probability that each is wrong."""
    scaled = logs / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    own = powers[np.arange(len(labels)), labels] / powers.sum(1)
    wrong = fraction / (logs.shape[1] - 1) * (1.0 - own)
    likelihood = (1.0 - fraction) * own + wrong
    return float(np.log(np.maximum(likelihood, 1e-300)).sum()), wrong / np.maximum(likelihood, 1e-300)


def expected_precision(
    labels: Int[np.ndarray, " N"],
    probs: Float[np.ndarray, "N K"],
    order: Sequence[int],
    estimate: tuple[float, tuple[float, float]],
) -> tuple[tuple[ExpectedPrecision, ...], Float[np.ndarray, " N"]]:
    """The precision of the first 10 images of a list, and of the first 1, 3 and 6 % where these are more.

    Args:
        order: rows of the list, the most doubtful first.
        estimate: the fraction of wrong labels and its 95 % interval.

    Returns:
        The precisions, and the probability of each row that its label is wrong.
    """
    count = len(labels)
    middle, low, high = (wrong_probabilities(labels, probs, value) for value in (estimate[0], *estimate[1]))
    numbers = {min(FIRST, len(order)), *(n for n in (round(fraction * count) for fraction in FRACTIONS) if n > FIRST)}
    return tuple(
        ExpectedPrecision(
            n,
            float(middle[order[:n]].mean()),
            min(_bound(low[order[:n]], -1), float(middle[order[:n]].mean())),
            # no more are wrong among the first than there are in all
            max(min(_bound(high[order[:n]], 1), estimate[1][1] * count / n), float(middle[order[:n]].mean())),
        )
        for n in sorted(numbers)
        if 0 < n <= len(order)
    ), middle


def _bound(wrong: Float[np.ndarray, " n"], sign: int) -> float:
    """The end of the 95 % interval of a precision, given the probability of each image."""
    std = float(np.sqrt((wrong * (1.0 - wrong)).sum())) / len(wrong)
    return float(np.clip(wrong.mean() + sign * 1.96 * std, 0.0, 1.0))
