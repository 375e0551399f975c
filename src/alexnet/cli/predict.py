"""`alexnet predict`: classify images."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.screen import percent, screen
from alexnet.errors import DataError

__all__ = ["predict"]


def predict(
    run: RunPath,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="Image files, folders or archives of images.", show_default=False),
    ],
    top: Annotated[int, typer.Option(min=1, max=5, help="Number of classes for each image.")] = 3,
    as_json: Json = False,
) -> None:
    """Classify images."""
    predictions = alexnet.predict(run, images, skip_unreadable=True)
    rows = [(p.file, ", ".join(f"{name} {percent(probability)}" for name, probability in p.top[:top]))
            for p in predictions]  # fmt: skip
    screen.table(["image", "classes"], rows)
    screen.print_json({"run": str(run)} | predictions.to_dict(top=top))
    if predictions.unreadable:
        raise DataError("; ".join(map(str, predictions.unreadable)))
