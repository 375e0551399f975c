"""`alexnet data odd`: images that are unlike the others."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Corrections, Csv, Data, Json, Out, corrected, count_corrections
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import number_of, screen
from alexnet.errors import DataError

__all__ = ["odd"]


def odd(
    data: Data,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Compare the features of this run's network instead of colors and edges.", show_default=False
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Layer whose features are compared, with --run.", show_default="fc7")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Rank by the distance to all images, not only to those of the class.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, help="Largest number of images to show.")] = 12,
    corrections: Corrections = None,
    csv: Csv = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Rank images by their distance from others of their class.

    An image's distance is the mean of those to the five nearest images. With --run the features of a network are
    compared; without it colors and edges, which finds blank images, drawings and documents, but not what only a
    network recognizes.
    """
    if layer is not None and run is None:
        raise DataError("data odd: --layer is one of a run; give it as --run, or leave out --layer")
    folder = corrected(data, corrections, min_classes=1)
    with ProgressDisplay() as display:
        result = alexnet.odd_images(folder, model=run, layer=layer or "fc7", on_event=display)
    if every:
        rows = [(each.file, each.label, each.among_all, each.nearest) for each in result.among_all()]
        title, usual = "distance", result.usual_among_all
    else:
        rows = [(each.file, each.label, each.in_class, each.nearest_in_class) for each in result.images]
        title, usual = "distance in its class", result.usual_in_class
    screen.table(["file", "label", title, "nearest of them"], rows[:most], right=(2,))
    screen.print(f"{number_of(len(result.images), 'image')} by {result.by}; the median distance is {usual}")
    if csv is not None:
        screen.print(f"written: {result.save_csv(csv)}")
    if out is not None:
        screen.print(f"written: {alexnet.save_figure(result.draw(most, every=every), out)}")
    about = {"run": None if run is None else str(run)}
    screen.print_json(result.to_dict() | about | count_corrections(folder))
