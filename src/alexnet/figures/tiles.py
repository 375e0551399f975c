"""Many small images on one figure: kernels, and wrongly classified images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from alexnet.errors import GeometryError
from alexnet.figures.canvas import GRAY, INK, RED, Sheet, clean_axes, shorten
from alexnet.figures.mosaic import draw_mosaic

__all__ = ["KernelScale", "MistakeTile", "draw_kernels", "draw_mistakes", "kernel_image"]

NAME = 18
"""Characters of a class's name above an image, at most."""

KernelScale = Literal["common", "own"]
"""All kernels on one scale, to compare their strengths, or each on its own, to see the weak ones."""


def kernel_image(weights: np.ndarray, limit: float) -> np.ndarray:
    """Weights [3, k, k] or [k, k] as values 0 ... 1, [k, k, 3] or [k, k]; 0.5 is a weight of 0."""
    scaled = 0.5 + 0.5 * np.clip(weights / max(limit, 1e-12), -1.0, 1.0)
    return scaled.transpose(1, 2, 0) if scaled.ndim == 3 else scaled


def draw_kernels(
    weights: np.ndarray,
    *,
    title: str,
    scale: KernelScale = "common",
    chosen: Sequence[int] | None = None,
    channel: int | None = None,
    columns: int = 16,
    limit: float | None = None,
    caption: str = "",
) -> Figure:
    """The kernels of a layer, numbered.

    Args:
        weights: [out, in, k, k]. With three input channels, a kernel is one RGB image; otherwise it is shown by its
            mean over the input maps, or by the one input map `channel`.
        chosen: numbers of the kernels to show; all by default.
        scale: `common` to all kernels, or each its `own`; the title says which. Gray is a weight of 0.
        limit: the weight at the end of the common scale; by default, nearly the largest one shown.
        caption: a line below the title.

    Raises:
        GeometryError: there is no such kernel or channel.
    """
    places = list(range(len(weights))) if chosen is None else list(chosen)
    if not places or any(not 0 <= place < len(weights) for place in places):
        raise GeometryError(f"kernels {places}: the layer has kernels 0 to {len(weights) - 1}")
    if channel is not None and not 0 <= channel < weights.shape[1]:
        raise GeometryError(f"channel {channel}: the kernels have channels 0 to {weights.shape[1] - 1}")
    if weights.shape[1] == 3 and channel is None:
        tiles, how = weights[places], "RGB"
    elif channel is None:
        tiles, how = weights[places].mean(1), f"mean of {weights.shape[1]} input maps"
    else:
        tiles, how = weights[places, channel], f"input map {channel}"
    common = float(np.quantile(np.abs(tiles), 0.998)) if limit is None else limit
    words = f"one scale, ±{common:.3g}" if scale == "common" else "each on its own scale: do not compare strengths"
    limits = [common if scale == "common" else float(np.abs(tile).max()) for tile in tiles]
    images = [kernel_image(tile, limit) for tile, limit in zip(tiles, limits, strict=True)]
    rgb = np.stack([p if p.ndim == 3 else np.repeat(p[..., None], 3, 2) for p in images])
    title = f"{title}: {how}, {words}" + (f"\n{caption}" if caption else "")
    return draw_mosaic(rgb, places, title=title, columns=columns, inches=0.62)


@dataclass(frozen=True, eq=False)
class MistakeTile:
    """A wrongly classified image [H, W, 3], uint8, with its predicted and its true class."""

    image: np.ndarray
    predicted: str
    true: str
    probability: float
    file: str


def draw_mistakes(tiles: Sequence[MistakeTile], *, title: str, columns: int = 6) -> Figure:
    """Wrongly classified images, each with its predicted class, the probability of that, and its true class."""
    columns = max(1, min(columns, len(tiles)))
    rows = max(1, math.ceil(len(tiles) / columns))
    sheet = Sheet(max(1.75 * columns, 4.0), 2.15 * rows + 0.5)
    cells = [axes for row in sheet.grid(rows, columns) for axes in row]
    for axes in cells:
        clean_axes(axes, ticks=False)
    for tile, axes in zip(tiles, cells, strict=False):
        axes.imshow(tile.image, interpolation="nearest" if tile.image.shape[0] < 64 else "antialiased")
        axes.set_title(
            f"true: {shorten(tile.true, NAME)}\npred: {shorten(tile.predicted, NAME)} {100 * tile.probability:.0f} %",
            fontsize=8.5, pad=3, color=RED if tile.probability > 0.9 else INK, fontweight="normal", loc="left",
        )  # fmt: skip
        axes.set_xlabel(shorten(tile.file.rpartition("/")[2], 24), fontsize=6.5, color=GRAY, labelpad=2)
    if not tiles:
        cells[0].text(0.5, 0.5, "no mistakes", ha="center", va="center", transform=cells[0].transAxes)
    sheet.suptitle(title, fontsize=11)
    return sheet
