"""`alexnet kernels`: the learned kernels."""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Only, Out, RunPath, parse_numbers
from alexnet.cli.screen import screen
from alexnet.errors import RecipeError

__all__ = ["kernels"]


def kernels(
    run: RunPath,
    layer: Annotated[str, typer.Option(help="conv1 to conv5.")] = "conv1",
    scale: Annotated[str, typer.Option(help="`common` to all kernels, or each its `own`.")] = "common",
    only: Only = None,
    channel: Annotated[int | None, typer.Option(help="Show only this input map.", show_default=False)] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw the learned kernels of a convolutional layer."""
    if scale not in ("common", "own"):
        raise RecipeError(f"--scale {scale}: choose common or own")
    learned = alexnet.kernels(run, layer)
    figure = learned.draw(scale=scale, chosen=parse_numbers(only), channel=channel)  # type: ignore[arg-type]
    path = alexnet.save_figure(figure, out or run / "figures" / f"kernels-{layer}.png")
    values = {"run": str(run), "layer": layer, "shape": list(learned.weights.shape), "scale": scale}
    screen.print_figure(path, values)
