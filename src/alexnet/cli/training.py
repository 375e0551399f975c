"""Commands that train, test and predict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alexnet.cli.options import Json, RunPath
from alexnet.cli.show import TrainingScreen, percent, screen
from alexnet.errors import RecipeError, RunError
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe, load_recipe, parse_settings
from alexnet.runs import RunFolder

if TYPE_CHECKING:
    from alexnet.records import Evaluation
    from alexnet.results import Run

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
    epochs: Annotated[int | None, typer.Option(help="Passes over the pictures.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Start of everything random.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder.", show_default="runs/...")] = None,
    go_on: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Train on a folder of pictures; test, and write all there is to see into the run folder."""
    named = {"weights": weights, "epochs": epochs, "seed": seed}
    plain = not (recipe_file or settings or preset or any(v is not None for v in named.values()))
    name = preset or ("finetune" if weights else "fast")
    recipe = None if go_on and plain else _choose_recipe(name, recipe_file, settings or [], named)
    if go_on and out is None:
        raise RunError("--resume: say which run with --out, or use `alexnet resume RUN`")
    _train(data, recipe, out, go_on=go_on)


def resume(run: RunPath, as_json: Json = False) -> None:
    """Go on with an unfinished run, on the pictures that it was begun with."""
    about = RunFolder.open(run).about
    _train(Path(about["data"]["path"]), None, run, go_on=True)


def _train(data: Path, recipe: Recipe | None, out: Path | None, *, go_on: bool) -> None:
    from alexnet.report.page import write_report
    from alexnet.training.train import free_run_path
    from alexnet.training.train import train as train_network

    out = out or free_run_path(data, recipe or PRESETS["fast"])
    try:
        with TrainingScreen(screen) as listener:
            run = train_network(data, recipe, out=out, resume=go_on, on_event=listener)
    except KeyboardInterrupt:
        if RunFolder(out).holds_state:
            screen.note(f"saved; go on with: alexnet resume {out}", style="default")
        raise
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
        f"{evaluation.num_mistakes} of {evaluation.num_pictures} pictures wrong"
    )


def _show_result(run: "Run") -> None:
    evaluation = run.evaluation
    _show_score(evaluation)
    rows = [(s.name, s.num_pictures, percent(s.recall), percent(s.precision)) for s in evaluation.per_class]
    screen.table(["class", "pictures", "recall", "precision"], rows, right=(1, 2, 3))


def evaluate(
    run: RunPath,
    data: Annotated[
        Path | None,
        typer.Option(help="Other pictures to test on; the run's own if not given.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Test a finished run again, in eval mode, every picture counted."""
    from alexnet.results import open_run
    from alexnet.retest import retest

    opened = open_run(run)
    result = retest(opened, data)
    _show_score(result.evaluation)
    if result.num_left_out:
        screen.note(f"{result.num_left_out} files left out: of classes that the network does not know, or unusable")
    screen.give(
        {"run": str(run), "data": str(result.data)}
        | result.evaluation.to_dict()
        | {"num_left_out": result.num_left_out, "seconds": screen.seconds}
    )


def predict(
    run: RunPath,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURES...", show_default=False)],
    top: Annotated[int, typer.Option(min=1, max=5, help="Classes to name for each picture.")] = 3,
    as_json: Json = False,
) -> None:
    """Say what pictures show."""
    from alexnet.results import open_run

    predictions = open_run(run).predict(pictures)
    rows = [
        (
            prediction.file,
            ", ".join(f"{name} {percent(probability)}" for name, probability in prediction.top[:top]),
        )
        for prediction in predictions
    ]
    screen.table(["picture", "classes"], rows)
    listed = [p.to_dict() | {"top": [list(pair) for pair in p.top[:top]]} for p in predictions]
    screen.give({"run": str(run), "predictions": listed})
