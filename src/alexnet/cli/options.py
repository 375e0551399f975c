"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from alexnet.cli.show import screen

__all__ = ["Json", "Out", "RunPath"]


def _set_json(asked: bool) -> bool:
    screen.as_json = screen.as_json or asked
    return asked


Json = Annotated[bool, typer.Option("--json", callback=_set_json, help="Print one JSON object, nothing else.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write: .png, .svg, .pdf.", show_default=False)]
