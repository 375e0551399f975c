"""`alexnet report`: the report of a run."""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.screen import screen

__all__ = ["report"]


def report(
    run: RunPath,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also heat maps, neighbors, patches of units, a map of images and calibration."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the report and the figures of a finished run again."""
    if everything:
        screen.note("looking at all images of the run ...")
    page = alexnet.write_report(run, everything=everything)
    screen.print(f"report: {page}")
    screen.print_json(alexnet.open_run(run).summary() | {"report": str(page)})
