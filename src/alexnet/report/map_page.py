"""The map of a run's images as one page: zoom, point at an image, select with a lasso, export the names."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from alexnet.files import shown_name
from alexnet.report.component_page import write_component_page
from alexnet.report.image_sources import image_uri
from alexnet.runs.map_images import ImageMap

__all__ = ["map_data", "write_image_map"]

SHEET_PIXELS = 16_000_000
"""Pixels of the sheet of thumbnails, at most."""

TILE_SIZES = (12, 64)
"""Side of a thumbnail in px, smallest and largest."""


HOW = (
    "Each point is an image, a cross marks one that is classified wrongly. Scroll or pinch to zoom, drag to move; "
    "press L (or hold Shift) to draw a lasso."
)


def write_image_map(maps: Sequence[ImageMap] | ImageMap, path: Path | str, *, run: Path | str = "RUN") -> Path:
    """Write a page with a map of images, or with several of the same images to choose from; returns its path.

    Args:
        maps: of the same images.
        path: of the page, `.html`.
        run: the run's folder, as the command on the page names it.

    Raises:
        RunError: the page cannot be written.

    >>> write_image_map(alexnet.map_images("runs/first", method="pca"), "map.html").name
    'map.html'
    """
    maps = [maps] if isinstance(maps, ImageMap) else list(maps)
    return write_component_page(
        path,
        "image-map",
        map_data(maps),
        title="Map of images",
        summary=f"{maps[0].title}. {HOW}",
        command=f"alexnet map {shlex.quote(shown_name(run))} --layer {maps[0].layer} --method {maps[0].method} "
        "-o map.html",
    )


def map_data(maps: Sequence[ImageMap], *, sheet_pixels: int = SHEET_PIXELS) -> dict[str, Any]:
    """The data of `<image-map>`, see there.

    Args:
        maps: of the same images.
        sheet_pixels: of the sheet of thumbnails, at most.
    """
    first = maps[0]
    classes = sorted({*first.labels, *first.predicted})
    number = {name: place for place, name in enumerate(classes)}
    sheet, size, columns = _thumbnails(first, sheet_pixels)
    return {
        "views": [{"name": _name(each), "points": _rounded(each.places)} for each in maps],
        "classes": classes,
        "unknown": [number[name] for name in classes if name not in first.classes],
        "labels": [number[name] for name in first.labels],
        "predicted": [number[name] for name in first.predicted],
        "files": list(first.files),
        "neighbors": first.neighbors.tolist(),
        "tiles": {"source": str(image_uri(sheet)), "size": size, "columns": columns},
    }


def _name(image_map: ImageMap) -> str:
    return f"{'t-SNE' if image_map.method == 'tsne' else 'PCA'} of {image_map.layer}"


def _rounded(places: np.ndarray) -> list[list[float]]:
    """Places in thousandths of the map's width, which keeps the page small."""
    span = max(float(np.ptp(places, axis=0).max()), 1e-12)
    scaled = np.round(1000 * (places - places.min(0)) / span, 2)
    return [[float(x), float(y)] for x, y in scaled]


def _thumbnails(image_map: ImageMap, sheet_pixels: int) -> tuple[np.ndarray, int, int]:
    """Every image on one sheet, the side of a tile, and the tiles in a row."""
    count = len(image_map.files)
    size = int(min(max(math.isqrt(sheet_pixels // max(count, 1)), TILE_SIZES[0]), TILE_SIZES[1]))
    columns = max(1, math.ceil(math.sqrt(count)))
    sheet = np.zeros((size * math.ceil(count / columns), size * columns, 3), np.uint8)
    for row in range(count):
        small = Image.fromarray(image_map.thumbnail(row)).resize((size, size), Image.Resampling.BILINEAR)
        down, across = divmod(row, columns)
        sheet[down * size : (down + 1) * size, across * size : (across + 1) * size] = np.asarray(small)
    return sheet, size, columns
