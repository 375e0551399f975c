"""The reliability diagram: how often a network is right, against how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, ORANGE, Sheet, clean_axes

__all__ = ["Curve", "draw_reliability"]


@dataclass(frozen=True)
class Curve:
    """One set of probabilities.

    Args:
        name: what it is called.
        expected_error: its expected calibration error, a fraction.
        points: for each bin its confidence, accuracy, the ends of the accuracy's interval, and its images.
    """

    name: str
    expected_error: float
    points: tuple[tuple[float, float, float, float, int], ...]


def draw_reliability(curves: Sequence[Curve], *, num_images: int) -> Figure:
    """Accuracy over confidence, with 95 % intervals; on the diagonal a network keeps its word."""
    sheet = Sheet(5.6, 5.9)
    axes = sheet.grid(1, 1)[0][0]
    axes.plot([0, 100], [0, 100], color=GRAY, lw=1.0, ls=(0, (4, 4)), label="perfect calibration")
    for curve, color in zip(curves, (BLUE, ORANGE), strict=False):
        confidence = [100 * point[0] for point in curve.points]
        accuracy = [100 * point[1] for point in curve.points]
        low = [100 * (point[1] - point[2]) for point in curve.points]
        high = [100 * (point[3] - point[1]) for point in curve.points]
        label = f"{curve.name}: expected error {100 * curve.expected_error:.1f} points"
        axes.errorbar(
            confidence, accuracy, yerr=[low, high], color=color, marker="o", ms=4, lw=1.6, elinewidth=0.8, label=label
        )
    axes.set_xlim(0, 102)
    axes.set_ylim(0, 102)
    axes.set_xlabel("probability of the predicted class, %")
    axes.set_ylabel("images classified correctly, %")
    axes.legend(
        frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.12)
    )  # below: curves cross it
    axes.grid(color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)
    sheet.suptitle(f"Calibration on {num_images} test images", fontsize=11)
    return sheet
