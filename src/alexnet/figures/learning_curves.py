"""The test error by the number of training images, with what twice as many would bring."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, Sheet, clean_axes

__all__ = ["LearningCurve", "draw_learning_curves"]

COLUMNS = 4


@dataclass(frozen=True)
class LearningCurve:
    """Errors, as fractions, at numbers of training images.

    intervals: 95 %, for each error; none where they are not known.
    expected, interval: with twice the last number of images.
    """

    title: str
    num_images: Sequence[int]
    errors: Sequence[float]
    expected: float
    interval: tuple[float, float]
    intervals: Sequence[tuple[float, float]] = ()


def draw_learning_curves(curves: Sequence[LearningCurve], *, title: str) -> Figure:
    """A panel for each curve, all on one scale of errors: measured ones in blue, the expected one in orange."""
    columns = min(COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    sheet = Sheet(2.6 * columns + 0.6, 2.3 * rows + 0.8)
    top = max(max([*curve.errors, curve.interval[1], *(high for _, high in curve.intervals)]) for curve in curves)
    panels = [axes for line in sheet.grid(rows, columns) for axes in line]
    for axes, curve in zip(panels, curves, strict=False):
        _draw(axes, curve, top=min(102.0, 106 * top + 1))
    for axes in panels[len(curves) :]:
        axes.set_axis_off()
    sheet.suptitle(title, fontsize=10.5)
    sheet.supxlabel("training images", fontsize=9)
    sheet.supylabel("test error, %", fontsize=9)
    return sheet


def _draw(axes: Axes, curve: LearningCurve, *, top: float) -> None:
    numbers, twice = list(curve.num_images), 2 * curve.num_images[-1]
    percents = [100 * error for error in curve.errors]
    axes.plot(numbers, percents, color=BLUE, marker="o", ms=4, lw=1.6)
    for number, (low, high) in zip(numbers, curve.intervals, strict=False):
        axes.plot([number, number], [100 * low, 100 * high], color=BLUE, lw=0.9)
    axes.plot([numbers[-1], twice], [percents[-1], 100 * curve.expected], color=GRAY, lw=1.0, ls=(0, (4, 4)))
    low, high = curve.interval
    axes.errorbar(
        [twice],
        [100 * curve.expected],
        yerr=[[100 * max(0.0, curve.expected - low)], [100 * max(0.0, high - curve.expected)]],
        color=ORANGE,
        marker="o",
        ms=4,
        elinewidth=0.9,
    )
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([*numbers, twice], [f"{number:,}" for number in (*numbers, twice)], fontsize=7, rotation=45)
    axes.set_ylim(0.0, top)
    axes.grid(color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
    axes.set_title(curve.title, fontsize=8.5, color=INK)
