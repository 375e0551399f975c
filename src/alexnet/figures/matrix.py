"""The confusion matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, INK, RED, Sheet, clean_axes, shorten

__all__ = ["draw_confusion"]

MOST_LABELED = 40
"""Number of classes up to which the counts are written into the cells."""

MOST_NAMED = 120
"""Number of classes up to which rows and columns have names and lines; beyond, numbers."""

POINTS_OF_SIDE = 760.0
"""Points of the matrix's side that the names of many classes share; the largest figure has more than these."""

LONGEST_NAME = 32
"""Characters of a class's name beside the matrix, at most."""

CORRECT = LinearSegmentedColormap.from_list("correct", ["#ffffff", BLUE])
MISTAKEN = LinearSegmentedColormap.from_list("mistaken", ["#ffffff", RED])


def draw_confusion(classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> Figure:
    """Number of images by true class (rows) and predicted class (columns); shade: fraction of the row."""
    counts = np.asarray(confusion, dtype=np.float64)
    fractions = counts / np.maximum(counts.sum(1, keepdims=True), 1.0)
    number = len(classes)
    side = min(max(4.0, 1.8 + 0.62 * number), 16.0)
    sheet = Sheet(side + 0.6, side)
    axes = sheet.grid(1, 1)[0][0]
    is_correct = np.eye(number, dtype=bool)
    image = np.where(is_correct[..., None], CORRECT(fractions * 0.85), MISTAKEN(np.minimum(1.0, fractions * 2.5)))
    axes.imshow(image, interpolation="nearest")
    if number <= MOST_LABELED:
        for row in range(number):
            for column in range(number):
                if counts[row, column]:
                    dark = row == column and fractions[row, column] > 0.5
                    axes.text(
                        column, row, f"{counts[row, column]:.0f}", ha="center", va="center",
                        color="white" if dark else INK, fontsize=9,
                    )  # fmt: skip
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if number <= MOST_NAMED:
        names = [shorten(name, LONGEST_NAME) for name in classes]
        is_dense = number > MOST_LABELED
        size = min(10.0, POINTS_OF_SIDE / number) if is_dense else 10.0
        axes.set_xticks(
            range(number), names, fontsize=size, rotation=90 if is_dense else 45, ha="right", rotation_mode="anchor",
            va="center" if is_dense else "top",
        )  # fmt: skip
        axes.set_yticks(range(number), names, fontsize=size)
        axes.set_xticks(np.arange(number + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(number + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#e6e9ec", lw=0.8)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    clean_axes(axes)
    return sheet
