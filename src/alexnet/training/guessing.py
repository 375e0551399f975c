"""The loss of guessing by the frequency of the classes alone, and the lowest loss that label smoothing allows."""

import math

import numpy as np

__all__ = ["guessing_formula", "guessing_loss", "lowest_loss"]


def guessing_loss(fractions: np.ndarray, label_smoothing: float) -> float:
    """Cross-entropy in nats, with label smoothing, of the best guess that does not look at the image.

        p = (1 - label_smoothing) * fractions + label_smoothing / K
        loss = -sum(p * ln p)

    It is ln K where all classes are equally frequent, with and without label smoothing.

    Args:
        fractions: of the training images, by class, [K].
        label_smoothing: fraction of the target that is spread evenly over the classes.

    >>> round(guessing_loss(np.array([0.5, 0.5]), 0.1), 3)
    0.693
    """
    return _entropy((1.0 - label_smoothing) * fractions + label_smoothing / len(fractions))


def lowest_loss(num_classes: int, label_smoothing: float) -> float:
    """Cross-entropy in nats of a network that always names the true class: the entropy of one smoothed target.

    >>> lowest_loss(8, 0.0), round(lowest_loss(8, 0.05), 3)
    (0.0, 0.265)
    """
    one = np.zeros(num_classes)
    one[0] = 1.0
    return guessing_loss(one, label_smoothing)


def guessing_formula(loss: float, num_classes: int) -> str:
    """The loss of guessing as people look it up.

    >>> guessing_formula(2.0794, 8), guessing_formula(0.5, 2)
    ('ln 8 = 2.079', '0.500 (ln 2 = 0.693 if the classes were equally frequent)')
    """
    if math.isclose(loss, math.log(num_classes), abs_tol=5e-4):
        return f"ln {num_classes} = {loss:.3f}"
    return f"{loss:.3f} (ln {num_classes} = {math.log(num_classes):.3f} if the classes were equally frequent)"


def _entropy(probs: np.ndarray) -> float:
    positive = probs[probs > 0.0]
    return abs(float((positive * np.log(positive)).sum()))  # 0 rather than -0
