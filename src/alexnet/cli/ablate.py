"""`alexnet ablate`: the test error without a unit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.progress import SWEEP, ProgressDisplay
from alexnet.cli.screen import number_of, percent, screen
from alexnet.errors import RecipeError, RunError
from alexnet.files import listed_names

if TYPE_CHECKING:
    from alexnet.runs.ablation_results import Ablation, ImageAblation, JointAblation, UnitAblation

__all__ = ["ablate"]

MOST_ROWS, MOST_NAMED = 12, 20
CHANGE = "change, percentage points"


def ablate(
    run: RunPath,
    layer: Annotated[
        str | None, typer.Argument(metavar="LAYER", help="A layer with weights.", show_default="conv1")
    ] = None,
    off: Annotated[
        str | None,
        typer.Option(
            help="Switch off these units and layers together, for example conv1/5,conv3.", show_default=False
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="With --off: compare the probabilities of this image.", show_default=False),
    ] = None,
    by: Annotated[
        str, typer.Option(help="Replace the output of a unit by `zero`, or by its `mean` over training images.")
    ] = "zero",
    data: Annotated[
        Path | None, typer.Option(help="Other images to test on.", show_default="the run's test images")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure the test error with each unit switched off.

    With --off, units and whole layers are switched off together, of any layers or of LAYER.
    """
    _check(layer, off, image, data)
    layer = layer or "conv1"
    with ProgressDisplay() as progress:
        result: Ablation | JointAblation | ImageAblation
        if image is not None:
            result = alexnet.ablate_on_image(run, image, off or "", by=by)
            _print_image(result)
        elif off is not None:
            result = alexnet.ablate_units(run, off, by=by, data=data, on_progress=progress.count(SWEEP))
            _print_joint(run, result, is_own=data is None)
        else:
            result = alexnet.ablate(run, layer, by=by, data=data, on_progress=progress.count(SWEEP))
            _print_sweep(run, result, is_own=data is None)
            _keep(run, result, is_own=data is None)
    name = f"ablation-{layer}" if off is None else f"without-{off}" + (f"-{image.stem}" if image else "")
    path = alexnet.save_figure(result.draw(), out or alexnet.open_run(run).folder.figure_path(f"{name}.png"))
    screen.print_figure(path, {"run": str(run)} | result.to_dict())


def _check(layer: str | None, off: str | None, image: Path | None, data: Path | None) -> None:
    if off is not None and layer is not None and any(each.strip().split("/")[0] != layer for each in off.split(",")):
        raise RecipeError(f"--off {off}: are not all of the layer {layer}; leave LAYER out to switch off any units")
    if image is not None and off is None:
        raise RecipeError(f"--image {image}: say what to switch off, for example --off conv1/5,conv3")
    if image is not None and data is not None:
        raise RecipeError("--data: has no effect with --image, which looks at one image; leave one of them out")


def _print_image(result: "ImageAblation") -> None:
    screen.print(
        f"{result.file}: {result.predicted_before} with all units, {result.predicted_after} without {result.unit} "
        f"({result.views})"
    )
    rows = [
        (result.classes[k], percent(result.before[k]), percent(result.after[k]),
         f"{100 * (result.after[k] - result.before[k]):+.1f}")
        for k in result.strongest(MOST_ROWS)
    ]  # fmt: skip
    screen.table(["class", "with all units", "without", CHANGE], rows, right=(1, 2, 3))


def _print_joint(run: Path, result: "JointAblation", *, is_own: bool) -> None:
    low, high = result.interval
    screen.print(
        f"without {result.unit}: test error {percent(result.error)}, {100 * result.difference:+.1f} percentage "
        f"points (95 % interval {100 * low:+.1f} to {100 * high:+.1f}); {result.num_broken} broken, "
        f"{result.num_fixed} fixed"
    )
    screen.print(_tested_by(run, result, is_own=is_own))
    rows = [
        (each.name, f"{each.num_images:,}", percent(each.recall - each.difference), percent(each.recall),
         f"{100 * each.difference:+.1f}")
        for each in result.classes[:MOST_NAMED]
    ]  # fmt: skip
    if rows:
        screen.table(["class", "images", "recall with all", "without", CHANGE], rows, right=(1, 2, 3, 4))
    for word, files in (("broken", result.broken), ("fixed", result.fixed)):
        if files:
            screen.print(f"{word}: {listed_names(files, most=MOST_NAMED)}")


def _print_sweep(run: Path, result: "Ablation", *, is_own: bool) -> None:
    rows = [
        (unit.unit, percent(unit.error), f"{100 * unit.difference:+.1f}", _suffering(unit))
        for unit in sorted(result.units, key=lambda unit: -unit.difference)[:MOST_ROWS]
    ]
    screen.table(["without", "test error", CHANGE, "classes that suffer"], rows, right=(1, 2))
    named = [f"{result.layer}/{number}" for number in result.dead]
    screen.print(f"dead: {listed_names(named, most=MOST_NAMED) or 'none'}")
    pairs = [f"{result.layer}/{first} = {result.layer}/{second}" for first, second in result.duplicates]
    screen.print(
        f"duplicates: {listed_names(pairs, most=MOST_NAMED) or 'none'}"
        + (" (kernels, whatever their biases)" if pairs else "")
    )
    screen.print(_tested_by(run, result, is_own=is_own))


def _keep(run: Path, result: "Ablation", *, is_own: bool) -> None:
    """For the run's report."""
    if is_own:
        try:
            alexnet.keep_ablation(run, result)
        except RunError as error:
            screen.note(f"not kept for the report: {error}")


def _tested_by(run: Path, result: "Ablation | JointAblation", *, is_own: bool) -> str:
    """The error with all units and how it was measured; and the run's, where that was by other views."""
    evaluation = alexnet.open_run(run).evaluation
    own = f"; the run's test error, {percent(evaluation.top1_error)}, is by {evaluation.views}"
    return (
        f"with all units: test error {percent(result.baseline_error)} "
        f"({number_of(result.num_images, 'image')}, {result.views})"
        + (own if is_own and evaluation.views != result.views else "")
    )


def _suffering(unit: "UnitAblation") -> str:
    """The classes whose recall falls most, with the change in percentage points."""
    classes = unit.suffering
    named = ", ".join(f"{each.name} {100 * each.difference:+.1f}" for each in classes[:3])
    return named + (f" and {len(classes) - 3} more" if len(classes) > 3 else "")
