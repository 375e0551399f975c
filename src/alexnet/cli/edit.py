"""`alexnet edit`: where the network stops recognizing an image."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.screen import screen

__all__ = ["edit"]


def edit(
    run: RunPath,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)],
    change: Annotated[
        list[str] | None,
        typer.Option(
            help="cover, shift-x, shift-y, turn, crop, scale, brightness, contrast, saturation or hue; repeatable.",
            show_default="all",
        ),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Change an image until it is no longer recognized."""
    edited = alexnet.edit(run, image, change or None)
    for note in edited.notes:
        screen.note(note)
    screen.print(edited.title)
    for curve in edited.curves:
        screen.print(str(curve))
    default = alexnet.open_run(run).folder.figure_path(f"edit-{image.stem}.png")
    path = alexnet.save_figure(edited.draw(), out or default)
    screen.print_figure(path, {"run": str(run)} | edited.to_dict())
