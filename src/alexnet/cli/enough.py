"""`alexnet enough`: what would more images be worth?"""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import (
    Corrections,
    Csv,
    Data,
    Json,
    Out,
    Preset,
    Settings,
    choose_recipe,
    corrected,
    write_results,
)
from alexnet.cli.plan_table import show_seconds
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import interval_text
from alexnet.cli.screen import percent, screen

__all__ = ["enough"]


def enough(
    data: Data,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings for each size.")] = 1,
    preset: Preset = "fast",
    settings: Settings = None,
    corrections: Corrections = None,
    plan: Annotated[bool, typer.Option("--plan", help="Estimate the time; do not train.")] = False,
    csv: Csv = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure what more images would be worth.

    Trains on an eighth, a quarter, half and all of the training images, about twice the time of one training for
    each seed. Ctrl-C keeps what is done; the same command continues.
    """
    recipe = choose_recipe(preset, None, settings)
    folder = corrected(data, corrections)
    if plan:
        show_seconds(alexnet.plan_enough(folder, recipe=recipe, num_seeds=seeds))
        return
    with ProgressDisplay() as display:
        result = alexnet.enough(folder, recipe=recipe, num_seeds=seeds, on_event=display)
    rows = [(s.num_images, percent(s.top1_error), interval_text(s.interval)) for s in result.sizes]
    screen.table(["training images", "test error", "95 % interval"], rows, right=(0, 1, 2))
    screen.print(str(result.curve))
    for curve in result.classes:
        screen.print(str(curve))
    write_results(result, csv, out)
    values = result.to_dict()
    values["sentences"] = [str(curve) for curve in (result.curve, *result.classes)]
    screen.print_json(values)
