"""`alexnet retrain`: train a run again on corrected labels or on hard images, and see what changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import interval_text, show_reviewed
from alexnet.cli.screen import percent, screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet.evaluation.paired import PairedComparison
    from alexnet.records import Evaluation

__all__ = ["retrain"]


def retrain(
    run: RunPath,
    corrections: Annotated[
        Path | None, typer.Option("--corrections", metavar="FILE", help="Corrections of labels.", show_default=False)
    ] = None,
    hard: Annotated[
        Path | None,
        typer.Option(
            "--hard",
            metavar="FOLDER",
            help="Hard images: half of them are moved to train/ and trained on, the others measure.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder to write.", show_default="RUN-corrected or RUN-hard"),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Train the whole recipe, not the last layer alone.")] = False,
    as_json: Json = False,
) -> None:
    """Train a run again on corrected or hard images.

    By default only the last layer is new, on features that are computed once. The test error is stated as labeled and
    with the reviewed labels, before and after, with the images that are fixed and broken. With --hard it is the error
    on the hard images that were not trained on, and the test error, before and after.
    """
    if (corrections is None) == (hard is None):
        raise RecipeError("retrain: give either --corrections FILE or --hard FOLDER")
    if hard is not None and whole:
        raise RecipeError("--whole: goes with --corrections; leave it out")
    if hard is not None:
        _retrain_on_hard(run, hard, out)
    elif corrections is not None:
        _retrain_on_corrections(run, corrections, out, whole=whole)


def _retrain_on_corrections(run: Path, corrections: Path, out: Path | None, *, whole: bool) -> None:
    with ProgressDisplay() as display:
        result = alexnet.retrain(
            run, corrections, out=out, whole=whole, on_event=display, on_progress=display.count("looking")
        )
    for name, score in ((result.before, result.reviewed_before), (result.after, result.reviewed_after)):
        screen.print(f"test error of {name}:")
        show_reviewed(score)
    _show_change(result.difference)
    screen.print(f"written: {result.after} ({result.seconds:.0f} s)")
    screen.print_json(result.to_dict())


def _retrain_on_hard(run: Path, hard: Path, out: Path | None) -> None:
    with ProgressDisplay() as display:
        result = alexnet.retrain_on_hard(run, hard, out=out, on_progress=display.count("looking"))
    count = result.hard_after.num_images
    screen.print(f"{result.num_trained} hard images were trained on; error on the other {count}:")
    _show_errors(
        {"before": result.hard_before, "new layer without them": result.hard_control, "after": result.hard_after}
    )
    _show_change(result.gain)
    screen.print(str(result.alone))
    screen.print(f"test error, {result.test_after.num_images} images:")
    _show_errors({"before": result.test_before, "after": result.test_after})
    screen.print(str(result.test))
    screen.print(f"written: {result.after} ({result.seconds:.0f} s)")
    screen.print_json(result.to_dict())


def _show_errors(evaluations: dict[str, "Evaluation"]) -> None:
    for name, each in evaluations.items():
        screen.print(f"  {name}: {percent(each.top1_error)} (95 % interval {interval_text(each.top1_interval)})")


def _show_change(difference: "PairedComparison") -> None:
    screen.print(str(difference))
    for word, files in (("fixed", difference.fixed), ("broken", difference.broken)):
        for file in files:
            screen.print(f"{word}: {file}")
