"""How kernels moved: start, end and difference side by side, and the film of every epoch."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.errors import GeometryError
from alexnet.figures.canvas import Sheet, clean_axes
from alexnet.figures.tiles import draw_kernels, kernel_image

__all__ = ["draw_kernel_change", "draw_kernel_pairs", "film_frames"]

COLUMNS = 8
"""Kernels in a row of each panel."""

GAP = 1
"""Pixels between two kernels of a panel."""


def draw_kernel_change(
    start: np.ndarray, end: np.ndarray, *, title: str, caption: str, chosen: Sequence[int] | None = None
) -> Figure:
    """Three panels of the same kernels: before training, now, and the difference, all on one scale.

    Args:
        start, end: [out, in, k, k]; with three input channels a kernel is shown as RGB, otherwise by its mean over
            the input maps.
        caption: what is known of the change in numbers, shown below.
        chosen: kernels to show; by default all.

    Raises:
        GeometryError: start and end have different shapes, or a kernel does not exist.
    """
    if start.shape != end.shape:
        raise GeometryError(f"kernels of shape {start.shape} and {end.shape}: start and end must be of one layer")
    places = list(range(len(end))) if chosen is None else list(chosen)
    if not places or any(not 0 <= place < len(end) for place in places):
        raise GeometryError(f"kernels {places}: the layer has kernels 0 to {len(end) - 1}")
    panels = {"at the start": start, "after training": end, "difference": end - start}
    limit = float(np.quantile(np.abs(np.stack(list(panels.values()))), 0.998))
    columns = min(COLUMNS, len(places))
    rows = -(-len(places) // columns)
    sheet = Sheet(11.0, 11.0 / 3 * rows / columns + 1.0)
    for axes, (name, weights) in zip(sheet.grid(1, 3)[0], panels.items(), strict=True):
        axes.imshow(_lay_out(_tiles(weights[places]), limit, columns), interpolation="nearest")
        axes.set_title(name, fontsize=10, fontweight="normal")
        clean_axes(axes, ticks=False)
    sheet.suptitle(f"{title}: one scale, ±{limit:.3g}, gray is 0", fontsize=11)
    sheet.supxlabel(caption, fontsize=8.5)
    return sheet


def draw_kernel_pairs(
    first: np.ndarray, second: np.ndarray, correlations: Sequence[float], *, names: tuple[str, str], columns: int = 12
) -> Figure:
    """Matched kernels of two networks, one above the other, all on one scale, with their correlation.

    Args:
        first, second: [n, in, k, k], the n-th of the one matched with the n-th of the other.
        names: what the two networks are called.
    """
    limit = float(np.quantile(np.abs(np.concatenate([first, second])), 0.998))
    columns = min(columns, len(first))
    rows = -(-len(first) // columns)
    sheet = Sheet(0.85 * columns + 0.6, 1.95 * rows + 0.8)
    grid = sheet.grid(rows, columns)
    cells: list[Axes] = [axes for row in grid for axes in row]
    for axes in cells:
        clean_axes(axes, ticks=False)
    for axes, one, other, correlation in zip(cells, _tiles(first), _tiles(second), correlations, strict=False):
        both = np.concatenate([_rgb(one, limit), np.ones((GAP, one.shape[-1], 3)), _rgb(other, limit)])
        axes.imshow(both, interpolation="nearest")
        axes.set_xlabel(f"{correlation:.2f}", fontsize=7, labelpad=1)
    sheet.suptitle(f"above: {names[0]}, below: {names[1]}; best matches first, one scale, ±{limit:.3g}", fontsize=10)
    return sheet


def film_frames(
    weights: np.ndarray, epochs: Sequence[int], *, title: str, chosen: Sequence[int] | None = None
) -> Iterator[Figure]:
    """One sheet of kernels for each moment of a training, all on the scale of the last one.

    Args:
        weights: [moment, out, in, k, k]. epochs: epochs done at each moment. chosen: kernels to show; by default all.
    """
    limit = float(np.quantile(np.abs(_tiles(weights[-1])), 0.998))
    for epoch, kernels in zip(epochs, weights, strict=True):
        moment = "before training" if epoch == 0 else f"after epoch {epoch} of {epochs[-1]}"
        yield draw_kernels(kernels, title=f"{title}, {moment}", limit=limit, chosen=chosen)


def _tiles(weights: np.ndarray) -> np.ndarray:
    """[n, 3, k, k] as they are, others by their mean over the input maps, [n, k, k]."""
    return weights if weights.shape[1] == 3 else weights.mean(1)


def _rgb(tile: np.ndarray, limit: float) -> np.ndarray:
    image = kernel_image(tile, limit)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)


def _lay_out(tiles: np.ndarray, limit: float, columns: int) -> np.ndarray:
    """Kernels in rows with clear lines between them, [height, width, 4]: red, green, blue, opacity."""
    side, rows = tiles.shape[-1], -(-len(tiles) // columns)
    sheet = np.ones((rows * (side + GAP) - GAP, columns * (side + GAP) - GAP, 4))
    sheet[..., 3] = 0.0
    for place, tile in enumerate(tiles):
        top, left = (place // columns) * (side + GAP), (place % columns) * (side + GAP)
        sheet[top : top + side, left : left + side, :3] = _rgb(tile, limit)
        sheet[top : top + side, left : left + side, 3] = 1.0
    return sheet
