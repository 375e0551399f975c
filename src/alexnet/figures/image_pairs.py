"""Pairs of images on a figure: what is said of each pair above it, the names of the files below."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, ORANGE, Sheet, clean_axes, shorten

__all__ = ["ImagePair", "draw_pairs"]

PAIRS_ABREAST = 3
GAP = 0.12
"""Width between two pairs, of an image's."""

NAME = 24
"""Characters of a title or of a file's name, at most."""


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Two images, [S, S, 3] uint8, a title above each, and their files; the second is None where there is none.

    is_marked: whether the titles are orange instead of blue.
    """

    pixels: tuple[np.ndarray, np.ndarray | None]
    titles: tuple[str, str]
    files: tuple[str, str]
    is_marked: bool


def draw_pairs(pairs: Sequence[ImagePair]) -> Figure:
    """Up to three pairs in a row, in the order of reading."""
    abreast = min(PAIRS_ABREAST, len(pairs))
    num_rows = -(-len(pairs) // abreast)
    widths = [1.0, 1.0, GAP] * abreast
    sheet = Sheet(1.0 + 3.2 * abreast, 1.9 * num_rows + 0.3)
    grid = sheet.grid(num_rows, 3 * abreast - 1, width_ratios=widths[:-1])
    for axes in (axis for row in grid for axis in row):
        clean_axes(axes, ticks=False)
    for place, pair in enumerate(pairs):
        row, column = divmod(place, abreast)
        for side, pixels in enumerate(pair.pixels):
            _show(grid[row][3 * column + side], pixels, pair.titles[side], pair.files[side], pair.is_marked)
    return sheet


def _show(axes: Axes, pixels: np.ndarray | None, title: str, file: str, is_marked: bool) -> None:
    if pixels is None:
        return
    axes.imshow(pixels)
    axes.set_title(shorten(title, NAME), fontsize=8, color=ORANGE if is_marked else BLUE)
    folder, _, base = file.rpartition("/")
    axes.set_xlabel(f"{shorten(folder, NAME)}\n{shorten(base, NAME)}", fontsize=7)
