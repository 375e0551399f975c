"""`alexnet convolve lab`: a page to try out convolutions on."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import screen

__all__ = ["lab"]


def lab(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="IMAGE", help="A photograph, JPEG or PNG.", show_default="a drawn image"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Also offer the first layer's kernels of this run.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write, .html.")] = Path("lab.html"),
    as_json: Json = False,
) -> None:
    """Write a page to edit image, kernel and settings on."""
    path = alexnet.write_convolution_lab(out, image, run=run)
    screen.print(f"written: {path}")
    screen.print_json({"page": str(path)})
