"""Commands that train, test and predict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alexnet.cli.options import Json, RunPath
from alexnet.cli.planning import show_plan
from alexnet.cli.show import TrainingScreen, percent, screen
from alexnet.errors import DataError, RecipeError
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe, load_recipe, parse_settings
from alexnet.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from alexnet.records import Evaluation
    from alexnet.runs.run import Run
    from alexnet.training.events import Listener

__all__ = ["evaluate", "predict", "resume", "train"]

Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="Folder, .tar or .zip of class folders.", show_default=False)
]


def train(
    data: Data,
    preset: Annotated[
        str | None,
        typer.Option(help=f"Named recipe: {', '.join(PRESETS)}.", show_default="fast; with --weights finetune"),
    ] = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", help="TOML file over the preset.", show_default=False)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change one field; may be repeated."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Start from `imagenet`, a weight file or a run folder.", show_default=False),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the images.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Start of everything random.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder.", show_default="runs/...")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what it would take, and train nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Train on a folder of images; test, and write all there is to see into the run folder."""
    named = {"weights": weights, "epochs": epochs, "seed": seed}
    name = preset or ("finetune" if weights else "fast")
    recipe = _choose_recipe(name, recipe_file, settings or [], named)
    if plan:
        return show_plan(data, recipe)
    from alexnet.training.train import free_run_path
    from alexnet.training.train import train as train_network

    out = out or free_run_path(data, recipe)
    return _run_training(out, lambda listener: train_network(data, recipe, out=out, on_event=listener))


def resume(run: RunPath, as_json: Json = False) -> None:
    """Go on with an unfinished run, on the images that it was begun with."""
    from alexnet.training.train import resume as resume_training

    _run_training(run, lambda listener: resume_training(run, on_event=listener))


def _run_training(out: Path, start: "Callable[[Listener], Run]") -> None:
    try:
        with TrainingScreen(screen) as listener:
            run = start(listener)
    except KeyboardInterrupt:
        if RunFolder(out).holds_state:
            screen.note(f"saved; go on with: alexnet resume {out}", style="default")
        raise
    from alexnet.report.page import write_report  # here: what draws is no part of the way to the first step

    page = write_report(run)
    _show_result(run)
    screen.say(f"report: {page}")
    screen.give(run.summary() | {"report": str(page), "seconds": screen.seconds})


def _choose_recipe(preset: str, file: Path | None, settings: list[str], named: dict[str, Any]) -> Recipe:
    if preset not in PRESETS:
        raise RecipeError(f"preset {preset}: no such recipe; choose one of {', '.join(PRESETS)}")
    recipe = load_recipe(file, base=PRESETS[preset]) if file else PRESETS[preset]
    recipe = recipe.replace(**{field: value for field, value in named.items() if value is not None})
    return parse_settings(recipe, settings)


def _show_score(evaluation: "Evaluation") -> None:
    low, high = evaluation.top1_interval
    screen.say(
        f"test error {percent(evaluation.top1_error)} (95 % interval {percent(low)} to {percent(high)}): "
        f"{evaluation.num_mistakes} of {evaluation.num_images} images wrong"
    )


Row = tuple[str, str, str, str]
"""Name, top-1 error, its interval, top-5 error."""


def _interval(shares: tuple[float, float]) -> str:
    return f"{percent(shares[0])} to {percent(shares[1])}"


def _score_row(name: str, evaluation: "Evaluation") -> Row:
    top1, top5 = percent(evaluation.top1_error), percent(evaluation.top5_error)
    return name, top1, _interval(evaluation.top1_interval), top5


def _show_scores(what: str, rows: list[Row]) -> None:
    """A table of tests; without top-5 errors where there are too few classes."""
    header = [what, "top-1 error", "95 % interval", "top-5 error"]
    width = 4 if any(row[3] != percent(None) for row in rows) else 3
    screen.table(header[:width], [row[:width] for row in rows], right=(1, 2, 3)[: width - 1])


