"""How many images were predicted as each class, and how many predictions should not be trusted."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alexnet.figures.canvas import BLUE, GRAY, ORANGE, Sheet, clean_axes, shorten

__all__ = ["draw_counts"]

MOST_CLASSES = 40
"""Classes with a bar, those with the most images; the others share one."""


def draw_counts(counts: Mapping[str, int], flagged: Mapping[str, int], *, title: str) -> Figure:
    """A bar for each class, the largest first, and below them one for each flag, if there are any.

    Args:
        counts: images by predicted class. flagged: images by flag.
    """
    rows = sorted(counts.items(), key=lambda row: -row[1])
    classes = dict(rows[:MOST_CLASSES])
    if len(rows) > MOST_CLASSES:
        classes[f"{len(rows) - MOST_CLASSES:,} other classes"] = sum(count for _, count in rows[MOST_CLASSES:])
    panels = [(classes, BLUE), *([(flagged, ORANGE)] if flagged else [])]
    heights = [max(len(numbers), 1) for numbers, _ in panels]
    sheet = Sheet(7.6, 0.24 * sum(heights) + 1.5 + 0.3 * len(panels))
    cells = [line[0] for line in sheet.grid(len(panels), 1, height_ratios=heights, sharex=True)]
    for axes, (numbers, color) in zip(cells, panels, strict=True):
        _draw_bars(axes, numbers, color)
    more = "; orange: flagged, an image may have several flags" if flagged else ""
    cells[-1].set_xlabel(f"images{more}", fontsize=9)
    cells[-1].xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    sheet.suptitle(title, fontsize=10.5)
    return sheet


def _draw_bars(axes: Axes, counts: Mapping[str, int], color: str) -> None:
    axes.barh(range(len(counts)), list(counts.values()), color=color, height=0.7)
    axes.set_yticks(range(len(counts)), [shorten(name, 30) for name in counts], fontsize=8.5)
    axes.set_ylim(max(len(counts), 1) - 0.5, -0.5)
    for place, count in enumerate(counts.values()):
        axes.annotate(f"{count:,}", (count, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.margins(x=0.08)
    axes.grid(axis="x", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
