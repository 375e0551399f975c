"""Images with the heat maps of a class laid over them."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from alexnet.figures.canvas import GRAY, INK, ORANGE, Sheet, clean_axes

__all__ = ["HeatMapRow", "draw_heat_maps"]


@dataclass(frozen=True, eq=False)
class HeatMapRow:
    """An image [S, S, 3], uint8, its heat map [S, S], and what is to be said of them."""

    image: np.ndarray
    heat: np.ndarray
    title: str
    caption: str
    verdict: str
    says_something: bool


def draw_heat_maps(rows: Sequence[HeatMapRow], *, num_left_out: int = 0) -> Figure:
    """A row for each image: the image, the map laid over it, the map alone, and whether the map says something.

    Where there are more images than rows, the figure says so.
    """
    sheet = Sheet(9.6, 3.0 * len(rows) + 0.2)
    if num_left_out:
        sheet.suptitle(f"the first {len(rows)} of {len(rows) + num_left_out} heat maps")
    for axes, row in zip(sheet.grid(len(rows), 3), rows, strict=True):
        for cell in axes:
            clean_axes(cell, ticks=False)
        limit = max(float(row.heat.max()), 1e-12)
        axes[0].imshow(row.image)
        axes[0].set_title(row.title, fontsize=9.5, fontweight="normal", loc="left")
        axes[1].imshow(row.image)
        if row.heat.max() > 0.0:
            axes[1].imshow(row.heat, cmap="viridis", vmin=0.0, vmax=limit, alpha=0.55)
        else:
            axes[1].text(0.5, 0.5, "no pixel supports it", ha="center", va="center", transform=axes[1].transAxes)
        axes[1].set_title(row.caption, fontsize=9, fontweight="normal", loc="left")
        axes[2].imshow(row.heat, cmap="viridis", vmin=0.0, vmax=limit)
        axes[2].set_title(f"0 to {limit:.2g}", fontsize=8.5, fontweight="normal", color=GRAY, loc="left")
        verdict = "\n".join(textwrap.wrap(row.verdict, 52))
        axes[1].set_xlabel(verdict, fontsize=8.5, color=INK if row.says_something else ORANGE)
    return sheet