def _show_result(run: "Run") -> None:
    evaluation = run.evaluation
    _show_score(evaluation)
    rows = [(s.name, s.num_images, percent(s.recall), percent(s.precision)) for s in evaluation.per_class]
    screen.table(["class", "images", "recall", "precision"], rows, right=(1, 2, 3))


def evaluate(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run folders; several are also tested together.", show_default=False),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Other images to test on; the run's own if not given.", show_default=False),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            help="Look at each image so: `centre`, `mirror` (both ways), `ten_crop`; `all` compares them.",
            show_default="the run's own",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Test finished runs again, in eval mode, every image counted; of several, also their mean probabilities."""
    from alexnet.runs.run import open_run

    opened = [open_run(path) for path in runs]
    if views == "all":
        _evaluate_views(opened, data)
    elif len(opened) > 1:
        _evaluate_together(opened, data, views)
    else:
        _evaluate_one(opened[0], data, views)


def _evaluate_one(run: "Run", data: Path | None, views: str | None) -> None:
    from alexnet.runs.evaluate_runs import evaluate as evaluate_run

    result = evaluate_run(run, data, views=views)
    _show_score(result.evaluation)
    if views is not None:
        screen.note(f"views: {result.evaluation.views}")
    _show_notes(result.notes, result.num_left_out)
    screen.give(
        {"run": str(run.path), "data": result.data}
        | result.evaluation.to_dict()
        | {"num_left_out": result.num_left_out, "notes": list(result.notes), "seconds": screen.seconds}
    )


def _evaluate_views(runs: "list[Run]", data: Path | None) -> None:
    from alexnet.runs.evaluate_runs import compare_views

    result = compare_views(runs, data)
    _show_scores("views", [_score_row(name, each.evaluation) for name, each in result.results.items()])
    for change in result.differences:
        points, low, high = (f"{100 * share:+.1f}" for share in (change.difference, *change.interval))
        screen.say(
            f"{change.after} - {change.before}: {points} percentage points (95 % interval {low} to {high}); "
            f"of {change.num_images} images {len(change.fixed)} fixed, {len(change.broken)} broken"
        )
    _show_notes(result.notes, result.num_left_out)
    screen.give(result.to_dict() | {"seconds": screen.seconds})


def _evaluate_together(runs: "list[Run]", data: Path | None, views: str | None) -> None:
    from alexnet.runs.evaluate_runs import evaluate_ensemble

    result = evaluate_ensemble(runs, data, views=views)
    rows = [_score_row(run, member) for run, member in zip(result.runs, result.members, strict=True)]
    rows.append((f"mean of the {len(runs)}", percent(result.mean_top1_error), "", percent(result.mean_top5_error)))
    rows.append(_score_row("together", result.evaluation))
    _show_scores("run", rows)
    if result.evaluation.top5_interval is not None:
        screen.say(f"top-5 error together: 95 % interval {_interval(result.evaluation.top5_interval)}")
    _show_notes(result.notes, result.num_left_out)
    values = result.to_dict()
    screen.give(values.pop("evaluation") | values | {"seconds": screen.seconds})


def _show_notes(notes: "tuple[str, ...]", num_left_out: int) -> None:
    for note in notes:
        screen.note(note)
    if num_left_out:
        screen.note(f"{num_left_out} files left out: of classes that the network does not know, or unusable")


def predict(
    run: RunPath,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", show_default=False)],
    top: Annotated[int, typer.Option(min=1, max=5, help="Classes to name for each image.")] = 3,
    as_json: Json = False,
) -> None:
    """Say what images show."""
    from alexnet.runs.run import open_run

    predictions = open_run(run).predict(images, skip_unreadable=True)
    rows = [
        (
            prediction.file,
            ", ".join(f"{name} {percent(probability)}" for name, probability in prediction.top[:top]),
        )
        for prediction in predictions
    ]
    screen.table(["image", "classes"], rows)
    screen.give({"run": str(run)} | predictions.to_dict(top=top))
    if predictions.unreadable:
        raise DataError("; ".join(map(str, predictions.unreadable)))
