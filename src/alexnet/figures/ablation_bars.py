"""The effect of taking units away, as bars: on the error, on each class's recall, on one image's probabilities."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, RED, Sheet, clean_axes, shorten

__all__ = ["Bar", "draw_bars", "draw_probabilities", "draw_recall_changes"]

MOST_CLASSES = 60
"""Classes on one figure; of more, those whose recall changes most."""


@dataclass(frozen=True)
class Bar:
    """One unit: its number, the change of the error (a fraction), its interval, and a mark in words."""

    label: str
    value: float
    interval: tuple[float, float]
    mark: str = ""


def draw_bars(bars: Sequence[Bar], *, title: str) -> Figure:
    """Bars from left to right in the given order, each with its interval; orange where the interval leaves out 0."""
    sheet = Sheet(min(max(0.13 * len(bars) + 1.6, 7.0), 16.0), 4.2)
    axes = sheet.grid(1, 1)[0][0]
    places = range(len(bars))
    values = [100 * bar.value for bar in bars]
    clear = [bar.interval[0] > 0.0 or bar.interval[1] < 0.0 for bar in bars]
    axes.bar(places, values, color=[ORANGE if is_clear else BLUE for is_clear in clear], width=0.8)
    low = [value - 100 * bar.interval[0] for value, bar in zip(values, bars, strict=True)]
    high = [100 * bar.interval[1] - value for value, bar in zip(values, bars, strict=True)]
    axes.errorbar(places, values, yerr=[low, high], fmt="none", ecolor=GRAY, elinewidth=0.8)
    axes.axhline(0.0, color=INK, lw=0.8)
    labels = [f"({bar.mark}) {bar.label}" if bar.mark else bar.label for bar in bars]
    axes.set_xticks(list(places), labels, rotation=90, fontsize=6 if len(bars) > 40 else 8)
    for label, bar in zip(axes.get_xticklabels(), bars, strict=True):
        if bar.mark:
            label.set_color(RED)
    axes.set_xlim(-0.8, len(bars) - 0.2)
    axes.set_ylabel("change of the test error, percentage points")
    marks = "; red: dead, or with the same kernel as another" if any(bar.mark for bar in bars) else ""
    axes.set_xlabel(f"unit, by effect; orange: the 95 % interval leaves out 0{marks}")
    axes.grid(axis="y", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
    sheet.suptitle(title, fontsize=10.5)
    return sheet


def draw_recall_changes(changes: Sequence[tuple[str, float, int]], *, title: str) -> Figure:
    """The change of each class's recall, from above downward in the given order; orange where it falls.

    changes: name, change as a fraction, and number of test images of each class whose recall changes.
    """
    kept = sorted(range(len(changes)), key=lambda place: -abs(changes[place][1]))[:MOST_CLASSES]
    rows = [changes[place] for place in sorted(kept)]
    sheet = Sheet(8.0, 1.5 + 0.26 * max(len(rows), 2))
    axes = sheet.grid(1, 1)[0][0]
    values = [100 * change for _, change, _ in rows]
    axes.barh(range(len(rows)), values, color=[ORANGE if value < 0 else BLUE for value in values], height=0.7)
    axes.set_yticks(range(len(rows)), [f"{shorten(name, 30)} ({count:,})" for name, _, count in rows])
    axes.set_ylim(max(len(rows), 2) - 0.4, -0.6)
    for place, value in enumerate(values):
        axes.annotate(f"{value:+.1f}", (value, place), (-3 if value < 0 else 3, 0), textcoords="offset points",
                      ha="right" if value < 0 else "left", va="center", fontsize=8)  # fmt: skip
    axes.axvline(0.0, color=INK, lw=0.8)
    axes.margins(x=0.12)
    if not rows:
        axes.set_xlim(-1, 1)
        axes.text(0.5, 0.5, "the recall of no class changes", transform=axes.transAxes, ha="center", va="center",
                  bbox={"facecolor": "white", "edgecolor": "none"})  # fmt: skip
    more = f"; of {len(changes)} classes the {len(rows)} that change most" if len(rows) < len(changes) else ""
    axes.set_xlabel(f"change of recall, percentage points (in parentheses: test images){more}")
    axes.grid(axis="x", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
    sheet.suptitle("\n".join(textwrap.wrap(title, 96)), fontsize=10.5)
    return sheet


def draw_probabilities(rows: Sequence[tuple[str, float, float]], *, title: str) -> Figure:
    """Probabilities of one image in pairs of bars: with all units, and without some.

    rows: name of the class, and its probabilities before and after, from above downward.
    """
    sheet = Sheet(8.0, 1.6 + 0.42 * len(rows))
    axes = sheet.grid(1, 1)[0][0]
    for offset, column, color, label in ((-0.2, 1, BLUE, "with all units"), (0.2, 2, ORANGE, "without")):
        values = [100 * float(row[column]) for row in rows]
        places = [place + offset for place in range(len(rows))]
        axes.barh(places, values, height=0.36, color=color, label=label)
        for place, value in zip(places, values, strict=True):
            axes.annotate(
                f"{value:.1f} %", (value, place), (3, 0), textcoords="offset points", va="center", fontsize=8
            )
    axes.set_yticks(range(len(rows)), [shorten(name, 30) for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("probability, %")
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    axes.grid(axis="x", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
    sheet.suptitle("\n".join(textwrap.wrap(title, 96)), fontsize=10.5)
    return sheet
