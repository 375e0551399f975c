"""The image that Inside shows: one by name or a frame of the camera, changed by amounts, with parts covered."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import GeometryError
from alexnet.studio.answers import answer
from alexnet.studio.network_images import network_pixels

if TYPE_CHECKING:
    from alexnet.data.decode import Pixels
    from alexnet.runs.run import Run

__all__ = ["COVER_CELLS", "ROUTES", "change_and_cover", "shown_pixels"]

COVER_CELLS = 24
"""Cells a side in which parts of an image are covered."""

NOT_OFFERED = ("cover", "crop")
"""Changes that the page does not offer: its brush covers, and `scale` enlarges."""


def shown_pixels(request: Request, run: "Run") -> "Pixels":
    """The image that a request's query names, changed and covered as it says: uint8 [S, S, 3].

    Raises:
        NotHereError: there is no such image.
        GeometryError: an amount is none, or outside its range; or there is no such cell.
        DataError: the image cannot be used.
    """
    return change_and_cover(request, run, network_pixels(request, run, request.query_params.get("image", "")))[1]


def change_and_cover(request: Request, run: "Run", pixels: "Pixels") -> tuple["Pixels", "Pixels"]:
    """An image changed by the amounts of a request's query, `turn=20`, and the same with `cells=3,4` covered.

    Raises:
        GeometryError: an amount is none, or outside its range; or there is no such cell.
    """
    from alexnet.inspection.image_changes import CHANGES, apply_changes, mean_color

    query = request.query_params
    fill = mean_color(run.model.preprocessing)
    amounts = {name: _number(name, query[name]) for name in CHANGES if name in query}
    changed = apply_changes(pixels, amounts, fill=fill)
    return changed, _cover(changed, _cells(query.get("cells", "")), fill)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise GeometryError(f"{name} = {text[:40]}: write a number") from error


def _cells(text: str) -> set[int]:
    words = text.split(",") if text else []
    if not all(word.isascii() and word.isdecimal() and len(word) < 5 for word in words) or any(
        int(word) >= COVER_CELLS**2 for word in words
    ):
        raise GeometryError(f"cells: numbers from 0 to {COVER_CELLS**2 - 1} with commas between them")
    return {int(word) for word in words}


def _cover(pixels: "Pixels", cells: Collection[int], fill: tuple[int, int, int]) -> "Pixels":
    """A copy in which cells, numbered row by row, have one color."""
    import numpy as np

    mask = np.zeros((COVER_CELLS, COVER_CELLS), bool)
    mask.flat[list(cells)] = True
    places = np.arange(len(pixels)) * COVER_CELLS // len(pixels)
    covered = pixels.copy()
    covered[mask[places][:, places]] = fill
    return covered


def offered(_: Request) -> Response:
    """The changes that can be made: name, unit, what it does; its smallest, its largest and its neutral amount."""
    from alexnet.inspection.image_changes import CHANGES

    def described(name: str) -> dict[str, Any]:
        change = CHANGES[name]
        return {
            "name": name, "unit": change.unit, "about": change.about, "identity": change.identity,
            "least": change.amounts[0], "most": change.amounts[-1],
        }  # fmt: skip

    return answer({"changes": [described(name) for name in CHANGES if name not in NOT_OFFERED]})


ROUTES: list[BaseRoute] = [Route("/api/image-changes", offered)]
