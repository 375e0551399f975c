"""`alexnet retrain`: train a run again on corrected labels, and see what changed."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import show_reviewed
from alexnet.cli.screen import screen

__all__ = ["retrain"]


def retrain(
    run: RunPath,
    corrections: Annotated[
        Path, typer.Option("--corrections", metavar="FILE", help="Corrections of labels.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder to write.", show_default="RUN-corrected")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Train the whole recipe, not the last layer alone.")] = False,
    as_json: Json = False,
) -> None:
    """Train a run again on corrected labels, and compare.

    By default only the last layer is new, on features that are computed once. The test error is stated as labeled and
    with the reviewed labels, before and after, with the images that are fixed and broken.
    """
    with ProgressDisplay() as display:
        result = alexnet.retrain(
            run, corrections, out=out, whole=whole, on_event=display, on_progress=display.count("looking")
        )
    for name, score in ((result.before, result.reviewed_before), (result.after, result.reviewed_after)):
        screen.print(f"test error of {name}:")
        show_reviewed(score)
    screen.print(str(result.difference))
    for word, files in (("fixed", result.difference.fixed), ("broken", result.difference.broken)):
        for file in files:
            screen.print(f"{word}: {file}")
    screen.print(f"written: {result.after} ({result.seconds:.0f} s)")
    screen.print_json(result.to_dict())
