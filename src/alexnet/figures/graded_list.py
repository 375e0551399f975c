"""How much of what was planted in a folder a list names: wrong labels, and near duplicates by kind of change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, ORANGE, Sheet, clean_axes

__all__ = ["GradePoint", "draw_grade"]


@dataclass(frozen=True)
class GradePoint:
    """The first images of a list: their fraction of all, and the recall and precision of wrong labels among them."""

    fraction: float
    recall: float
    precision: float


def draw_grade(points: Sequence[GradePoint], changes: Mapping[str, float], *, title: str) -> Figure:
    """Recall and precision by the images looked at, and the recall of near duplicates by kind of change, where known.

    Args:
        points: in the order of the list.
        changes: recall, a fraction, by kind of change.
        title: holds what has no panel.
    """
    panels = [bool(points), bool(changes)]
    sheet = Sheet(4.4 * max(1, sum(panels)) + 0.4, 3.6 if any(panels) else 1.2)
    if any(panels):
        axes: Any = iter(sheet.grid(1, sum(panels))[0])
        if points:
            _draw_labels(next(axes), points)
        if changes:
            _draw_changes(next(axes), changes)
    sheet.suptitle(title, fontsize=10)
    return sheet


def _draw_labels(axes: Axes, points: Sequence[GradePoint]) -> None:
    looked_at = [100 * point.fraction for point in points]
    for values, color, marker, label in (
        ([point.recall for point in points], BLUE, "o", "recall of the wrong labels"),
        ([point.precision for point in points], ORANGE, "D", "precision of the list"),
    ):
        axes.plot(looked_at, [100 * value for value in values], color=color, marker=marker, ms=4, lw=1.6, label=label)
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set_xlim(left=0.0)
    axes.set_ylim(0, 102)
    axes.set_xlabel("images looked at, % of all", fontsize=9)
    axes.set_ylabel("%", fontsize=9)
    axes.grid(color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)


def _draw_changes(axes: Axes, changes: Mapping[str, float]) -> None:
    values = [100 * value for value in changes.values()]
    axes.barh(range(len(values)), values, color=BLUE, height=0.6)
    axes.set_yticks(range(len(values)), list(changes), fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 102)
    axes.set_xlabel("near duplicates named, %", fontsize=9)
    axes.grid(axis="x", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
