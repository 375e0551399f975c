"""The chart: speed relative to the peer, part by part."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, Sheet, clean_axes, save_figure
from benchmarks.measured import PartResult

__all__ = ["chart_rows", "draw_chart"]


@dataclass(frozen=True)
class Row:
    """A heading (no ratio), or a bar. low, high: the ratios at the quartiles."""

    label: str
    ratio: float | None = None
    low: float = 0.0
    high: float = 0.0
    is_ours: bool = True


def chart_rows(results: Sequence[PartResult]) -> list[Row]:
    """One heading for each comparison with a peer, and a bar for each other candidate.

    Further peers that are slower than the first are in the table only: they show nothing about our speed.
    """
    rows = []
    for result in results:
        for comparison in result.comparisons:
            if comparison.peer is None or not comparison.charted:
                continue
            smaller = ", times as small" if comparison.unit == "MB" else ""
            rows.append(Row(f"{comparison.title}{smaller}; peer: {comparison.peer}"))
            for candidate in comparison.candidates:
                ratio = comparison.ratio(candidate) or 0.0
                if candidate.name != comparison.peer and (candidate.is_ours or ratio > 1.0):
                    rows.append(Row(candidate.name, ratio, *comparison.ratio_range(candidate), candidate.is_ours))
    return rows


def draw_chart(results: Sequence[PartResult], about: str, path: Path) -> bool:
    """Write the chart; returns False and writes nothing if no part has a peer."""
    rows = chart_rows(results)
    bars = [row for row in rows if row.ratio is not None]
    if not bars:
        return False
    sheet = Sheet(9.5, 1.1 + 0.25 * len(rows))
    axes = sheet.grid(1, 1)[0][0]
    axes.set_xscale("log")
    axes.set_xlim(min(0.45, 0.8 * min(row.low for row in bars)), 1.9 * max(2.0, *(row.high for row in bars)))
    axes.set_ylim(len(rows) - 0.3, -0.9)
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)
    axes.axvline(1.0, color=INK, linewidth=1.0)
    _label(axes, rows)
    axes.set_title(f"Speed relative to the peer; higher is better\n{about}", fontsize=9, loc="left")
    save_figure(sheet, path)
    return True


def _draw_row(axes: Axes, place: int, row: Row) -> None:
    if row.ratio is None:
        axes.text(
            0.0, place + 0.1, row.label, transform=axes.get_yaxis_transform(), fontsize=8.5, fontweight="bold",
            va="center", ha="left", color=INK, backgroundcolor="white", zorder=5,
        )  # fmt: skip
        return
    color = GRAY if not row.is_ours else BLUE if row.ratio >= 1.0 else ORANGE
    axes.barh(place, row.ratio - 1.0, left=1.0, height=0.68, color=color)
    axes.plot([row.low, row.high], [place, place], color=INK, linewidth=0.9)
    right = max(row.ratio, row.high, 1.0)
    axes.text(right * 1.04, place, f"{row.ratio:.2f} x", va="center", ha="left", fontsize=8.5)


def _label(axes: Axes, rows: Sequence[Row]) -> None:
    """Label the bars on the left and the ratios below."""
    places = [place for place, row in enumerate(rows) if row.ratio is not None]
    axes.set_yticks(places, [rows[place].label for place in places], fontsize=8.5)
    axes.tick_params(axis="y", length=0)
    low, high = axes.get_xlim()
    ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g} x" for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="x", color=GRAY, alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    clean_axes(axes)
    axes.spines["left"].set_visible(False)
