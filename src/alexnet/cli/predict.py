"""`alexnet predict`: classify images."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import number_of, percent, screen
from alexnet.errors import DataError

__all__ = ["predict"]


def predict(
    run: RunPath,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE", help="Image files, folders, archives, or patterns in quotes.", show_default=False
        ),
    ],
    top: Annotated[int, typer.Option(min=1, max=5, help="Number of classes for each image.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write .csv or .jsonl as it goes; for any number of images.", show_default=False
        ),
    ] = None,
    sort_into: Annotated[
        Path | None, typer.Option(help="Copy images into class folders below this one.", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--compare", help="Flag images unlike the training images; with --out or --sort-into.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Classify images."""
    if out is not None or sort_into is not None:
        _predict_many(run, images, out, sort_into, check)
        return
    if check:
        raise DataError("predict: --compare goes with --out or --sort-into; give one of them")
    predictions = alexnet.predict(run, images, skip_unreadable=True)
    rows = [(p.file, ", ".join(f"{name} {percent(probability)}" for name, probability in p.top[:top]))
            for p in predictions]  # fmt: skip
    if rows:
        screen.table(["image", "classes"], rows)
    screen.print_json({"run": str(run)} | predictions.to_dict(top=top))
    if predictions.unreadable:
        raise DataError("; ".join(map(str, predictions.unreadable)))


def _predict_many(run: Path, images: list[Path], out: Path | None, sort_into: Path | None, check: bool) -> None:
    with ProgressDisplay() as display:
        show = display.count("classifying")
        result = alexnet.predict_many(
            run, images, out=out, sort_into=sort_into, compare=check, on_progress=lambda done: show(done, 0)
        )
    screen.table(["class", "images"], list(result.counts.items()), right=(1,))
    for flag, count in result.flagged.items():
        if count:
            screen.print(f"{flag}: {number_of(count, 'image')}")
    for path in (out, sort_into):
        if path is not None:
            screen.print(f"written: {path}")
    screen.print_json({"run": str(run)} | result.to_dict())
    if result.unreadable:
        raise DataError(
            f"{number_of(result.unreadable, 'file')} cannot be used; {out or 'give --out, which'} names why"
        )
