"""`alexnet model diff`: every difference between two networks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import screen

if TYPE_CHECKING:
    from alexnet.model.differences import Difference, NetworkTotals

__all__ = ["diff"]

Side = Annotated[
    str, typer.Argument(metavar="NAME", help="A network, with or without changes: paper,lrn=divided,towers=false.")
]


def diff(first: Side, second: Side, as_json: Json = False) -> None:
    """Print every difference between two networks, with sources."""
    differences = alexnet.diff_variants(first, second)
    sides = differences.first, differences.second
    names = [side.name.replace(",", ", ") for side in sides]
    sources: dict[str, int] = {}
    screen.table(["network", "source"], zip(names, (side.source for side in sides), strict=True))
    for part in differences.parts:
        screen.print("")
        screen.table([part, "", *names], _lines(differences.of(part), sources))
    screen.print("" if differences.rows else f"{sides[0].name} and {sides[1].name}: no difference")
    screen.table(["totals, 1000 classes", *names], _totals(sides))
    if sources:
        screen.print("")
        screen.table(["", "source"], ((f"[{number}]", source) for source, number in sources.items()))
    screen.print_json(differences.to_dict())


def _totals(sides: "tuple[NetworkTotals, NetworkTotals]") -> Iterator[tuple[str, ...]]:
    """Rows: the totals of each network at its own published size."""
    yield ("image, px", *(str(side.size) for side in sides))
    yield ("parameters", *(f"{side.parameters:,}" for side in sides))
    yield ("multiply-adds", *(f"{side.multiply_adds:,}" for side in sides))
    yield ("feature maps, px", *(", ".join(f"{name} {px}" for name, px in side.maps.items()) for side in sides))


def _lines(rows: "tuple[Difference, ...]", sources: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """Rows of differences with numbered sources; `sources` gets those that it does not have yet."""
    layer = ""
    for row in rows:
        values = (row.shown_first, row.first_source), (row.shown_second, row.second_source)
        cells = (f"{value} [{sources.setdefault(source, len(sources) + 1)}]" for value, source in values)
        yield ("" if row.layer == layer else row.layer, row.field, *cells)
        layer = row.layer
