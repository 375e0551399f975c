"""`alexnet doubts`: images that are probably mislabeled."""

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
)
from alexnet.cli.plan_table import show_seconds
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import interval_text
from alexnet.cli.screen import number_of, percent, screen

__all__ = ["doubts"]


def doubts(
    data: Data,
    method: Annotated[
        str,
        typer.Option(
            help="`features`: two networks, each trained on one half of the images and judging the other, in about "
            "the time of one training. `folds`: four networks, each judging the part that it was not trained on."
        ),
    ] = "features",
    folds: Annotated[
        int | None, typer.Option(help="Number of networks with `--method folds`, 2 to 10.", show_default="4")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Largest number of images to show.")] = 12,
    preset: Preset = "fast",
    settings: Settings = None,
    corrections: Corrections = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    plan: Annotated[bool, typer.Option("--plan", help="Estimate the time; do not train.")] = False,
    csv: Csv = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Rank images by how probably they are mislabeled.

    Every image is judged by a network that was not trained on it. Ctrl-C keeps what is done; the same command
    continues. Look at the images from the top of the list, and record decisions with `alexnet data correct`.
    """
    recipe = choose_recipe(preset, None, settings, seed=seed)
    folder = corrected(data, corrections)
    if plan:
        seconds = alexnet.plan_doubts(folder, method=method, num_folds=folds, recipe=recipe)
        show_seconds(seconds, method=method)
        return
    with ProgressDisplay() as display:
        result = alexnet.doubts(
            folder, method=method, num_folds=folds, recipe=recipe, seed=seed, announce_time=True, on_event=display
        )
    rows = [(d.file, d.label, d.suggested, f"{d.doubt:.3f}", ", ".join(n.label for n in d.neighbours))
            for d in result.doubts[:most]]  # fmt: skip
    screen.table(["file", "label", "suggested", "doubt", "labels of the nearest images"], rows, right=(3,))
    screen.print(f"of {number_of(result.num_images, 'image')} an estimated {percent(result.estimated_wrong)} are "
                 f"mislabeled (95 % interval {interval_text(result.interval)})")  # fmt: skip
    if result.expected:
        numbers = ", ".join(map(str, result.expected))
        screen.print(f"expected to be mislabeled (95 % interval): {numbers}")
    if not result.is_reliable:
        screen.note(
            f"warning: the networks agree with only {percent(result.agreement)} of the labels, so the list means "
            "little; add images, or train longer (--set epochs=...)", style="yellow",
        )  # fmt: skip
    if csv is not None:
        screen.print(f"written: {result.save_csv(csv)}")
    if out is not None:
        screen.print(f"written: {alexnet.save_figure(result.draw(most), out)}")
    screen.print_json(result.to_dict() | count_corrections(folder))
