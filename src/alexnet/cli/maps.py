"""`alexnet maps`: the feature maps of a layer."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Only, Out, RunPath, parse_units_of
from alexnet.cli.screen import screen
from alexnet.errors import RecipeError

__all__ = ["maps"]


def maps(
    run: RunPath,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)],
    layer: Annotated[str, typer.Option(help="conv1 to pool5.")] = "conv1",
    only: Only = None,
    every: Annotated[bool, typer.Option("--all", help="Draw every map of the layer.")] = False,
    stride: Annotated[
        int | None,
        typer.Option(help="Px between two outputs of conv1; 1 gives the finest map.", show_default="the network's"),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Enlarge the image to this side in px, for finer maps of deeper layers.",
            show_default="the network's",
        ),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw feature maps of an image.

    Image, kernel and map are drawn side by side, for the three maps with the largest activations or for those that
    --only names; where an activation follows the layer, the map is drawn before and after it.
    """
    chosen = parse_units_of(layer, only)
    if every and chosen is not None:
        raise RecipeError("--all and --only: choose one of them")
    layer_maps = alexnet.feature_maps(run, image, layer, stride=stride, size=size)
    shown = layer_maps.strongest(3) if chosen is None else chosen
    figure = layer_maps.draw_all() if every else layer_maps.draw(shown)
    grid = f"-stride{stride}" if stride else f"-{size}px" if size else ""
    default = alexnet.open_run(run).folder.figure_path(f"maps-{layer}{grid}-{image.stem}.png")
    path = alexnet.save_figure(figure, out or default)
    shape = list(layer_maps.before.shape)
    screen.print_figure(path, {"run": str(run), "layer": layer, "shape": shape, "shown": "all" if every else shown})
