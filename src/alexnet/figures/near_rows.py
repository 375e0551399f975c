"""Images on a figure, each in a row with the training images most like it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import INK, RED, Sheet, clean_axes, shorten

__all__ = ["NearRow", "draw_near"]

NAME = 17
"""Characters of a class's name above an image, at most."""


@dataclass(frozen=True, eq=False)
class NearRow:
    """An image, [S, S, 3] uint8, its predicted class, and the nearest images with label and distance."""

    pixels: np.ndarray
    file: str
    predicted: str
    probability: float
    near: Sequence[tuple[np.ndarray, str, float]]


def draw_near(rows: Sequence[NearRow], *, title: str) -> Figure:
    """One row for each image: the image with its prediction, then those most like it, nearest first.

    A label that differs from the prediction is red and has a cross before it.

    Source: the layout: Krizhevsky et al. 2012, Figure 4 (right).
    """
    columns = 1 + max(len(row.near) for row in rows)
    sheet = Sheet(max(1.6 * columns, 4.5), 1.95 * len(rows) + 0.5)
    for axes, row in zip(sheet.grid(len(rows), columns), rows, strict=True):
        words = f"predicted, {100 * row.probability:.0f} %:\n{shorten(row.predicted, NAME)}"
        _show(axes[0], row.pixels, words, shorten(row.file.rpartition("/")[2], 26), INK, "bold")
        for axis, (pixels, label, distance) in zip(axes[1:], row.near, strict=False):
            differs = label != row.predicted
            words = f"{'✗ ' if differs else ''}{shorten(label, NAME)}"
            _show(axis, pixels, words, f"distance {distance:.3g}", RED if differs else INK, "normal")
        for axis in axes[1 + len(row.near) :]:
            clean_axes(axis, ticks=False)
    sheet.suptitle(title, fontsize=11)
    return sheet


def _show(axis: Axes, pixels: np.ndarray, title: str, below: str, color: str, weight: str) -> None:
    axis.imshow(pixels, interpolation="nearest" if pixels.shape[0] < 64 else "antialiased")
    axis.set_title(title, fontsize=8.5, pad=3, color=color, fontweight=weight)
    axis.set_xlabel(below, fontsize=7.5, color=INK, labelpad=2)
    clean_axes(axis, ticks=False)
