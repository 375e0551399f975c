"""`alexnet unit`: what excites one unit."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import percent, screen

__all__ = ["unit"]


def unit(
    run: RunPath,
    address: Annotated[
        str, typer.Argument(metavar="UNIT", help="LAYER/NUMBER, for example conv3/217.", show_default=False)
    ],
    data: Annotated[
        Path | None, typer.Option(help="Other images to look at.", show_default="the run's training images")
    ] = None,
    most: Annotated[int, typer.Option("--most", "-k", min=1, max=24, help="Patches in each strip.")] = 8,
    synthesize: Annotated[
        bool, typer.Option("--synthesize", help="Also make an image that excites the unit, by gradient ascent.")
    ] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Show the patches that excite a unit most.

    They are cut to what the unit sees, and come from the run's own images. The first call looks at all units of all
    convolutional layers; the next ones only read what it kept.
    """
    with ProgressDisplay() as progress:
        view = alexnet.unit(
            run, address, data=data, most=most, synthesized=synthesize, on_progress=progress.count("looking")
        )
    for note in view.notes:
        screen.note(note)
    screen.print(view.title)
    rows = [
        (_fraction(patch.activation, view.maximum), f"{patch.activation:.4g}", patch.label, patch.file)
        for strip in view.strips
        for patch in strip.patches[:3]
    ]
    if rows:
        screen.table(["of the maximum", "activation", "class", "image"], rows, right=(0, 1))
    elif not synthesize:
        screen.note("--synthesize adds an image made by gradient ascent, which needs no others")
    if view.classes:
        most_frequent = ", ".join(f"{each.name} {percent(each.fraction)}" for each in view.classes[:3])
        screen.print(f"the strongest images: {most_frequent}")
    name = f"unit-{view.address.layer}-{view.address.number}.png"
    path = alexnet.save_figure(view.draw(), out or alexnet.open_run(run).folder.figure_path(name))
    screen.print_figure(path, {"run": str(run)} | view.to_dict())


def _fraction(activation: float, largest: float) -> str:
    """How much of the largest activation it is; nothing to say of a unit that is positive nowhere."""
    return f"{100 * activation / largest:.0f} %" if largest > 0.0 else "-"
