"""Test errors as lines and tables."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from alexnet.cli.screen import number_of, percent, screen

if TYPE_CHECKING:
    from alexnet.evaluation.reviewed import ReviewedScore
    from alexnet.records import Evaluation

__all__ = ["Row", "interval_text", "score_row", "show_evaluation", "show_notes", "show_reviewed", "show_scores"]

Row = tuple[str, str, str, str]
"""Name, top-1 error, its interval, top-5 error."""


def show_evaluation(evaluation: "Evaluation") -> None:
    """The test error in one line."""
    screen.print(
        f"test error {percent(evaluation.top1_error)} (95 % interval {interval_text(evaluation.top1_interval)}): "
        f"{evaluation.num_mistakes:,} of {number_of(evaluation.num_images, 'image')} wrong"
    )


def show_reviewed(score: "ReviewedScore") -> None:
    """The test error as labeled and with reviewed labels, in a line each."""
    screen.print(f"as labeled {percent(score.labeled_error)} ({interval_text(score.labeled_interval)})")
    if score.num_reviewed == 0:
        screen.print("no correction is about a test image: the same with the reviewed labels")
        return
    screen.print(
        f"with {number_of(score.num_reviewed, 'reviewed label')} {percent(score.top1_error)} "
        f"({interval_text(score.top1_interval)}): {score.num_mistakes:,} of {score.num_images:,} images wrong"
    )


def interval_text(fractions: tuple[float, float]) -> str:
    """An interval in percent."""
    return f"{percent(fractions[0])} to {percent(fractions[1])}"


def score_row(name: str, evaluation: "Evaluation") -> Row:
    """A row for `show_scores`."""
    top1, top5 = percent(evaluation.top1_error), percent(evaluation.top5_error)
    return name, top1, interval_text(evaluation.top1_interval), top5


def show_scores(title: str, rows: list[Row]) -> None:
    """A table of test errors; without top-5 errors if there are too few classes."""
    header = [title, "top-1 error", "95 % interval", "top-5 error"]
    width = 4 if any(row[3] != percent(None) for row in rows) else 3
    screen.table(header[:width], [row[:width] for row in rows], right=(1, 2, 3)[: width - 1])


def show_notes(notes: Iterable[str], num_left_out: int) -> None:
    """Notes on how a test was done."""
    for note in notes:
        screen.note(note)
    if num_left_out:
        files = number_of(num_left_out, "file")
        screen.note(f"{files} left out: unusable, or of classes that the network does not know")
