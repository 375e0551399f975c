"""Numbered tiles in one pair of axes: fast also for hundreds of them."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from alexnet.figures.canvas import Sheet, clean_axes

__all__ = ["draw_mosaic"]

LABEL = 0.34
"""Height of a line of the label above a tile, relative to the tile."""

GAP = 0.12
"""Space between two tiles, relative to a tile."""


def draw_mosaic(tiles: np.ndarray, labels: Sequence[object], *, title: str, columns: int, inches: float) -> Figure:
    """Tiles [n, h, w, 3] with values 0 ... 1, in rows of `columns`, each `inches` wide with its label above.

    Labels and title may have several lines.
    """
    count, height, width = tiles.shape[:3]
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    above = LABEL * max(1 + str(label).count("\n") for label in labels)
    across, down = 1 + GAP, height / width + above + GAP / 2
    title_width = 0.075 * max(map(len, title.split("\n"))) + 0.4
    sheet = Sheet(
        max(inches * across * columns + 0.3, title_width), inches * down * rows + 0.55 + 0.18 * title.count("\n")
    )
    axes = sheet.grid(1, 1)[0][0]
    for place, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        left, top = (place % columns) * across, (place // columns) * down + above
        axes.imshow(tile, extent=(left, left + 1, top + height / width, top), interpolation="nearest")
        axes.text(left + 0.5, top - 0.05, str(label), ha="center", va="bottom", fontsize=min(8.0, 11 * inches))
    axes.set_xlim(-GAP / 2, columns * across - GAP / 2)
    axes.set_ylim(rows * down, 0)
    axes.set_aspect("equal")
    clean_axes(axes, ticks=False)
    sheet.suptitle(title, fontsize=10.5)
    return sheet
