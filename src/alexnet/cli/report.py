"""`alexnet report`: the report of a run."""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, MovedTo, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["report"]


def report(
    run: RunPath,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also heat maps, neighbors, patches of units, a map of images, calibration, and one image followed "
            "through the network and edited.",
        ),
    ] = False,
    data: MovedTo = None,
    as_json: Json = False,
) -> None:
    """Write the report and the figures of a finished run again."""
    with ProgressDisplay() as progress:
        page = alexnet.write_report(run, everything=everything, data=data, on_progress=progress.count("looking"))
    screen.print(f"report: {page}")
    screen.print_json(alexnet.open_run(run).summary() | {"report": str(page)})
