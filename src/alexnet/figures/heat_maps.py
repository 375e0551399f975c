"""Images with the heat maps of a class laid over them."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import INK, ORANGE, Sheet, clean_axes

__all__ = ["HeatMapRow", "draw_heat_maps"]


LINE, LINE_BELOW = 40, 52
"""Characters of a line above and below an image, at most: more would run into the next image's."""


@dataclass(frozen=True, eq=False)
class HeatMapRow:
    """An image [S, S, 3], uint8, its heat map [S, S], and what is to be said of them.

    randomized: the map of the same network with random weights, [S, S]. similarity: correlation of the two maps.
    """

    image: np.ndarray
    heat: np.ndarray
    randomized: np.ndarray
    similarity: float
    title: str
    caption: str
    verdict: str
    says_something: bool


def draw_heat_maps(rows: Sequence[HeatMapRow], *, num_left_out: int = 0) -> Figure:
    """A row for each image: the image, the map laid over it, the map alone, the map that random weights give.

    Below the map it says whether the map means anything. Each map has a scale of its own, printed above it. Where
    there are more images than rows, the figure says so.
    """
    sheet = Sheet(12.4, 3.0 * len(rows) + 0.2)
    if num_left_out:
        sheet.suptitle(f"the first {len(rows)} of {len(rows) + num_left_out} heat maps")
    for axes, row in zip(sheet.grid(len(rows), 4), rows, strict=True):
        for cell in axes:
            clean_axes(cell, ticks=False)
        axes[0].imshow(row.image)
        axes[0].set_title(_wrapped(row.title), fontsize=9, fontweight="normal", loc="left")
        axes[1].imshow(row.image)
        if row.heat.max() > 0.0:
            axes[1].imshow(row.heat, cmap="viridis", vmin=0.0, vmax=float(row.heat.max()), alpha=0.55)
        else:
            axes[1].text(
                0.5, 0.5, "no pixel supports it", ha="center", va="center", transform=axes[1].transAxes,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            )  # fmt: skip
        axes[1].set_title(_wrapped(row.caption), fontsize=9, fontweight="normal", loc="left")
        _alone(axes[2], row.heat, "the map alone")
        _alone(axes[3], row.randomized, "the same method, random weights")
        axes[3].set_xlabel(f"correlation with the map {row.similarity:.2f}", fontsize=8.5)
        axes[1].set_xlabel(
            _wrapped(row.verdict, LINE_BELOW), fontsize=8.5, color=INK if row.says_something else ORANGE
        )
    return sheet


def _alone(axes: Axes, heat: np.ndarray, name: str) -> None:
    largest = float(heat.max())
    axes.imshow(heat, cmap="viridis", vmin=0.0, vmax=max(largest, 1e-12))
    scale = f"0 to {largest:.2g}" if largest > 0.0 else "0 everywhere"
    axes.set_title(f"{name}\n{scale}", fontsize=9, fontweight="normal", loc="left")


def _wrapped(text: str, width: int = LINE) -> str:
    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))
