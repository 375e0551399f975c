"""`alexnet mistakes`: the wrongly classified test images."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.screen import number_of, percent, screen

__all__ = ["mistakes"]


def mistakes(
    run: RunPath,
    order: Annotated[
        str, typer.Option(help="`confidence`: most certain first; `pair`: by true and predicted class.")
    ] = "confidence",
    export: Annotated[Path | None, typer.Option(help="Copy the images into this folder.", show_default=False)] = None,
    most: Annotated[int, typer.Option(min=1, max=600, help="Largest number of images in the figure.")] = 24,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """List, draw or copy the wrongly classified test images."""
    wrong = alexnet.mistakes(run, order=order)  # type: ignore[arg-type]  # it is checked there
    rows = [(p.file, p.true, p.predicted, percent(p.probability)) for p in wrong]
    screen.table(["file", "true", "predicted", "probability"], rows, right=(3,))
    if export is not None:
        copies = wrong.export(export)
        screen.print(f"{number_of(len(copies), 'image')} copied to {export}")
    if out is None:
        screen.print_json(wrong.to_dict())
    else:
        screen.print_figure(alexnet.save_figure(wrong.draw(most), out), wrong.to_dict())
