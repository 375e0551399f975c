"""Results that are written as a page or as a figure, by the ending of the path."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import alexnet
from alexnet.cli.options import check_figure
from alexnet.cli.screen import screen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PageOrFigure", "print_written", "write_page_or_figure"]


def _check(path: Path | None) -> Path | None:
    return path if path is not None and _is_page(path) else check_figure(path)


PageOrFigure = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", callback=_check, help="A page (.html) or a figure (.png, .svg, .pdf).", show_default=False
    ),
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
    """Write `out`, or without it a page and a figure into the run; `--json` gets every path with the values.

    Args:
        stem: name of the page and the figure in the run, without ending.
    """
    folder = alexnet.open_run(run).folder
    paths = [out] if out else [folder.figure_path(f"{stem}.html"), folder.figure_path(f"{stem}.png")]
    for path in paths:
        if _is_page(path):
            write_page(path)
        else:
            alexnet.save_figure(draw(), path)
    print_written(paths, {"run": str(run)} | dict(values))


def print_written(paths: Iterable[Path], values: Mapping[str, Any]) -> None:
    """Say which files were written; `--json` gets the values with each path, as `page` or as `figure`."""
    written = {"page" if _is_page(path) else "figure": str(path) for path in paths}
    for path in written.values():
        screen.print(f"written: {path}")
    screen.print_json({**values, **written})


def _is_page(path: Path) -> bool:
    return path.suffix.lower() in (".html", ".htm")
