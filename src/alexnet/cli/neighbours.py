"""`alexnet neighbours`: the training images most like given ones."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["neighbours"]


def neighbours(
    run: RunPath,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.", show_default=False)],
    layer: Annotated[str, typer.Option(help="Layer whose features are compared.")] = "fc7",
    most: Annotated[int, typer.Option("--most", "-k", min=1, help="Neighbors of each image.")] = 5,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Where the training images are now, or other images to search.",
            show_default="the run's training images",
        ),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Find the training images most like an image.

    -o draws each image in a row with its neighbors, like the paper's Figure 4; labels that differ from the prediction
    are red, with a cross.
    """
    with ProgressDisplay() as progress:
        results = alexnet.neighbours(
            run, images, layer=layer, k=most, data=data, on_progress=progress.count("looking")
        )
    for similar in results:
        for note in similar.notes:
            screen.note(note)
        flag = "; its neighbors disagree" if similar.disagree else ""
        screen.print(f"{similar.file}: predicted {similar.prediction.predicted}{flag}")
        rows = [(near.file, near.label, f"{near.distance:.3g}") for near in similar.neighbours]
        screen.table(["training image", "label", "distance"], rows, right=(2,))
    values = {"run": str(run), "layer": layer, "images": [similar.to_dict() for similar in results]}
    if out is None:
        screen.print_json(values)
    else:
        screen.print_figure(alexnet.save_figure(alexnet.draw_neighbors(results), out), values)
