"""An image, a kernel and the result side by side; and the learned kernels most similar to a given one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import GRAY, INK, Sheet, clean_axes
from alexnet.figures.tiles import kernel_image

__all__ = ["MatchTile", "Panels", "draw_matches", "draw_panels"]

MOST_WRITTEN = 7
"""Side of a kernel whose weights are written into its cells, at most."""


@dataclass(frozen=True, eq=False)
class Panels:
    """Image [H, W] or [H, W, 3], kernel [k, l] or [k, l, 3], result [H, W] or [H, W, 3], and their captions.

    span: the values shown darkest and brightest in the image; scale: in the result. signed: whether the result lies
    around 0. cyclic: whether it holds angles. partner: the second kernel of a pair. extra: further images, shown
    below on the scale of the result.
    """

    image: np.ndarray
    span: tuple[float, float]
    kernel: np.ndarray
    result: np.ndarray
    scale: tuple[float, float]
    title: str
    kernel_caption: str
    result_caption: str
    signed: bool = False
    cyclic: bool = False
    partner: np.ndarray | None = None
    extra: tuple[np.ndarray, ...] = ()
    extra_captions: tuple[str, ...] = ()


def draw_panels(panels: Panels) -> Figure:
    """Image, kernel and result side by side; further images, such as channels, below."""
    rows = 2 if panels.extra else 1
    height, width = panels.image.shape[:2]
    tall = min(max(4.2 * height / width, 2.2), 6.5)
    sheet = Sheet(12.0, tall + 1.15 + (3.0 if panels.extra else 0.0))
    outer = sheet.add_gridspec(rows, 1, height_ratios=[tall + 0.3, 2.8][:rows])
    top = outer[0].subgridspec(1, 3, width_ratios=[4.2, 2.4, 4.2])
    axes = [sheet.add_subplot(top[0, column]) for column in range(3)]
    _show(axes[0], panels.image, panels.span, "gray")
    _draw_weights(axes[1], panels.kernel, panels.partner)
    colors = "twilight" if panels.cyclic else "RdBu_r" if panels.signed else "gray"
    _show(axes[2], panels.result, panels.scale, colors)
    for where, title in zip(axes, ("image  I", "kernel  K", "result  O"), strict=True):
        where.set_title(title, fontsize=10, fontweight="normal")
    axes[0].set_xlabel(f"{width} × {height} px", fontsize=8.5, color=GRAY)
    axes[1].set_xlabel(panels.kernel_caption, fontsize=8.5, color=GRAY)
    axes[2].set_xlabel(panels.result_caption, fontsize=8.5, color=GRAY)
    if panels.extra:
        low = outer[1].subgridspec(1, len(panels.extra))
        for column, (values, caption) in enumerate(zip(panels.extra, panels.extra_captions, strict=True)):
            where = sheet.add_subplot(low[0, column])
            _show(where, values, panels.scale, colors)
            where.set_xlabel(caption, fontsize=8.5, color=GRAY)
    if panels.cyclic or panels.signed:
        ticks = (-180, -90, 0, 90, 180) if panels.cyclic else (panels.scale[0], 0, panels.scale[1])
        mapped = matplotlib.cm.ScalarMappable(
            matplotlib.colors.Normalize(*panels.scale), matplotlib.colormaps[colors]
        )
        if panels.result.ndim == 2:
            bar = sheet.colorbar(mapped, ax=axes[2], ticks=ticks, fraction=0.05, pad=0.02, shrink=0.8)
            bar.ax.tick_params(labelsize=8)
    sheet.suptitle(panels.title, fontsize=12)
    return sheet


def _show(axes: Axes, values: np.ndarray, span: tuple[float, float], colors: str) -> None:
    clean_axes(axes, ticks=False)
    low, high = span
    high = high if high > low else low + 1.0
    smooth = "antialiased" if min(values.shape[:2]) >= 64 else "nearest"
    reduced = values[:: max(1, values.shape[0] // 2000), :: max(1, values.shape[1] // 2000)]
    if values.ndim == 3:
        reduced = ((reduced.astype(np.float32) - low) / (high - low)).clip(0.0, 1.0)
        axes.imshow(reduced, interpolation=smooth)
    else:
        axes.imshow(reduced, cmap=colors, vmin=low, vmax=high, interpolation=smooth)


def _draw_weights(axes: Axes, kernel: np.ndarray, partner: np.ndarray | None) -> None:
    """Weights as colors around 0, written out if they are few; a pair is drawn one above the other."""
    clean_axes(axes, ticks=False)
    if kernel.ndim == 3:
        axes.imshow(kernel_image(kernel.transpose(2, 0, 1), float(np.abs(kernel).max())), interpolation="nearest")
        return
    blank = np.full((1, kernel.shape[1]), np.nan)
    shown = kernel if partner is None else np.concatenate([kernel, blank, partner]).astype(np.float64)
    limit = float(np.nanmax(np.abs(shown))) or 1.0
    axes.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    if max(kernel.shape) > MOST_WRITTEN:
        return
    for (row, column), weight in np.ndenumerate(shown):
        if not math.isnan(weight):
            color = "white" if abs(weight) > 0.6 * limit else INK
            text = f"{weight:.0f}" if weight == round(weight) else f"{weight:.2g}".replace("0.", ".")
            size = 15 if len(text) <= 3 and max(shown.shape) <= 3 else 11 if max(shown.shape) <= 5 else 7
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


@dataclass(frozen=True, eq=False)
class MatchTile:
    """A learned kernel [3, k, k] or [k, k], the given kernel laid over it [k, k], and their correlation, -1 ... 1."""

    number: int
    weights: np.ndarray
    laid: np.ndarray
    correlation: float
    caption: str


def draw_matches(tiles: Sequence[MatchTile], *, title: str) -> Figure:
    """A column for each learned kernel: itself, its mean over the channels, the given kernel in its best position."""
    sheet = Sheet(max(1.5 * len(tiles) + 0.6, 5.0), 5.4)
    for place, row in enumerate(sheet.grid(3, len(tiles))):
        for tile, axes in zip(tiles, row, strict=True):
            clean_axes(axes, ticks=False)
            gray = tile.weights.mean(0) if tile.weights.ndim == 3 else tile.weights
            if place == 0:
                limit = float(np.abs(tile.weights).max())
                axes.imshow(kernel_image(tile.weights, limit), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axes.set_title(
                    f"kernel {tile.number}\nr = {tile.correlation:+.2f}", fontsize=9.5, fontweight="normal"
                )
            else:
                values = gray if place == 1 else tile.laid
                limit = float(np.abs(values).max()) or 1.0
                axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
                if place == 2:
                    axes.set_xlabel(tile.caption, fontsize=8, color=GRAY)
        row[0].set_ylabel(("learned", "mean of channels", "given kernel")[place], fontsize=9)
    sheet.suptitle(title, fontsize=11)
    return sheet
