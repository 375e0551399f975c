"""Results that are written as a page or as a figure, by the ending of the path."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import alexnet
from alexnet.cli.screen import screen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PageOrFigure", "write_page_or_figure"]

PageOrFigure = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="A page (.html) or a figure (.png, .svg, .pdf).", show_default=False),
]


def write_page_or_figure(
    run: Path,
    stem: str,
    out: Path | None,
    *,
    write_page: Callable[[Path], object],
    draw: Callable[[], "Figure"],
    values: Mapping[str, Any],
) -> None:
    """Write `out`, or without it a page and a figure into the run; `--json` gets the last path with the values.

    Args:
        stem: name of the page and the figure in the run, without ending.
    """
    folder = alexnet.open_run(run).folder
    for path in [out] if out else [folder.figure_path(f"{stem}.html"), folder.figure_path(f"{stem}.png")]:
        if path.suffix.lower() in (".html", ".htm"):
            write_page(path)
        else:
            alexnet.save_figure(draw(), path)
        screen.print(f"written: {path}")
    screen.print_json({"run": str(run), "figure": str(path)} | dict(values))
