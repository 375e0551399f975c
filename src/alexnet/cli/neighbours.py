"""`alexnet neighbours`: the training images most like given ones."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.screen import screen

__all__ = ["neighbours"]


def neighbours(
    run: RunPath,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.", show_default=False)],
    layer: Annotated[str, typer.Option(help="Layer whose features are compared.")] = "fc7",
    most: Annotated[int, typer.Option("--most", "-k", min=1, help="Neighbors of each image.")] = 5,
    as_json: Json = False,
) -> None:
    """Find the training images most like an image."""
    results = alexnet.neighbours(run, images, layer=layer, k=most)
    for similar in results:
        for note in similar.notes:
            screen.note(note)
        flag = "; its neighbors disagree" if similar.disagree else ""
        screen.print(f"{similar.file}: predicted {similar.prediction.predicted}{flag}")
        rows = [(near.file, near.label, f"{near.distance:.3g}") for near in similar.neighbours]
        screen.table(["training image", "label", "distance"], rows, right=(2,))
    screen.print_json({"run": str(run), "layer": layer, "images": [similar.to_dict() for similar in results]})
