"""`alexnet predict`: classify images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import alexnet
from alexnet.cli.options import FigureFile, Json, RunPath, refuse_options, write_results
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import number_of, percent, screen
from alexnet.errors import DataError

if TYPE_CHECKING:
    from alexnet.evaluation.predict import Predictions

__all__ = ["predict"]

MANY = 1000
"""Files from which on a note says that results can be written as they come."""


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
    figure: FigureFile = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Flag images unlike the training images; with --out or --sort-into.")
    ] = False,
    calibrated: Annotated[
        bool,
        typer.Option("--calibrated", help="Divide the logits by the temperature that `alexnet calibrate` fitted."),
    ] = False,
    neighbours: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="[K]",
            help="List the K training images most like each one; without K, five.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Where the training images are now, if they were moved; for --compare and `--neighbours`.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Classify images.

    With --out or --sort-into, predictions that should not be trusted are flagged: those with a low margin, and with
    --compare also those whose nearest training images are of other classes, or that are far from all of them.
    --figure draws how many images there are of each class and flag. After an interrupt, the same command skips the
    files whose rows are in --out already.
    """
    options: dict[str, Any] = {"calibrated": calibrated, "neighbours": neighbours, "data": data}
    if out is not None or sort_into is not None:
        _predict_many(run, images, out, sort_into, figure, options | {"compare": compare})
        return
    refuse_options(
        "predict: {options} goes with --out or --sort-into; give one of them", compare=compare, figure=figure
    )
    predictions = _predict(run, images, options)
    rows = [(p.file, ", ".join(f"{name} {percent(probability)}" for name, probability in p.top[:top]))
            for p in predictions]  # fmt: skip
    if rows:
        screen.table(["image", "classes"], rows)
    _show_neighbors(predictions)
    screen.print_json({"run": str(run)} | predictions.to_dict(top=top))
    if predictions.unreadable:
        raise DataError("; ".join(map(str, predictions.unreadable)))


def _predict(run: Path, images: list[Path], options: dict[str, Any]) -> "Predictions":
    """The predictions, in memory; a note where there are so many that they are better written as they come."""
    with ProgressDisplay() as display:
        show, notes = display.count("classifying"), [f"more than {MANY:,} files: `--out FILE` writes as it goes"]

        def count(done: int) -> None:
            show(done, 0)
            if done > MANY and notes:
                screen.note(notes.pop())

        looking = display.count("looking")
        return alexnet.predict(run, images, skip_unreadable=True, on_progress=count, on_compare=looking, **options)


def _show_neighbors(predictions: "Predictions") -> None:
    for prediction in predictions:
        if prediction.neighbours is not None:
            screen.print(f"{prediction.file}: predicted {prediction.predicted}")
            near = [(each.file, each.label, f"{each.distance:.3g}") for each in prediction.neighbours]
            screen.table(["training image", "label", "distance"], near, right=(2,))


def _predict_many(
    run: Path,
    images: list[Path],
    out: Path | None,
    sort_into: Path | None,
    figure: Path | None,
    options: dict[str, Any],
) -> None:
    with ProgressDisplay() as display:
        show = display.count("classifying")
        result = alexnet.predict_many(
            run, images, out=out, sort_into=sort_into, on_progress=lambda done: show(done, 0),
            on_compare=display.count("looking"), **options,
        )  # fmt: skip
    if result.num_kept:
        screen.note(f"{number_of(result.num_kept, 'file')} had rows in {out} already, and were skipped")
    if result.num_in_place:
        there = number_of(result.num_in_place, "image")
        screen.note(f"{there} lay in the folders of their classes in {sort_into} already, and were not copied again")
    screen.table(["class", "images"], list(result.counts.items()), right=(1,))
    for flag, count in result.flagged.items():
        if count:
            screen.print(f"{flag}: {number_of(count, 'image')}")
    for path in (out, sort_into):
        if path is not None:
            screen.print(f"written: {path}")
    write_results(result, None, figure)
    screen.print_json({"run": str(run)} | result.to_dict())
    if result.unreadable:
        reasons = f"{out} says why" if out else "give --out FILE to see why"
        raise DataError(f"{number_of(result.unreadable, 'file')} cannot be used; {reasons}")
