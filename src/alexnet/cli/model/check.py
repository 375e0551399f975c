"""`alexnet model check`: whether a network can be expected to train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import (
    Corrections,
    Json,
    Preset,
    RecipeFile,
    Settings,
    choose_recipe,
    corrected,
    count_corrections,
)
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import percent, screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet.training.trainability import Trainability

__all__ = ["check"]


def check(
    variant: Annotated[
        str, typer.Argument(metavar="NAME", help="A network, or `auto` for that of the recipe.", show_default=False)
    ],
    data: Annotated[Path, typer.Option(help="A folder of images, as for training.", show_default=False)],
    preset: Preset = "fast",
    recipe_file: RecipeFile = None,
    settings: Settings = None,
    corrections: Corrections = None,
    as_json: Json = False,
) -> None:
    """Check with one batch whether a network will train.

    One batch is passed forward and backward. For each layer, the table shows what decides whether it learns.
    """
    chosen = choose_recipe(preset, recipe_file, settings, variant=None if variant == "auto" else variant)
    if chosen.variant == "auto" and chosen.weights is None:
        raise RecipeError(
            f"recipe {chosen.name}: takes its network from its weights; name a network instead of auto, or add "
            "--set weights=FILE"
        )
    folder = corrected(data, corrections)
    with ProgressDisplay() as display:
        trainability = alexnet.check_recipe(folder, chosen, on_event=display)
    _show(trainability)
    about = {"variant": chosen.variant, "recipe": chosen.name, "data": str(data)}
    screen.print_json(about | trainability.to_dict() | count_corrections(folder))


def _show(result: "Trainability") -> None:
    rows = [
        (layer.layer, f"{layer.scale:.3g}", percent(layer.variation), f"{layer.relative_gradient:.2g}",
         f"{layer.relative_update:.2g}", percent(layer.dead))
        for layer in result.layers
    ]  # fmt: skip
    header = ["layer", "scale", "std between images", "gradient / weights", "update / weights", "dead units"]
    screen.table(header, rows, right=range(1, 6))
    screen.print(f"first loss {result.loss:.3f}; guessing {result.chance:.3f}")
    needed = f"about {result.steps_needed:,.0f}" if result.steps_needed < 1e6 else "more than a million"
    screen.print(f"steps before the loss falls: {needed}, of {result.steps:,.0f}")
    if result.sharpness:
        screen.print(f"learning rate x curvature: {result.sharpness:.2g}, limit {result.sharpness_limit:.2g}")
    if result.verdict == "trains":
        is_late = result.steps_needed > result.steps
        screen.print(f"verdict: {'it may train, but late; the estimate is rough' if is_late else 'it trains'}")
    for finding in result.findings:
        screen.print(f"verdict: {finding.problem}")
        screen.print(f"  {finding.consequence}")
        screen.print(f"  {finding.advice}")
