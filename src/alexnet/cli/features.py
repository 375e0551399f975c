"""`alexnet features`: the features of every image."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["features"]


def features(
    run: RunPath,
    layer: Annotated[str, typer.Option(help="Any layer, for example fc7 or pool5.")] = "fc7",
    data: Annotated[
        Path | None,
        typer.Option(help="Where the run's images are now, or other images.", show_default="the run's images"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, .npz.")] = Path("features.npz"),
    as_json: Json = False,
) -> None:
    """Save the features of every image of a run."""
    with ProgressDisplay() as progress:
        table = alexnet.features(run, layer, data=data, on_progress=progress.count("looking"))
    for note in table.notes:
        screen.note(note)
    path = table.save(out)
    count, size = table.values.shape
    screen.print(f"written: {path}, {count} images of {size} features")
    screen.print_json(table.to_dict() | {"run": str(run), "file": str(path)})
