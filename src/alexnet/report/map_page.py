"""The map of a run's images as one page: zoom, point at an image, select by a lasso, export the names."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.report.page import image_uri
from alexnet.report.write_page import write_page
from alexnet.runs.map_images import ImageMap
from alexnet.web import component, page_data, style

__all__ = ["write_image_map"]

SHEET_PIXELS = 16_000_000
"""Pixels of the sheet of thumbnails, at most."""

TILE_SIZES = (12, 64)
"""Side of a thumbnail in px, smallest and largest."""


def write_image_map(maps: Sequence[ImageMap] | ImageMap, path: Path | str) -> Path:
    """Write a page of one map, or of several of the same images between which one chooses; returns its path.

    Args:
        maps: of the same images.
        path: of the page, `.html`.

    Raises:
        RunError: the page cannot be written.

    >>> write_image_map(alexnet.map_images("runs/first", method="pca"), "map.html").name
    'map.html'
    """
    maps = [maps] if isinstance(maps, ImageMap) else list(maps)
    first = maps[0]
    classes = sorted({*first.labels, *first.predicted})
    number = {name: place for place, name in enumerate(classes)}
    sheet, size, columns = _thumbnails(first)
    data = {
        "views": [{"name": _name(each), "points": _rounded(each.places)} for each in maps],
        "classes": classes,
        "labels": [number[name] for name in first.labels],
        "predicted": [number[name] for name in first.predicted],
        "files": list(first.files),
        "neighbors": first.neighbors.tolist(),
        "tiles": {"source": str(image_uri(sheet)), "size": size, "columns": columns},
    }
    values = {
        "title": "Map of images",
        "summary": first.title,
        "command": "alexnet map RUN -o map.html",
        "style": style(),
        "component": component("image-map"),
        "data": page_data(json.dumps(data)),
    }
    return write_page(Path(path), "map.html.j2", values)


def _name(image_map: ImageMap) -> str:
    return f"{'t-SNE' if image_map.method == 'tsne' else 'PCA'} of {image_map.layer}"


def _rounded(places: np.ndarray) -> list[list[float]]:
    """Places in thousandths of the map's width, which keeps the page small."""
    span = max(float(np.ptp(places, axis=0).max()), 1e-12)
    scaled = np.round(1000 * (places - places.min(0)) / span, 2)
    return [[float(x), float(y)] for x, y in scaled]


def _thumbnails(image_map: ImageMap) -> tuple[np.ndarray, int, int]:
    """Every image on one sheet, the side of a tile, and the tiles in a row."""
    count = len(image_map.files)
    size = int(min(max(math.isqrt(SHEET_PIXELS // max(count, 1)), TILE_SIZES[0]), TILE_SIZES[1]))
    columns = max(1, math.ceil(math.sqrt(count)))
    sheet = np.zeros((size * math.ceil(count / columns), size * columns, 3), np.uint8)
    for row in range(count):
        small = Image.fromarray(image_map.thumbnail(row)).resize((size, size), Image.Resampling.BILINEAR)
        down, across = divmod(row, columns)
        sheet[down * size : (down + 1) * size, across * size : (across + 1) * size] = np.asarray(small)
    return sheet, size, columns
