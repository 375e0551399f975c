"""`alexnet convolve teach`: from the definition to a photograph, on one page."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import screen

__all__ = ["teach"]


def teach(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="IMAGE", help="A photograph, JPEG or PNG.", show_default="a drawn image"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write, .html.")] = Path("convolution.html"),
    as_json: Json = False,
) -> None:
    """Write a page that explains convolution, for a lesson."""
    path = alexnet.write_teaching_page(out, image)
    screen.print(f"written: {path}")
    screen.print_json({"page": str(path)})
