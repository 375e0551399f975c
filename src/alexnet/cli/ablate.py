"""`alexnet ablate`: the test error without a unit."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.progress import SWEEP, ProgressDisplay
from alexnet.cli.screen import percent, screen

__all__ = ["ablate"]


def ablate(
    run: RunPath,
    layer: Annotated[str, typer.Argument(metavar="LAYER", help="A layer with weights.")] = "conv1",
    off: Annotated[
        str | None,
        typer.Option(help="Switch off these units together, for example conv1/5,conv1/9.", show_default=False),
    ] = None,
    by: Annotated[
        str, typer.Option(help="What a unit gives instead: `zero`, or its `mean` over training images.")
    ] = "zero",
    data: Annotated[
        Path | None, typer.Option(help="Other images to test on.", show_default="the run's test images")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure the test error with each unit switched off."""
    if off is not None:
        one = alexnet.ablate_units(run, alexnet.parse_units(off), by=by, data=data)
        low, high = one.interval
        screen.print(
            f"without {one.unit}: test error {percent(one.error)}, {100 * one.difference:+.1f} percentage points "
            f"(95 % interval {100 * low:+.1f} to {100 * high:+.1f}); {one.num_broken} broken, {one.num_fixed} fixed"
        )
        screen.print_json({"run": str(run)} | one.to_dict())
        return
    with ProgressDisplay() as progress:
        result = alexnet.ablate(run, layer, by=by, data=data, on_progress=progress.count(SWEEP))
    rows = [
        (unit.unit, percent(unit.error), f"{100 * unit.difference:+.1f}", unit.worst_class or "")
        for unit in sorted(result.units, key=lambda unit: -unit.difference)[:12]
    ]
    screen.table(["without", "test error", "points", "suffers most"], rows, right=(1, 2))
    path = alexnet.save_figure(
        result.draw(), out or alexnet.open_run(run).folder.figure_path(f"ablation-{layer}.png")
    )
    screen.print_figure(path, {"run": str(run)} | result.to_dict())
