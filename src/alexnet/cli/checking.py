"""`alexnet model check`: whether a network can be expected to train with a recipe on a folder of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet.cli.options import Json
from alexnet.cli.show import TrainingScreen, percent, screen
from alexnet.errors import RecipeError
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe, load_recipe, parse_settings

if TYPE_CHECKING:
    from alexnet.training.trainability import Trainability

__all__ = ["check"]


def check(
    variant: Annotated[
        str, typer.Argument(metavar="VARIANT", help="A network, or `auto` for the recipe's.", show_default=False)
    ],
    data: Annotated[Path, typer.Option(help="Folder, .tar or .zip of class folders.", show_default=False)],
    recipe: Annotated[str, typer.Option(help="A preset's name, or a TOML file.")] = "fast",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one field; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether a network will train: one batch forward and backward, and what every layer makes of it."""
    from alexnet.training.recipe_check import check_recipe

    chosen = parse_settings(_recipe(recipe, variant), settings or [])
    if chosen.variant == "auto" and chosen.weights is None:
        raise RecipeError(f"recipe {recipe} starts from weights: name a VARIANT, or give --set weights=FILE")
    with TrainingScreen(screen) as listener:
        found = check_recipe(data, chosen, on_event=listener)
    _show(found)
    screen.give({"variant": chosen.variant, "recipe": chosen.name, "data": str(data)} | found.to_dict())


def _recipe(name: str, variant: str) -> Recipe:
    """The recipe that is meant, with the variant that is asked for."""
    if name in PRESETS:
        recipe = PRESETS[name]
    elif Path(name).suffix == ".toml" or Path(name).exists():
        recipe = load_recipe(Path(name), base=PRESETS["fast"])
    else:
        raise RecipeError(f"--recipe {name}: no such preset or file; choose one of {', '.join(PRESETS)}")
    return recipe if variant == "auto" else recipe.replace(variant=variant)


def _show(found: "Trainability") -> None:
    rows = [
        (layer.layer, f"{layer.scale:.3g}", percent(layer.variation), f"{layer.relative_gradient:.2g}",
         f"{layer.relative_update:.2g}", percent(layer.dead))
        for layer in found.layers
    ]  # fmt: skip
    header = ["layer", "scale", "differs between images", "gradient / weights", "update / weights", "dead units"]
    screen.table(header, rows, right=range(1, 6))
    screen.say(f"first loss {found.loss:.3f}; blind guessing {found.chance:.3f}")
    needed = f"about {found.steps_needed:,.0f}" if found.steps_needed < 1e6 else "more than a million"
    screen.say(f"steps before the loss falls: {needed}, of {found.steps:,.0f}")
    if found.sharpness:
        screen.say(f"rate x curvature: {found.sharpness:.2g}, limit {found.sharpness_limit:.2g}")
    if found.verdict == "trains":
        late = found.steps_needed > found.steps
        screen.say("verdict: it may train, late: the estimate is a rough one" if late else "verdict: it trains")
    for finding in found.findings:
        screen.say(f"verdict: {finding.problem}")
        screen.say(f"  {finding.consequence}")
        screen.say(f"  {finding.advice}")
