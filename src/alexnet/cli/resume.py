"""`alexnet resume`: continue a training."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Processes, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.train import finish

__all__ = ["resume"]


def resume(
    run: RunPath,
    data: Annotated[
        Path | None, typer.Option(help="Where the images are now, if they were moved.", show_default=False)
    ] = None,
    processes: Processes = 1,
    as_json: Json = False,
) -> None:
    """Continue an unfinished training from its last saved state."""
    with ProgressDisplay() as display:
        finished = alexnet.resume(run, data=data, processes=processes, on_event=display)
    finish(finished)
