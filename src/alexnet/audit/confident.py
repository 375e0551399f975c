"""Confident learning: how many labels are wrong, from probabilities of images that the network was not trained on."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

__all__ = ["confident_joint", "doubt_scores", "estimate_joint", "wrong_fraction", "wrong_interval"]

SMALLEST = 1e-6
"""Probability below which a class counts as this improbable."""


def confident_joint(labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"]) -> Int[np.ndarray, "K K"]:
    """Counts of images by label (row) and by the class that they confidently are (column).

    A class j is confident for an image if p_j is at least t_j, the mean of p_j over the images labeled j; of several,
    the most probable counts. Images without a confident class are not counted; a label without any counts once, as
    itself.

    Args:
        probs: of images that were held out when they were predicted.

    Source: Northcutt, Jiang & Chuang 2021, J. Artif. Intell. Res. 70, equations 1 to 3.

    >>> labels, probs = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    >>> confident_joint(labels, probs).tolist()
    [[1, 1], [0, 1]]
    """
    num_classes = probs.shape[1]
    counts = np.bincount(labels, minlength=num_classes)
    own = probs[np.arange(len(labels)), labels]
    sums = np.bincount(labels, weights=own, minlength=num_classes)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    is_confident = probs >= thresholds - SMALLEST
    best = np.where(is_confident, probs, -1.0).argmax(1)
    kept = is_confident.any(1)
    joint = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(joint, (labels[kept], best[kept]), 1)
    silent = (joint.sum(1) == 0) & (counts > 0)
    joint[silent, silent] = 1
    return joint


def estimate_joint(labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "K K"]:
    """Joint probability of label (row) and true class (column): the counts, each row scaled to its labels.

    Source: Northcutt et al. 2021, equation 3.
    """
    joint = confident_joint(labels, probs).astype(np.float64)
    counts = np.bincount(labels, minlength=len(joint))
    rows = joint.sum(1, keepdims=True)
    scaled = np.divide(joint, rows, out=np.zeros_like(joint), where=rows > 0) * counts[:, None]
    return np.asarray(scaled / scaled.sum())


def wrong_fraction(labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"]) -> float:
    """Estimated fraction of wrong labels: what the joint has off its diagonal."""
    return float(1.0 - np.trace(estimate_joint(labels, probs)))


def wrong_interval(
    labels: Int[np.ndarray, " N"], probs: Float[np.ndarray, "N K"], *, num_draws: int = 500, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of `wrong_fraction` over samples of the images, drawn with replacement (bootstrap, percentiles).

    It holds what chance does to the sample; not that a class may be hard, whose images then look mislabeled.
    """
    rng = np.random.default_rng(seed)
    draw: Callable[[], np.ndarray] = lambda: rng.integers(len(labels), size=len(labels))  # noqa: E731
    values = [wrong_fraction(labels[rows], probs[rows]) for rows in (draw() for _ in range(num_draws))]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


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
