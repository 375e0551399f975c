"""Feature maps of an image: image, kernel and map side by side."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.errors import GeometryError
from alexnet.figures.canvas import GRAY, Sheet, clean_axes
from alexnet.figures.mosaic import draw_mosaic
from alexnet.figures.tiles import kernel_image

__all__ = ["draw_all_maps", "draw_feature_maps"]

MOST_ROWS = 32
"""Kernels on one figure with their images, at most."""


def draw_feature_maps(
    image: np.ndarray,
    kernels: np.ndarray | None,
    before: np.ndarray,
    after: np.ndarray | None,
    chosen: Sequence[int],
    *,
    title: str,
    activation: str = "ReLU",
) -> Figure:
    """A row for each chosen kernel: the image, the kernel, the feature map before and after the activation.

    Args:
        image: uint8 [S, S, 3]. kernels: [C, in, k, k] or None. before, after: [C, H, W]; after may be None.
            Maps before the activation have a symmetric scale around 0 (blue below, red above), maps after it a scale
            from 0, or from their smallest value where that is negative.
        activation: what the activation is called.

    Raises:
        GeometryError: there is no such kernel, or there are too many.
    """
    if len(chosen) > MOST_ROWS:
        raise GeometryError(
            f"{len(chosen)} kernels do not fit on one figure: choose at most {MOST_ROWS}, or all of them"
        )
    if not chosen or any(not 0 <= place < len(before) for place in chosen):
        raise GeometryError(f"kernels {list(chosen)}: the layer has maps 0 to {len(before) - 1}")
    before_words, after_words = f"before {activation}", f"after {activation}"
    panels = ["image"] + ["kernel"] * (kernels is not None) + [before_words if after is not None else "map"]
    panels += [after_words] * (after is not None)
    sheet = Sheet(2.35 * len(panels), 2.2 * len(chosen) + 0.6)
    for row, place in zip(sheet.grid(len(chosen), len(panels)), chosen, strict=True):
        for axes, panel in zip(row, panels, strict=True):
            clean_axes(axes, ticks=False)
            if panel == "image":
                axes.imshow(image)
            elif panel == "kernel" and kernels is not None:
                _draw_kernel(axes, kernels[place])
            elif panel == after_words and after is not None:
                low = min(float(after[place].min()), 0.0)
                axes.imshow(after[place], cmap="viridis", vmin=low, vmax=max(float(after[place].max()), low + 1e-6))
            else:
                limit = max(float(np.abs(before[place]).max()), 1e-6)
                axes.imshow(before[place], cmap="RdBu_r", vmin=-limit, vmax=limit)
            if panel not in ("image", "kernel"):
                values = after if panel == after_words and after is not None else before
                low, high = float(values[place].min()), float(values[place].max())
                axes.set_xlabel(f"{low:.2g} to {high:.2g}", fontsize=8, color=GRAY)
        row[0].set_ylabel(f"kernel {place}", fontsize=10)
    for axes, panel in zip(sheet.axes[: len(panels)], panels, strict=True):
        axes.set_title(panel, fontsize=9.5, fontweight="normal")
    sheet.suptitle(title, fontsize=11)
    return sheet


def _draw_kernel(axes: Axes, weights: np.ndarray) -> None:
    """A kernel on its own scale, as RGB or as the mean of its input maps."""
    tile = weights if len(weights) == 3 else weights.mean(0)
    image = kernel_image(tile, float(np.abs(tile).max()))
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    caption = "RGB, own scale" if len(weights) == 3 else f"mean of {len(weights)} input maps, own scale"
    axes.set_xlabel(caption, fontsize=8, color=GRAY)


def draw_all_maps(maps: np.ndarray, *, title: str, columns: int = 16) -> Figure:
    """Every map [C, H, W] of a layer, numbered, on one scale from the smallest to the largest value."""
    low, high = float(maps.min()), max(float(maps.max()), float(maps.min()) + 1e-6)
    colors = matplotlib.colormaps["viridis"]((maps - low) / (high - low))[..., :3]
    title = f"{title}, one scale from {low:.3g} to {high:.3g}"
    return draw_mosaic(colors, range(len(maps)), title=title, columns=columns, inches=0.72)
