"""How doubtful labels are, and how many are wrong, from probabilities of images that the network has not seen."""

import math

import numpy as np
from jaxtyping import Float, Int

from alexnet.evaluation.calibration import apply_temperature
from alexnet.records import wilson_interval

__all__ = ["SMALLEST", "count_wrong", "doubt_scores", "soften", "wrong_fraction"]

SMALLEST = 1e-6
"""Probability below which a class counts as this improbable."""

CERTAIN = 0.2
"""Fraction of the images predicted as a class that the network is most certain of."""


def count_wrong(labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"]) -> tuple[int, int]:
    """Among the images that the network is most certain of: those with another label, and all of them.

    Of the images predicted as a class, the fifth with the highest probabilities counts. There the network hardly ever
    errs, so that a label that differs is wrong; among all images, most labels that differ are correct ones of images
    that the network does not recognize.

    Args:
        probs: of images that were held out when they were predicted.

    >>> labels, probs = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    >>> count_wrong(labels, probs)
    (1, 2)
    """
    predicted, certainty = probs.argmax(1), probs.max(1)
    rows: list[int] = []
    for each in np.unique(predicted):
        own = np.flatnonzero(predicted == each)
        order = np.argsort(-certainty[own], kind="stable")
        rows += own[order[: math.ceil(CERTAIN * len(own))]].tolist()
    return int((predicted[rows] != labels[rows]).sum()), len(rows)


TEMPERATURES = np.geomspace(1.0, 32.0, 101)
"""Among these, the one that suits is taken; those below 1 would make a network surer than it is."""


def soften(
    probs: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], certainty: float
) -> Float[np.ndarray, "N K"]:
    """The probabilities at the temperature, of at least 1, at which those of the labels are nearest to `certainty`.

    A network that has memorized its images is sure of every label. Softened until it is as sure as one that has not
    seen them, it says little; one that has not memorized them yet changes little.

    Args:
        certainty: mean probability of the labels, 0 to 1.

    >>> probs = soften(np.array([[0.99, 0.01], [0.98, 0.02]]), np.array([0, 0]), 0.8)
    >>> probs.round(1).tolist()
    [[0.8, 0.2], [0.8, 0.2]]
    """
    rows, clipped = np.arange(len(labels)), np.clip(probs, SMALLEST, None)
    apart = [
        abs(float(apply_temperature(clipped, each)[rows, labels].mean()) - certainty)
        for each in TEMPERATURES.tolist()
    ]
    return apply_temperature(clipped, float(TEMPERATURES[int(np.argmin(apart))]))


def wrong_fraction(
    labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"]
) -> tuple[float, tuple[float, float]]:
    """Estimated fraction of wrong labels with its 95 % interval, from `count_wrong`.

    It assumes that labels are wrong as often among easy images as among hard ones.
    """
    wrong, count = count_wrong(labels, probs)
    return wrong / count, wilson_interval(wrong, count)


def doubt_scores(
    labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"]
) -> tuple[Float[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """How doubtful each label is, 0 to 1, and the most probable other class.

        doubt = p(other) / (p(label) + p(other))

    Above one half the other class is the more probable. The order is that of the ratio of the two.

    >>> doubts, others = doubt_scores(np.array([0]), np.array([[0.2, 0.6, 0.2]]))
    >>> round(float(doubts[0]), 2), int(others[0])
    (0.75, 1)
    """
    rows = np.arange(len(labels))
    clipped = np.clip(probs, SMALLEST, None)
    without = clipped.copy()
    without[rows, labels] = -1.0
    others = without.argmax(1)
    own, other = clipped[rows, labels], clipped[rows, others]
    return other / (own + other), others
