"""Doubtful labels on a figure: each image in a row with the images most like it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, ORANGE, Sheet, clean_axes, shorten
from alexnet.files import shown_name

__all__ = ["DoubtRow", "draw_doubts"]

NUM_NEAR = 5
NAME = 16
"""Characters of a class's name above an image, at most."""

FILE = 28
"""Characters of a file's path below it, at most: the last ones, which tell files apart."""


@dataclass(frozen=True, eq=False)
class DoubtRow:
    """An image, [S, S, 3] uint8, its label and the suggested one, and the nearest images with theirs."""

    pixels: np.ndarray
    file: str
    label: str
    suggested: str
    doubt: float
    near: Sequence[tuple[np.ndarray, str]]


def draw_doubts(rows: Sequence[DoubtRow]) -> Figure:
    """One row for each image: the image with its label and the suggestion, then those most like it.

    Labels equal to the image's own are blue, others orange.
    """
    sheet = Sheet(9.5, 2.2 * len(rows) + 0.3)
    for axes, row in zip(sheet.grid(len(rows), NUM_NEAR + 1), rows, strict=True):
        title = f"{shorten(row.label, NAME)}\n→ {shorten(row.suggested, NAME)}?  {row.doubt:.2f}"
        _show(axes[0], row.pixels, title, "black")
        axes[0].set_xlabel(_end_of(row.file), fontsize=7)
        for place, axis in enumerate(axes[1:]):
            if place < len(row.near):
                pixels, label = row.near[place]
                _show(axis, pixels, shorten(label, NAME), BLUE if label == row.label else ORANGE)
            else:
                clean_axes(axis, ticks=False)
    return sheet


def _show(axis: Axes, pixels: np.ndarray, title: str, color: str) -> None:
    axis.imshow(pixels)
    axis.set_title(title, fontsize=8, color=color)
    clean_axes(axis, ticks=False)


def _end_of(file: str) -> str:
    shown = shown_name(file)
    return shown if len(shown) <= FILE else f"…{shown[1 - FILE :]}"
