"""`alexnet why`: which part of an image supports a class, and whether that map means anything."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.progress import EXPLAINING, ProgressDisplay
from alexnet.cli.screen import percent, screen

__all__ = ["why"]


def why(
    run: RunPath,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.", show_default=False)],
    target: Annotated[
        str | None, typer.Option("--class", help="Explain this class.", show_default="the predicted one")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Also another class: why the one rather than the other, and the reverse.", show_default=False
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="grad-cam, hires-cam, occlusion, integrated-gradients, guided-backprop or deconvolution."),
    ] = "grad-cam",
    layer: Annotated[
        str | None,
        typer.Option(
            help="Layer for grad-cam and hires-cam.",
            show_default="the last convolutional one; for hires-cam the first",
        ),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Show which part of an image supports a class.

    Every heat map is tested: the image is covered part by part in the map's order, in random orders and from the
    center outward, and the same map is computed with random weights.
    """
    with ProgressDisplay() as progress:
        explanations = alexnet.explain(
            run,
            images,
            target=target,
            method=method,
            layer=layer,
            against=against,
            on_progress=progress.count(EXPLAINING),
        )
    for explanation in explanations:
        predicted = f"{explanation.prediction.predicted} {percent(explanation.prediction.probability)}"
        heat = explanation.map
        target = heat.target + (f" rather than {heat.against}" if heat.against else "")
        screen.print(f"{explanation.file}: {predicted}; for {target}: {explanation.test}")
    for warning in dict.fromkeys(each.map.warning for each in explanations if each.map.warning):
        screen.note(f"warning: {warning}")
    figure = alexnet.draw_explanations(explanations)
    path = alexnet.save_figure(figure, out or alexnet.open_run(run).folder.figure_path(f"why-{images[0].stem}.png"))
    screen.print_figure(path, {"run": str(run), "maps": [explanation.to_dict() for explanation in explanations]})
