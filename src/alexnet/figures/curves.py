"""Accuracy and loss during a training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, ORANGE, Sheet, clean_axes
from alexnet.records import EpochRecord, StepRecord

__all__ = ["Course", "draw_comparison", "draw_curves"]


@dataclass(frozen=True)
class Course:
    """The steps and epochs of one training, and its title."""

    title: str
    steps: tuple[StepRecord, ...]
    epochs: tuple[EpochRecord, ...]
    num_classes: int


def draw_curves(course: Course) -> Figure:
    """Accuracy and loss side by side: steps faint, epochs strong, training and held-out images."""
    sheet = Sheet(10.5, 4.0)
    (accuracy, loss), *_ = sheet.grid(1, 2)
    _draw_accuracy(accuracy, course, with_legend=True)
    _draw_loss(loss, course)
    loss.set_ylim(0, 1.05 * _highest_loss(course))
    accuracy.set_ylabel("accuracy, %")
    loss.set_ylabel("loss, nats")
    accuracy.set_title("Accuracy")
    loss.set_title("Loss")
    sheet.suptitle(course.title, fontsize=12)
    return sheet


def draw_comparison(courses: Sequence[Course]) -> Figure:
    """A column for each training: accuracy above, loss below, on common scales."""
    sheet = Sheet(max(4.2 * len(courses), 6.0), 6.4)
    rows = sheet.grid(2, len(courses), sharey="row")
    for place, course in enumerate(courses):
        _draw_accuracy(rows[0][place], course, with_legend=place == 0)
        _draw_loss(rows[1][place], course)
        rows[0][place].set_title(course.title)
        rows[0][place].set_xlabel("")
    rows[1][0].set_ylim(0, 1.05 * max(map(_highest_loss, courses)))  # the row shares its axis
    rows[0][0].set_ylabel("accuracy, %")
    rows[1][0].set_ylabel("loss, nats")
    return sheet


def _draw_accuracy(axes: Axes, course: Course, *, with_legend: bool) -> None:
    steps, epochs = course.steps, course.epochs
    at = [record.step for record in epochs]
    axes.plot([s.step for s in steps], [100 * (1 - s.top1_error) for s in steps], color=BLUE, alpha=0.22, lw=0.8)
    axes.plot(
        at,
        [100 * (1 - e.train_top1_error) for e in epochs],
        color=BLUE,
        lw=2.2,
        marker="o",
        ms=3.5,
        label="training",
    )
    for field, label, style in (
        ("validation_top1_error", "validation", ":"),
        ("test_top1_error", "test", "-"),
    ):
        errors = [getattr(epoch, field) for epoch in epochs]
        if any(error is not None for error in errors):
            measured = [
                (step, 100 * (1 - error)) for step, error in zip(at, errors, strict=True) if error is not None
            ]
            axes.plot(*zip(*measured, strict=True), color=ORANGE, lw=2.2, ls=style, marker="o", ms=3.5, label=label)
    axes.set_ylim(0, 102)
    _finish(axes)
    if with_legend:
        axes.legend(frameon=False, loc="lower right")


def _draw_loss(axes: Axes, course: Course) -> None:
    steps, epochs = course.steps, course.epochs
    at = [record.step for record in epochs]
    axes.plot([s.step for s in steps], [s.loss for s in steps], color=BLUE, alpha=0.22, lw=0.8)
    axes.plot(at, [e.train_loss for e in epochs], color=BLUE, lw=2.2, marker="o", ms=3.5)
    for field, style in (("validation_loss", ":"), ("test_loss", "-")):
        values = [getattr(epoch, field) for epoch in epochs]
        if any(value is not None for value in values):
            axes.plot(
                at,
                [math.nan if v is None else v for v in values],
                color=ORANGE,
                lw=2.2,
                ls=style,
                marker="o",
                ms=3.5,
            )
    guessing = math.log(course.num_classes)
    axes.axhline(guessing, color=GRAY, lw=0.8, ls=(0, (4, 4)))
    axes.annotate(
        f"guessing: ln {course.num_classes}", (1.0, guessing), xycoords=("axes fraction", "data"),
        ha="right", va="bottom", color=GRAY, fontsize=8,
    )  # fmt: skip
    _finish(axes)


def _highest_loss(course: Course) -> float:
    """The largest loss of an epoch, and at least a little more than that of guessing; single steps may lie above."""
    losses = [loss for e in course.epochs for loss in (e.train_loss, e.validation_loss, e.test_loss)]
    finite = (loss for loss in losses if loss is not None and math.isfinite(loss))
    return max([1.15 * math.log(course.num_classes), *finite])


def _finish(axes: Axes) -> None:
    axes.set_xlabel("steps")
    axes.grid(axis="y", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
