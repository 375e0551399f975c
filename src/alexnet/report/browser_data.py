"""What the web components of a run's mistakes get, as plain data: pages inline it, the studio sends it."""

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from alexnet.data.decode import Pixels
from alexnet.files import shown_name
from alexnet.inspection.attribution import AttributionMap
from alexnet.records import Neighbour
from alexnet.report.shell_words import image_words, run_words
from alexnet.runs.mistake_details import MistakeDetail, MistakeDetails
from alexnet.runs.run import Run

__all__ = ["browser_data", "heat_data", "item_data", "thumbnail_sheet"]

HEAT_SIDE = 24
"""Cells a side of a heat map on a page; a Grad-CAM has fewer of its own."""

THUMBNAIL_SIDE = 48
"""Side of a neighbor on the sheet, px."""

NO_HEAT = "`alexnet report {run} --all` adds the heat map, its test, and the nearest training images."
NOT_TESTED = "This heat map was not tested: `alexnet why {run} {image}` does."

Source = Callable[[Pixels], str]


def browser_data(details: MistakeDetails, source: Source, *, run: Run | None = None) -> dict[str, Any]:
    """The data of `<mistakes-browser>`, see there.

    Args:
        source: gives the `src` of an image.
        run: whose mistakes they are, for the commands; without, these say RUN and IMAGE.
    """
    sheet, numbers = thumbnail_sheet(details.thumbnails)
    tiles = None
    if sheet is not None:
        rows, columns = sheet.shape[0] // THUMBNAIL_SIDE, sheet.shape[1] // THUMBNAIL_SIDE
        tiles = {"source": source(sheet), "size": THUMBNAIL_SIDE, "columns": columns, "rows": rows}
    return {
        "classes": [shown_name(name) for name in details.classes],
        "counts": [list(row) for row in details.confusion],
        "num_mistakes": details.num_mistakes,
        "tiles": tiles,
        "items": [item_data(detail, source(detail.image), numbers, run=run) for detail in details.details],
    }


def item_data(
    detail: MistakeDetail, source: str, numbers: Mapping[str, int], *, run: Run | None = None
) -> dict[str, Any]:
    """One image as `<mistake-detail>` gets it.

    Args:
        source: its `src`.
        numbers: of the thumbnails on the sheet, by file.
        run: see `browser_data`.
    """
    prediction = detail.prediction
    words = {"run": "RUN", "image": "IMAGE"}
    if run is not None:
        words = {"run": run_words(run), "image": image_words(run, prediction.file)}
    heat, note = None, NO_HEAT.format_map(words)
    if detail.heat_map is not None:
        heat = heat_data(detail.heat_map)
        if detail.test is None:
            note = NOT_TESTED.format_map(words)
        else:
            heat |= {"verdict": str(detail.test), "says_something": detail.test.says_something}
    return {
        "file": shown_name(prediction.file),
        "true": shown_name(str(prediction.true)),
        "predicted": shown_name(prediction.predicted),
        "probability": prediction.probability,
        "margin": prediction.margin,
        "loss": prediction.loss,
        "source": source,
        "probabilities": [round(value, 5) for value in detail.probabilities],
        "heat": heat,
        "heat_note": note,
        "neighbors": [_neighbor_data(one, numbers) for one in detail.neighbours],
    }


def heat_data(heat_map: AttributionMap) -> dict[str, Any]:
    """A heat map as a page draws it: its values as bytes, 255 for the largest."""
    small = np.asarray(Image.fromarray(heat_map.values).resize((HEAT_SIDE, HEAT_SIDE), Image.Resampling.BOX))
    largest = float(small.max())
    values = np.round(255 * small.clip(0) / largest if largest > 0 else np.zeros_like(small)).astype(np.uint8)
    return {
        "size": HEAT_SIDE,
        "values": base64.b64encode(values.tobytes()).decode("ascii"),
        "target": shown_name(heat_map.target),
        "layer": heat_map.layer or "the pixels",
    }


def _neighbor_data(neighbor: Neighbour, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "file": shown_name(neighbor.file),
        "label": shown_name(neighbor.label),
        "distance": round(neighbor.distance, 4),
        "tile": numbers.get(neighbor.file),
    }


def thumbnail_sheet(images: Mapping[str, Pixels]) -> tuple[Pixels | None, dict[str, int]]:
    """All images on one sheet, row by row, and the number of each; no sheet where there are no images."""
    if not images:
        return None, {}
    columns = math.ceil(math.sqrt(len(images)))
    side = THUMBNAIL_SIDE
    sheet = np.zeros((side * math.ceil(len(images) / columns), side * columns, 3), np.uint8)
    for number, pixels in enumerate(images.values()):
        down, across = divmod(number, columns)
        small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)
        sheet[down * side : (down + 1) * side, across * side : (across + 1) * side] = np.asarray(small)
    return sheet, {name: number for number, name in enumerate(images)}
