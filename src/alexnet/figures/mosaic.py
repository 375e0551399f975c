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

FINE = 60
"""Width of a tile in px at least: each of its pixels becomes several, so that spaces are whole pixels."""


def draw_mosaic(tiles: np.ndarray, labels: Sequence[object], *, title: str, columns: int, inches: float) -> Figure:
    """Tiles [n, h, w, 3] with values 0 ... 1, in rows of `columns`, each `inches` wide with its label above.

    Labels and title may have several lines.
    """
    count, height, width = tiles.shape[:3]
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    repeat = math.ceil(FINE / width)
    tall, wide = height * repeat, width * repeat
    above = round(wide * LABEL * max(1 + str(label).count("\n") for label in labels))
    across, down = wide + round(wide * GAP), above + tall + round(wide * GAP / 2)
    title_width = 0.075 * max(map(len, title.split("\n"))) + 0.4
    sheet = Sheet(
        max(inches * across * columns / wide + 0.3, title_width),
        inches * down * rows / wide + 0.55 + 0.18 * title.count("\n"),
    )
    axes = sheet.grid(1, 1)[0][0]
    pixels = np.zeros((rows * down, columns * across, 4), np.uint8)  # transparent between the tiles
    for place, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        left, top = (place % columns) * across, (place // columns) * down + above
        shown = np.round(255 * np.clip(tile, 0, 1)).astype(np.uint8).repeat(repeat, 0).repeat(repeat, 1)
        pixels[top : top + tall, left : left + wide, :3] = shown
        pixels[top : top + tall, left : left + wide, 3] = 255
        text = axes.text(
            left + wide / 2, top - 0.05 * wide, str(label), ha="center", va="bottom", fontsize=min(8.0, 11 * inches)
        )
        text.set_in_layout(False)  # it is within the axes, and measuring hundreds of them takes long
    axes.imshow(pixels, extent=(0, columns * across, rows * down, 0), interpolation="nearest")
    axes.set_xlim((wide - across) / 2, columns * across + (wide - across) / 2)
    axes.set_aspect("equal")
    clean_axes(axes, ticks=False)
    sheet.suptitle(title, fontsize=10.5)
    return sheet
