"""`alexnet data spoil`: a copy of a folder with planted faults, to hunt for them."""

from collections.abc import Sequence
from csv import reader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import (
    Corrections,
    Csv,
    FigureFile,
    Json,
    corrected,
    count_corrections,
    refuse_options,
    write_results,
)
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import number_of, percent, screen
from alexnet.errors import DataError

if TYPE_CHECKING:
    from alexnet.audit.grade import Grade
    from alexnet.audit.graded_corrections import CorrectionsScore

__all__ = ["spoil"]


def spoil(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A folder, .tar or .zip of class folders; with --grade the spoiled copy.",
            show_default=False,
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Copy to write.", show_default=False)] = None,
    swap: Annotated[float, typer.Option(min=0.0, max=0.99, help="Fraction of labels to swap.")] = 0.0,
    between: Annotated[
        str | None,
        typer.Option(
            help="Swap among these classes only, for example cat,dog; a name with a comma in double quotes.",
            show_default=False,
        ),
    ] = None,
    duplicates: Annotated[int, typer.Option(min=0, help="Number of near duplicates to add to the test images.")] = 0,
    corner: Annotated[str | None, typer.Option(help="Class that gets a colored corner.", show_default=False)] = None,
    dark: Annotated[str | None, typer.Option(help="Class to darken.", show_default=False)] = None,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep the file names instead of numbering the files at random.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    grade: Annotated[
        Path | None,
        typer.Option(
            metavar="LIST", help="Score a list or corrections (JSON or CSV) against the answers.", show_default=False
        ),
    ] = None,
    corrections: Corrections = None,
    csv: Csv = None,
    figure: FigureFile = None,
    as_json: Json = False,
) -> None:
    """Plant faults in a copy of a folder, or grade a list.

    Faults: swapped labels, near duplicates across the split, a colored corner, a dark class. The copy holds the
    answers in answers.json; --grade compares a list that `doubts`, `data check` or `shortcuts` printed, or the
    copy's corrections, with them, and --csv and --figure write the score.
    """
    if grade is not None:
        refuse_options(
            "data spoil: --grade only reads, and takes no {options}; leave out --grade to write a copy", out=out,
            swap=swap or None, between=between, duplicates=duplicates or None, corner=corner, dark=dark,
            keep_names=keep_names, seed=seed or None, corrections=corrections,
        )  # fmt: skip
        _grade(data, grade, csv, figure)
        return
    refuse_options("data spoil: {options} goes with --grade; leave out {options}", csv=csv, figure=figure)
    if out is None:
        raise DataError("data spoil: give the copy to write as --out, or a list to score as --grade")
    folder = corrected(data, corrections)
    with ProgressDisplay() as display:
        answers = alexnet.spoil_folder(
            folder, out, swap=swap, between=_class_names(between or "", folder.classes),
            duplicates=duplicates, corner=corner, dark=dark, keep_names=keep_names, seed=seed,
            on_progress=display.count("copying"), on_looking=display.count("looking"),
        )  # fmt: skip
    counts = {"num_images": answers.num_images, "swapped": len(answers.swapped),
              "near_duplicates": len(answers.near_duplicates), "corner": corner, "dark": dark}  # fmt: skip
    screen.print(f"{number_of(answers.num_images, 'image')} copied to {out}; the answers are in {out}/answers.json")
    screen.print_json(
        {"path": str(out), "answers": str(out / "answers.json"), "seed": seed} | counts | count_corrections(folder)
    )


def _show_grade(result: "Grade") -> None:
    if result.labels:
        rows = [(percent(fraction), count, hits, percent(recall), percent(precision))
                for fraction, count, hits, recall, precision in result.labels]  # fmt: skip
        screen.print(f"{result.num_swapped} labels were swapped")
        screen.table(["first", "images", "wrong labels", "of all", "precision"], rows, right=range(5))
    if result.corrections is not None:
        _show_corrections(result.corrections)
    elif result.pair_recall is not None:
        kinds = ", ".join(f"{kind} {percent(value)}" for kind, value in result.change_recall.items())
        screen.print(f"near duplicates: {percent(result.pair_recall)} of {result.num_pairs} named ({kinds}), "
                     f"precision {percent(result.pair_precision)}")  # fmt: skip
    for what, is_named in result.marks.items():
        screen.print(f"{what}: {'named' if is_named else 'not named'}")


def _show_corrections(score: "CorrectionsScore") -> None:
    screen.print(f"{score.num_corrected} of {number_of(score.num_swapped, 'wrong label')} corrected, "
                 f"{score.num_excluded} excluded, {score.num_other_class} with another wrong class, "
                 f"{score.num_missed} missed")  # fmt: skip
    screen.print(f"{number_of(score.num_changed, 'correct label')} changed, "
                 f"{number_of(score.num_left_out, 'good image')} excluded")  # fmt: skip
    if score.num_pairs:
        pairs = number_of(score.num_pairs, "near duplicate")
        screen.print(f"{score.num_pairs_parted} of {pairs} with one of the two images excluded")


def _grade(data: Path, listed: Path, csv: Path | None, figure: Path | None) -> None:
    result = alexnet.grade(data, listed)
    _show_grade(result)
    write_results(result, csv, figure)
    screen.print_json(result.to_dict())


def _class_names(text: str, classes: Sequence[str]) -> list[str]:
    """The names in a list with commas, those with a comma in quotes; spaces around them are not part of them."""
    names = next(reader([text], skipinitialspace=True), [])
    return [name if name in classes else name.strip() for name in names if name.strip()]
