"""Images as points on a plane, colored by class, with some of them as thumbnails."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from alexnet.figures.canvas import INK, Sheet, clean_axes, shorten

__all__ = ["CLASS_COLORS", "MARKERS", "choose_apart", "draw_scatter"]

CLASS_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
"""Okabe & Ito 2008: told apart by all eyes. From the ninth class on they repeat with another marker."""

MARKERS = ("o", "s", "^", "D")

NUM_THUMBNAILS = 60

MOST_IN_LEGEND = 24


def choose_apart(places: np.ndarray, count: int = NUM_THUMBNAILS) -> list[int]:
    """Rows of points far from each other: one after another the point farthest from those chosen already."""
    if not len(places):
        return []
    span = np.maximum(np.ptp(places, axis=0), 1e-12)
    scaled = (places - places.min(0)) / span
    chosen = [int(np.argmin(((scaled - 0.5) ** 2).sum(1)))]
    apart = ((scaled - scaled[chosen[0]]) ** 2).sum(1)
    while len(chosen) < min(count, len(places)) and apart.max() > 0.05**2:
        chosen.append(int(apart.argmax()))
        apart = np.minimum(apart, ((scaled - scaled[chosen[-1]]) ** 2).sum(1))
    return chosen


def draw_scatter(
    places: np.ndarray,
    labels: Sequence[str],
    is_wrong: np.ndarray,
    thumbnails: Sequence[tuple[int, np.ndarray]],
    title: str,
) -> Figure:
    """A point for each image in the color of its class, a cross over each mistake, and some thumbnails.

    Args:
        places: [N, 2]. labels: class of each. is_wrong: [N], bool.
        thumbnails: rows and their images, uint8 [S, S, 3].
    """
    sheet = Sheet(12.5, 9.0)
    axes = sheet.grid(1, 1)[0][0]
    names = sorted(set(labels))
    of_class = np.array(labels)
    size = float(np.clip(20_000 / max(len(places), 1), 4, 36))
    for number, name in enumerate(names):
        rows = of_class == name
        color, marker = CLASS_COLORS[number % 8], MARKERS[number // 8 % len(MARKERS)]
        label = shorten(name, 22) if number < MOST_IN_LEGEND else None
        axes.scatter(places[rows, 0], places[rows, 1], s=size, c=color, marker=marker, alpha=0.75, lw=0, label=label)
    for row, image in thumbnails:
        number = names.index(labels[row])
        box = AnnotationBbox(
            OffsetImage(image, zoom=26 / len(image)), tuple(places[row]), frameon=True, pad=0.12,
            bboxprops={"edgecolor": CLASS_COLORS[number % 8], "lw": 1.6},
        )  # fmt: skip
        axes.add_artist(box)
    if is_wrong.any():
        x, y = places[is_wrong].T
        axes.scatter(x, y, s=46, c="white", marker="x", lw=2.6, zorder=5)
        axes.scatter(x, y, s=40, c=INK, marker="x", lw=1.2, zorder=6, label="classified wrongly")
    clean_axes(axes, ticks=False)
    axes.set_aspect("equal", adjustable="datalim")
    legend = axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([40.0])
    sheet.suptitle(title, fontsize=11)
    return sheet
