"""What excites a unit: its kernel, strips of patches, and the classes that they come from."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, Sheet, clean_axes, shorten
from alexnet.figures.tiles import kernel_image

__all__ = ["PADDING", "PatchTile", "draw_unit", "shown_patch"]

PADDING = (226, 229, 233)
"""What is padding in a patch, hatched with `PADDING_LINE`; RGB."""

PADDING_LINE = (196, 202, 209)

CHARACTERS_PER_INCH = 11
"""Of the title, at most: a longer one is broken into lines."""

MOST_CLASSES = 8
"""Classes of which a bar is drawn."""


@dataclass(frozen=True, eq=False)
class PatchTile:
    """A patch [h, w, 3], uint8, where it is image [h, w], its class, and the activation."""

    pixels: np.ndarray
    inside: np.ndarray
    label: str
    activation: float


def shown_patch(pixels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The patch with its padding hatched, uint8 [h, w, 3]."""
    rows, columns = np.indices(inside.shape)
    spacing = max(3, min(inside.shape) // 8)
    hatched = np.where(((rows + columns) % spacing == 0)[..., None], PADDING_LINE, PADDING)
    return np.where(inside[..., None], pixels, hatched).astype(np.uint8)


def draw_unit(
    title: str,
    kernel: np.ndarray | None,
    strips: Sequence[tuple[float, Sequence[PatchTile]]],
    classes: Sequence[tuple[str, float, float]],
    synthesized: np.ndarray | None = None,
) -> Figure:
    """Kernel and classes on the left, a strip of patches for each level on the right.

    Args:
        kernel: weights [in, k, k], or None.
        strips: level (a fraction of the maximum) and its patches.
        classes: name, fraction among the strongest images, fraction among all.
        synthesized: an image made by gradient ascent, uint8 [h, w, 3].
    """
    columns = max((len(tiles) for _, tiles in strips), default=1)
    width = max(3.4 + 1.12 * columns, 6.5)
    sheet = Sheet(width, max(1.36 * len(strips), 3.2) + 0.5)
    halves: Any = sheet.subfigures(1, 2, width_ratios=[2.6, max(1.12 * columns, 2.0)])
    left, right = halves
    panels = ["kernel"] * (kernel is not None) + ["synthesized"] * (synthesized is not None)
    panels += ["classes"] * bool(classes)
    if panels:
        heights = [1.0 if panel != "classes" else 1.25 for panel in panels]
        cells = left.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, axes in zip(panels, cells, strict=True):
            if panel == "classes":
                _draw_classes(axes, classes)
            elif panel == "kernel" and kernel is not None:
                _draw_kernel(axes, kernel)
            elif synthesized is not None:
                clean_axes(axes, ticks=False)
                axes.imshow(synthesized)
                axes.set_title("made by gradient ascent", fontsize=8.5, fontweight="normal")
    if strips:
        grid = right.subplots(len(strips), columns, squeeze=False)
        for cells, (level, tiles) in zip(grid, strips, strict=True):
            _draw_strip(cells, level, tiles, largest=strips[0][1][0].activation)
    else:
        (axes,) = right.subplots(1, 1, squeeze=False)[0]
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no patches:\nits images are not there", ha="center", va="center", color=GRAY, fontsize=9)
    sheet.suptitle(textwrap.fill(title, int(CHARACTERS_PER_INCH * width)), fontsize=10.5)
    return sheet


def _draw_kernel(axes: Axes, kernel: np.ndarray) -> None:
    clean_axes(axes, ticks=False)
    tile = kernel if len(kernel) == 3 else kernel.mean(0)
    axes.imshow(kernel_image(tile, float(np.abs(tile).max())), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    words = "kernel, RGB" if len(kernel) == 3 else f"kernel, mean of {len(kernel)} input maps"
    axes.set_title(words, fontsize=8.5, fontweight="normal")


def _draw_strip(cells: Sequence[Axes], level: float, tiles: Sequence[PatchTile], *, largest: float) -> None:
    """A row of patches with their activations; of the weaker ones also how much of the largest one that is."""
    for axes in cells:
        clean_axes(axes, ticks=False)
    for axes, tile in zip(cells, tiles, strict=False):
        shown = shown_patch(tile.pixels, tile.inside)
        axes.imshow(shown, interpolation="nearest" if len(shown) < 48 else "antialiased")
        fraction = f" ({100 * tile.activation / largest:.0f} %)" if level < 1.0 else ""
        axes.set_title(f"{tile.activation:.3g}{fraction}", fontsize=7.5, pad=2, fontweight="normal", color=GRAY)
        axes.set_xlabel(shorten(tile.label, 14), fontsize=7.5, labelpad=2)
    cells[0].set_ylabel("strongest" if level == 1.0 else f"nearest to {100 * level:.0f} %", fontsize=9, color=INK)


def _draw_classes(axes: Axes, classes: Sequence[tuple[str, float, float]]) -> None:
    """Bars for the classes of the strongest images; a tick where chance would be."""
    shown = [each for each in classes[:MOST_CLASSES] if each[1] > 0.0]
    places = range(len(shown))
    axes.barh(places, [100 * fraction for _, fraction, _ in shown], color=BLUE, height=0.7)
    axes.plot([100 * chance for *_, chance in shown], places, "|", color=ORANGE, ms=9, mew=2)
    axes.set_yticks(list(places), [shorten(name, 14) for name, *_ in shown], fontsize=7.5)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.invert_yaxis()
    axes.set_xlabel("% of the strongest images\norange: of all images", fontsize=7.5)
    clean_axes(axes)
