"""The kernels of a first layer sorted by kind, and their orientations and frequencies as a polar plot."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from alexnet.figures.canvas import GRAY, STYLE, Sheet
from alexnet.figures.mosaic import draw_mosaic
from alexnet.figures.tiles import kernel_image

__all__ = ["KernelPoint", "draw_orientations", "draw_sorted_kernels"]


@dataclass(frozen=True)
class KernelPoint:
    """A kernel in the polar plot: orientation in degrees, frequency in cycles per px, colorfulness 0 to 1."""

    orientation: float
    frequency: float
    colorfulness: float


def draw_sorted_kernels(weights: np.ndarray, order: Sequence[int], labels: Sequence[str], *, title: str) -> Figure:
    """Kernels [out, 3 or 1, k, k] in a given order, each on its own scale, labeled.

    labels: one for each kernel, by its number.
    """
    tiles = []
    for number in order:
        tile = weights[number] if weights.shape[1] == 3 else weights[number, 0]
        image = kernel_image(tile, float(np.abs(tile).max()))
        tiles.append(image if image.ndim == 3 else np.repeat(image[..., None], 3, 2))
    return draw_mosaic(np.stack(tiles), [labels[number] for number in order], title=title, columns=12, inches=0.78)


def draw_orientations(points: Sequence[KernelPoint], *, title: str) -> Figure:
    """Each kernel at its orientation and frequency, colored by its colorfulness.

    The direction is that of the wave, so an edge detector for horizontal edges stands at 90 degrees. Half a turn is
    enough: a wave turned by 180 degrees is the same wave.
    """
    sheet = Sheet(6.4, 4.4)
    with matplotlib.rc_context(STYLE):
        axes = sheet.add_subplot(projection="polar")
    angles = [np.radians(point.orientation) for point in points]
    dots = axes.scatter(
        angles,
        [point.frequency for point in points],
        c=[point.colorfulness for point in points],
        cmap="viridis",
        vmin=0.0,
        vmax=1.0,
        s=36,
        alpha=0.85,
        edgecolors="white",
        linewidths=0.6,
    )
    axes.set_thetalim(0.0, np.pi)  # type: ignore[attr-defined]
    axes.set_xlabel("cycles per px", fontsize=8.5)
    axes.tick_params(labelsize=8)
    axes.grid(color=GRAY, alpha=0.4, lw=0.6)
    bar = sheet.colorbar(dots, ax=axes, shrink=0.7, pad=0.1)
    bar.set_label("colorfulness (0 gray, 1 no gray)", fontsize=8.5)
    sheet.suptitle(title, fontsize=10.5)
    return sheet
