"""How well small classifiers recognize the classes, beside chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, Sheet, clean_axes

__all__ = ["ProbeRow", "draw_probes"]


@dataclass(frozen=True)
class ProbeRow:
    """One classifier. All numbers but the names are fractions.

    interval: 95 %, of the accuracy. is_alarm: whether it is cause for alarm.
    """

    name: str
    sees: str
    accuracy: float
    interval: tuple[float, float]
    chance: float
    test_accuracy: float
    is_alarm: bool


def draw_probes(rows: Sequence[ProbeRow], *, title: str) -> Figure:
    """A line for each classifier: accuracy with its interval, on the test images, and chance; alarms in orange."""
    sheet = Sheet(7.6, 0.42 * len(rows) + 1.7)
    axes = sheet.grid(1, 1)[0][0]
    for place, row in enumerate(rows):
        color = ORANGE if row.is_alarm else BLUE
        axes.plot([100 * end for end in row.interval], [place, place], color=color, lw=1.6)
        axes.plot([100 * row.accuracy], [place], color=color, marker="o", ms=6)
        axes.plot([100 * row.test_accuracy], [place], marker="D", ms=5, mfc="white", mec=color, ls="none")
        axes.plot([100 * row.chance] * 2, [place - 0.3, place + 0.3], color=INK, lw=1.2)
    axes.plot([], [], color=BLUE, marker="o", ms=6, lw=1.6, label="held-out training images, 95 % interval")
    axes.plot([], [], color=BLUE, marker="D", ms=5, mfc="white", ls="none", label="test images")
    axes.plot([], [], color=INK, lw=1.2, label="chance")
    if any(row.is_alarm for row in rows):
        axes.plot([], [], color=ORANGE, lw=4, label="alarm")
    axes.set_yticks(range(len(rows)), [f"{row.name}: {row.sees}" for row in rows], fontsize=8.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 101)
    axes.set_xlabel("images classified correctly, %")
    axes.grid(axis="x", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
    sheet.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=4)
    sheet.suptitle(title, fontsize=10.5)
    return sheet
