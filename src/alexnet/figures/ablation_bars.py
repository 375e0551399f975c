"""The effect of taking units away, as bars sorted by size."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, Sheet, clean_axes

__all__ = ["Bar", "draw_bars"]


@dataclass(frozen=True)
class Bar:
    """One unit: its number, the change of the error (a fraction), and the interval of that change."""

    label: str
    value: float
    interval: tuple[float, float]


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
    axes.set_xticks(list(places), [bar.label for bar in bars], rotation=90, fontsize=6 if len(bars) > 40 else 8)
    axes.set_xlim(-0.8, len(bars) - 0.2)
    axes.set_ylabel("change of the test error, percentage points")
    axes.set_xlabel("unit, by effect; orange: the 95 % interval leaves out 0")
    axes.grid(axis="y", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
    sheet.suptitle(title, fontsize=10.5)
    return sheet
