"""`alexnet data thousand`: practice images of up to a thousand classes."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["thousand"]


def thousand(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.", show_default=False)],
    classes: Annotated[int, typer.Option(min=2, max=1000, help="Number of classes.")] = 1000,
    train: Annotated[int, typer.Option(min=1, help="Training images of each class.")] = 20,
    test: Annotated[int, typer.Option(min=1, help="Test images of each class.")] = 5,
    size: Annotated[int, typer.Option(min=32, max=512, help="Side of the images, px.")] = 96,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw practice images of up to 1000 classes.

    Shapes, textures and colors, drawn by this program, in folders named like those of ImageNet (ILSVRC).
    """
    with ProgressDisplay() as display:
        alexnet.draw_thousand_classes(
            directory, num_classes=classes, num_train=train, num_test=test, size=size, seed=seed,
            on_progress=display.count("drawing"),
        )  # fmt: skip
    screen.print(f"{classes} classes of {train} training and {test} test images, drawn: {directory}")
    counts = {"train": classes * train, "test": classes * test}
    screen.print_json({"path": str(directory), **counts, "classes": alexnet.thousand_classes(classes)})
