"""`alexnet retrain`: train a run again on corrected labels or on hard images, and see what changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import Csv, FigureFile, Json, MovedTo, RunPath, refuse_options, write_results
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import interval_text
from alexnet.cli.screen import number_of, percent, screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet.audit.retrained import Retrained
    from alexnet.evaluation.paired import PairedComparison
    from alexnet.records import Evaluation
    from alexnet.runs.run import Run

__all__ = ["retrain"]

LABELS = "as labeled", "reviewed labels"


def retrain(
    run: RunPath,
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--corrections", metavar="FILE", help="Corrections of labels to train with.", show_default=False
        ),
    ] = None,
    hard: Annotated[
        Path | None,
        typer.Option(
            "--hard",
            metavar="FOLDER",
            help="Folder of hard images: half move to its `train` and are trained on, half are tested on.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder to write.", show_default="RUN-corrected or RUN-hard"),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Train the whole network again, not only its last layer.")
    ] = False,
    data: MovedTo = None,
    csv: Csv = None,
    figure: FigureFile = None,
    as_json: Json = False,
) -> None:
    """Train a run again on corrected or hard images.

    By default only the last layer is trained again. Three networks are compared on the test images: the run as it is,
    a new last layer trained on the old labels, and one trained on the corrected labels. Only the corrections differ
    between the last two; the images that they fix and break are listed. Each test error, and each change with its
    paired interval, is given with the labels of the folder and with the corrected ones. With --whole, a new last
    layer is fitted beside the whole network, to compare error and time.

    With --hard, the error on the hard images that were not trained on and the test error are given before and after.
    """
    if (corrections is None) == (hard is None):
        raise RecipeError("retrain: give either --corrections FILE or --hard FOLDER")
    opened = alexnet.Run(alexnet.open_run(run).folder, data=data)
    if hard is not None:
        refuse_options("retrain: --hard takes no {options}; leave out {options}", whole=whole, csv=csv, figure=figure)
        _retrain_on_hard(opened, hard, out)
    elif corrections is not None:
        result = _retrain_on_corrections(opened, corrections, out, whole=whole)
        write_results(result, csv, figure)
        screen.print(f"written: {result.after} ({result.seconds:.0f} s)")
        screen.print_json(result.to_dict())


def _retrain_on_corrections(run: "Run", corrections: Path, out: Path | None, *, whole: bool) -> "Retrained":
    with ProgressDisplay() as display:
        result = alexnet.retrain(
            run, corrections, out=out, whole=whole, on_event=display, on_progress=display.count("looking")
        )
    _show_errors_of_networks(result)
    _show_what_corrections_do(result)
    return result


def _show_errors_of_networks(result: "Retrained") -> None:
    """A row for each network: its test errors and its time; then a row for each change."""
    times = result.times
    rows = [
        (
            name,
            _error_text(each.labeled_error, each.labeled_interval),
            _error_text(each.top1_error, each.top1_interval),
            "" if times[name] is None else f"{times[name]:.0f} s",
        )
        for name, each in result.errors.items()
    ]
    screen.table(["test error (95 % interval)", *LABELS, "trained in"], rows, right=(1, 2, 3))
    changes = [(name, *map(_change_text, pair)) for name, pair in result.changes.items()]
    screen.table(["change in points (paired 95 %)", *LABELS], changes, right=(1, 2))
    count = result.reviewed_after.num_reviewed
    if count:
        screen.print(f"{number_of(count, 'test image')} reviewed")
    else:
        screen.print("no correction is about a test image: the same with the reviewed labels")


def _change_text(change: "PairedComparison | None") -> str:
    if change is None:
        return ""
    low, high = change.interval
    return f"{100 * change.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _error_text(error: float, interval: tuple[float, float]) -> str:
    return f"{percent(error)} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


def _show_what_corrections_do(result: "Retrained") -> None:
    """The comparison that is about the corrections, or why there is none; and the files that they fix and break."""
    changed = number_of(result.num_changed, "image")
    if not result.num_changed:
        screen.print("no image to train on is corrected, so the corrections have not changed the training")
    elif result.whole:
        screen.print(f"{changed} to train on corrected; the whole network is compared without a control")
        if result.last_layer is not None:
            screen.print("a new last layer was fitted beside it, on the same labels, to compare the two")
    if result.by_corrections is not None:
        screen.print(f"{changed} to train on corrected; what that changed: {result.by_corrections}")
        screen.print(f"with the new kind of layer: {result.difference}")
    else:
        screen.print(str(result.difference))
    for word, files in (("fixed", result.fixed), ("broken", result.broken)):
        for file in files:
            screen.print(f"{word}: {file}")


def _retrain_on_hard(run: "Run", hard: Path, out: Path | None) -> None:
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
