"""`alexnet train`: a folder of images in, a trained network and its report out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import Corrections, Data, Json, Processes, RecipeFile, Settings, choose_recipe, corrected
from alexnet.cli.plan_table import show_plan
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import show_evaluation
from alexnet.cli.screen import percent, screen

if TYPE_CHECKING:
    from alexnet import Run

__all__ = ["finish", "train"]


def train(
    data: Data,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Named recipe: {presets}.",
            show_default="fast, or finetune with --weights",
        ),
    ] = None,
    recipe_file: RecipeFile = None,
    settings: Settings = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Start from `imagenet`, a weight file, a run folder or RUN@EPOCH.", show_default=False),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder to write.", show_default="a new folder in runs")
    ] = None,
    corrections: Corrections = None,
    processes: Processes = 1,
    plan: Annotated[bool, typer.Option("--plan", help="Estimate time, memory and disk; do not train.")] = False,
    as_json: Json = False,
) -> None:
    """Train on a folder of images, test, and write a report.

    Ctrl-C saves the state; `alexnet resume RUN` continues.
    """
    name = preset or ("finetune" if weights else "fast")
    recipe = choose_recipe(name, recipe_file, settings, weights=weights, epochs=epochs, seed=seed)
    folder = corrected(data, corrections)
    with ProgressDisplay() as display:
        if plan:
            if out is not None:
                require_free(out)
            if processes > 1:
                screen.note(f"timed with one process, not with {processes}")
            screen.note("counting images, timing a few steps on random images and the decoding of some files ...")
            show_plan(alexnet.plan_training(folder, recipe, on_event=display))
            return
        run = alexnet.train(folder, recipe, out=out, processes=processes, on_event=display)
    finish(run)


def require_free(out: Path) -> None:
    """Refuse a run folder that training would refuse."""
    from alexnet.run_folder import RunFolder

    RunFolder(out.expanduser()).require_free()


def finish(run: "Run") -> None:
    """Write the report of a finished run and show its scores; of several processes, the first one does."""
    if not alexnet.is_first_process():
        return
    try:
        page = alexnet.write_report(run)
    except KeyboardInterrupt:
        screen.note(f"the training is finished; `alexnet report {run.path}` writes its page")
        raise
    show_evaluation(run.evaluation)
    rows = [(s.name, s.num_images, percent(s.recall), percent(s.precision)) for s in run.evaluation.per_class]
    screen.table(["class", "images", "recall", "precision"], rows, right=(1, 2, 3))
    screen.print(f"report: {page}")
    screen.print_json(run.summary() | {"report": str(page), "seconds": screen.seconds})
