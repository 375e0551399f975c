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
    count_corrections,
    write_results,
)
from alexnet.cli.plan_table import show_seconds
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import interval_text
from alexnet.cli.screen import percent, screen

__all__ = ["enough"]


def enough(
    data: Data,
    seeds: Annotated[int, typer.Option(min=1, help="Number of trainings for each size, each with its own seed.")] = 1,
    more: Annotated[
        int | None,
        typer.Option(
            min=1, help="Also predict the gain from this many more images of every class.", show_default=False
        ),
    ] = None,
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="NAME",
            show_default=False,
            help="Also measure what images of this class alone are worth, by training with half of them.",
        ),
    ] = None,
    preset: Preset = "fast",
    settings: Settings = None,
    corrections: Corrections = None,
    plan: Annotated[bool, typer.Option("--plan", help="Estimate the time; do not train.")] = False,
    csv: Csv = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure what more images would be worth.

    Networks are trained on an eighth, a quarter, half and all of the training images, and tested on the same images.
    For each seed this takes about twice as long as one training. All classes grow together, so what is printed for a
    class assumes more images of every class. Ctrl-C keeps what is done; the same command continues.
    """
    recipe = choose_recipe(preset, None, settings)
    folder = corrected(data, corrections)
    if plan:
        show_seconds(alexnet.plan_enough(folder, recipe=recipe, num_seeds=seeds, class_name=class_name))
        return
    with ProgressDisplay() as display:
        result = alexnet.enough(
            folder, recipe=recipe, num_seeds=seeds, more=more, class_name=class_name, on_event=display
        )
    rows = [(s.num_images, percent(s.top1_error), interval_text(s.interval)) for s in result.sizes]
    screen.table(["training images", "test error", "95 % interval"], rows, right=(0, 1, 2))
    for sentence in result.sentences:
        screen.print(sentence)
    write_results(result, csv, out)
    screen.print_json(result.to_dict() | count_corrections(folder))
