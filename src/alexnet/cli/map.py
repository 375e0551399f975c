"""`alexnet map`: every image of a run on a plane."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Csv, Json, RunPath
from alexnet.cli.page_or_figure import PageOrFigure, write_page_or_figure
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["map"]


def map(
    run: RunPath,
    layer: Annotated[str, typer.Option(help="Layer whose features are mapped.")] = "fc7",
    method: Annotated[
        str | None,
        typer.Option(
            help="tsne keeps near images near; pca needs no further package.", show_default="tsne if it is installed"
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Other images to map.", show_default="the run's images")] = None,
    out: PageOrFigure = None,
    csv: Csv = None,
    as_json: Json = False,
) -> None:
    """Draw all images of a run on a plane, like beside like.

    A page lets you zoom, point at an image and select images with a lasso; without -o, both the page and a figure are
    written into the run.
    """
    with ProgressDisplay() as progress:
        result = alexnet.map_images(run, layer=layer, method=method, data=data, on_progress=progress.count("looking"))
    for note in result.notes:
        screen.note(note)
    screen.print(result.title)
    if csv is not None:
        screen.print(f"written: {result.save_csv(csv)}")
    write_page_or_figure(
        run,
        f"map-{layer}",
        out,
        write_page=lambda path: alexnet.write_image_map(result, path, run=run),
        draw=result.draw,
        values=result.to_dict(),
    )
