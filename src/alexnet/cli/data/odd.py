"""`alexnet data odd`: images that are unlike the others."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Corrections, Csv, Data, Json, corrected
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import number_of, screen

__all__ = ["odd"]


def odd(
    data: Data,
    run: Annotated[
        Path | None,
        typer.Option(help="Run whose features are compared; colors and edges without.", show_default=False),
    ] = None,
    layer: Annotated[str, typer.Option(help="Layer whose features are compared.")] = "fc7",
    every: Annotated[bool, typer.Option("--all", help="Odd among all images, not in their class.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Images to show, at most.")] = 12,
    corrections: Corrections = None,
    csv: Csv = None,
    as_json: Json = False,
) -> None:
    """Rank images by their distance from others of their class.

    The distance is the mean of those to the five nearest. With `--run`, it is that of a network's features; without,
    of colors and edges, which finds blank images, drawings and documents, but not what only a network sees.
    """
    folder = corrected(data, corrections)
    with ProgressDisplay() as display:
        result = alexnet.odd_images(folder, model=run, layer=layer, on_event=display)
    if every:
        rows = [(each.file, each.label, each.among_all, each.nearest) for each in result.among_all()]
        title, usual = "distance", result.usual_among_all
    else:
        rows = [(each.file, each.label, each.in_class, each.nearest_in_class) for each in result.images]
        title, usual = "distance in its class", result.usual_in_class
    screen.table(["file", "label", title, "nearest of them"], rows[:most], right=(2,))
    screen.print(f"{number_of(len(result.images), 'image')} by {result.by}; a usual distance is {usual}")
    if csv is not None:
        screen.print(f"written: {result.save_csv(csv)}")
    screen.print_json(result.to_dict() | {"run": None if run is None else str(run)})
