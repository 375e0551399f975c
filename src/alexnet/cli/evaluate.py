"""`alexnet evaluate`: test finished runs again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import Corrections, Json
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import Row, interval_text, score_row, show_evaluation, show_notes, show_reviewed, show_scores
from alexnet.cli.screen import percent, screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet.runs.twins import TwinScore

__all__ = ["evaluate"]


def evaluate(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Run folders; several are also averaged.", show_default=False),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Test on these images.", show_default="those of the training"),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            help="Average these crops of an image: `centre` or `center`, `mirror`, `ten_crop`; `all` compares them.",
            show_default="the run's own",
        ),
    ] = None,
    corrections: Corrections = None,
    twins: Annotated[
        bool,
        typer.Option(
            "--twins", help="Also report the error without test images that are near duplicates of training images."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Test finished runs again, one by one and averaged."""
    views = "centre" if views == "center" else views
    if twins and (views is not None or len(runs) > 1 or data is not None):
        raise RecipeError("--twins: goes with one run, on its own images; leave --data and --views out")
    if corrections is not None and (views == "all" or len(runs) > 1):
        raise RecipeError("--corrections: goes with one run and its views; give them one at a time")
    if views == "all":
        _compare_views(runs, data)
    elif len(runs) > 1:
        _evaluate_ensemble(runs, data, views)
    else:
        _evaluate_one(runs[0], data, views, corrections, twins=twins)


def _evaluate_one(run: Path, data: Path | None, views: str | None, corrections: Path | None, *, twins: bool) -> None:
    result = alexnet.evaluate(run, data, views=views, corrections=corrections)
    show_evaluation(result.evaluation)
    if result.reviewed is not None:
        show_reviewed(result.reviewed)
    score = _show_twins(run) if twins else None
    if views is not None:
        screen.note(f"views: {result.evaluation.views}")
    show_notes(result.notes, result.num_left_out)
    screen.print_json(
        {"run": str(run), "data": result.data}
        | result.evaluation.to_dict()
        | {
            "num_left_out": result.num_left_out,
            "notes": list(result.notes),
            "reviewed": result.to_dict()["reviewed"],
            "seconds": screen.seconds,
        }
        | ({} if score is None else {"twins": score.to_dict()})
    )


def _show_twins(run: Path) -> "TwinScore":
    with ProgressDisplay() as display:
        score = alexnet.evaluate_without_twins(run, on_progress=display.count("comparing"))
    screen.print(f"{len(score.twins)} of {score.num_images} test images are near duplicates of training images")
    if score.without_error is not None:
        screen.print(f"without them {percent(score.without_error)} ({interval_text(score.without_interval)})")
    return score


def _compare_views(runs: list[Path], data: Path | None) -> None:
    result = alexnet.compare_views(runs, data)
    show_scores("views", [score_row(name, each.evaluation) for name, each in result.results.items()])
    for difference in result.differences:
        screen.print(str(difference))
    show_notes(result.notes, result.num_left_out)
    screen.print_json(result.to_dict() | {"seconds": screen.seconds})


def _evaluate_ensemble(runs: list[Path], data: Path | None, views: str | None) -> None:
    result = alexnet.evaluate_ensemble(runs, data, views=views)
    rows: list[Row] = [score_row(run, member) for run, member in zip(result.runs, result.members, strict=True)]
    rows.append((f"mean of the {len(runs)}", percent(result.mean_top1_error), "", percent(result.mean_top5_error)))
    rows.append(score_row("averaged", result.evaluation))
    show_scores("run", rows)
    if result.evaluation.top5_interval is not None:
        screen.print(f"top-5 error, averaged: 95 % interval {interval_text(result.evaluation.top5_interval)}")
    show_notes(result.notes, result.num_left_out)
    values = result.to_dict()
    screen.print_json(values.pop("evaluation") | values | {"seconds": screen.seconds})
