"""`alexnet kernels`: the learned kernels."""

from pathlib import Path
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
    scale: Annotated[
        str, typer.Option(help="Color scale: `common` to all kernels, or each kernel's `own`.")
    ] = "common",
    only: Only = None,
    channel: Annotated[int | None, typer.Option(help="Show only this input channel.", show_default=False)] = None,
    show: Annotated[
        str, typer.Option(help="`kernels`; of conv1 also `change`, `kinds` (edges, bars, blobs) or `orientations`.")
    ] = "kernels",
    film: Annotated[
        Path | None, typer.Option(help="Write conv1 after every epoch: .html, .gif, .apng.", show_default=False)
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw the learned kernels of a convolutional layer."""
    if film is not None:
        history = alexnet.kernel_history(run)
        screen.print(str(history.summary()))
        return screen.print_figure(alexnet.write_kernel_film(run, film), {"run": str(run)} | history.to_dict())
    if show != "kernels":
        return _first_layer(run, layer, show, out)
    if scale not in ("common", "own"):
        raise RecipeError(f"--scale {scale}: choose common or own")
    learned = alexnet.kernels(run, layer)
    figure = learned.draw(scale=scale, chosen=parse_numbers(only), channel=channel)  # type: ignore[arg-type]
    path = alexnet.save_figure(figure, out or alexnet.open_run(run).folder.figure_path(f"kernels-{layer}.png"))
    values = {"run": str(run), "layer": layer, "shape": list(learned.weights.shape), "scale": scale}
    return screen.print_figure(path, values)


def _first_layer(run: Path, layer: str, show: str, out: Path | None) -> None:
    """What is known of the first layer alone: how it moved, and what its kernels detect."""
    draw = {
        "change": alexnet.draw_kernel_change,
        "kinds": alexnet.draw_first_layer,
        "orientations": alexnet.draw_orientations,
    }
    if show not in draw:
        raise RecipeError(f"--show {show}: choose kernels, {', '.join(draw)}")
    if layer != "conv1":
        raise RecipeError(f"--show {show}: is for the first layer; leave out --layer {layer}")
    values = alexnet.kernel_history(run).to_dict() if show == "change" else alexnet.kernel_statistics(run).to_dict()
    path = alexnet.save_figure(
        draw[show](run), out or alexnet.open_run(run).folder.figure_path(f"kernels-conv1-{show}.png")
    )
    screen.print_figure(path, {"run": str(run), "show": show} | values)
