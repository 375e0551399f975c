"""`alexnet inside`: one image followed through the network."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.page_or_figure import PageOrFigure, write_page_or_figure
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["inside"]


def inside(
    run: RunPath,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)],
    maps: Annotated[int, typer.Option(min=1, max=8, help="Strongest maps shown of each layer.")] = 3,
    data: Annotated[
        Path | None, typer.Option(help="Images to take patches from.", show_default="the run's training images")
    ] = None,
    out: PageOrFigure = None,
    as_json: Json = False,
) -> None:
    """Follow one image from its pixels to the decision.

    Without -o, a page and a figure are written into the run.
    """
    with ProgressDisplay() as progress:
        view = alexnet.inside(run, image, data=data, num_maps=maps, on_progress=progress.count("looking"))
    for note in view.notes:
        screen.note(note)
    screen.print(view.title)
    decision = view.path.decision
    rows = [
        (push.unit, f"{push.activation:.3g}", f"{push.contribution:+.3g}", name)
        for name, pushes in (
            (decision.winner, decision.towards_winner),
            (decision.runner_up, decision.towards_runner_up),
        )
        for push in pushes
    ]
    screen.table(["unit", "activation", "contribution", "towards"], rows, right=(1, 2))
    write_page_or_figure(
        run,
        f"inside-{image.stem}",
        out,
        write_page=lambda path: alexnet.write_inside_page(view, path, run=run),
        draw=view.draw,
        values=view.to_dict(),
    )
