"""`alexnet data soccer`: practice images of eight classes."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["soccer"]


def soccer(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.", show_default=False)],
    train: Annotated[int, typer.Option(min=8, help="Number of training images.")] = 5000,
    test: Annotated[int, typer.Option(min=8, help="Number of test images.")] = 1200,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw practice images of eight classes.

    They show what a soccer robot sees, and are drawn by this program, not photographed.
    """
    with ProgressDisplay() as display:
        alexnet.draw_soccer_images(
            directory, num_train=train, num_test=test, seed=seed, on_progress=display.count("drawing")
        )
    screen.print(f"{train} training and {test} test images, drawn: {directory}")
    screen.print_json({"path": str(directory), "train": train, "test": test, "classes": list(alexnet.SOCCER_CLASSES)})
