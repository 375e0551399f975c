"""Probabilities over a change of an image, with the changed images below."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from alexnet.figures.canvas import GRAY, INK, Sheet, clean_axes, shorten
from alexnet.figures.image_scatter import CLASS_COLORS

__all__ = ["CurvePanel", "draw_changes"]

MOST_CURVES = 5
"""Classes whose probabilities are drawn: those that are largest somewhere."""

LINES = ("-", "--", "-.", ":", (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 4)))
"""Styles of the curves: with each new one the colors begin again."""

ACROSS = 2
"""Panels side by side."""


@dataclass(frozen=True, eq=False)
class CurvePanel:
    """One change: what it is, the amount without effect, amounts, probabilities [amounts, classes], the amounts at
    which the class is lost, and (amount, image) pairs."""

    label: str
    identity: float
    amounts: Sequence[float]
    probabilities: np.ndarray
    lost: Sequence[float]
    images: Sequence[tuple[float, np.ndarray]]


def draw_changes(panels: Sequence[CurvePanel], classes: Sequence[str], predicted: int, title: str) -> Figure:
    """A panel for each change; the predicted class is the thick line, dashed lines show where it is lost."""
    across = min(ACROSS, len(panels))
    rows = -(-len(panels) // across)
    sheet = Sheet(6.2 * across, 3.5 * rows + 0.4)
    parts: Any = sheet.subfigures(rows, across, squeeze=False)
    shown = [_strongest(panel, predicted) for panel in panels]
    ranks = {number: rank for rank, number in enumerate(dict.fromkeys(chain.from_iterable(shown)))}
    for part, panel, numbers in zip(parts.ravel(), panels, shown, strict=False):
        top, bottom = part.subfigures(2, 1, height_ratios=[2.5, 1.0])
        axes = top.subplots()
        for number in numbers:
            round_of_colors, color = divmod(ranks[number], len(CLASS_COLORS))
            axes.plot(
                panel.amounts, 100 * panel.probabilities[:, number], color=CLASS_COLORS[color],
                ls=LINES[round_of_colors % len(LINES)], lw=2.6 if number == predicted else 1.2,
                label=shorten(classes[number], 16),
            )  # fmt: skip
        axes.axvline(panel.identity, color=GRAY, lw=1.0)
        for amount in panel.lost:
            axes.axvline(amount, color=INK, lw=1.0, ls="--")
            axes.annotate(f"{amount:.3g}", (amount, 101), fontsize=7.5, ha="center", annotation_clip=False)
        axes.set_ylim(0, 100)
        axes.set_xlim(panel.amounts[0], panel.amounts[-1])
        axes.set_ylabel("probability, %", fontsize=8)
        axes.set_xlabel(panel.label, fontsize=8.5)
        axes.tick_params(labelsize=7.5)
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        clean_axes(axes)
        for cell, (amount, image) in zip(bottom.subplots(1, len(panel.images)), panel.images, strict=True):
            clean_axes(cell, ticks=False)
            cell.imshow(image)
            cell.set_title(f"{amount:.3g}", fontsize=7, pad=2, fontweight="normal", color=GRAY)
    sheet.suptitle(title, fontsize=11)
    return sheet


def _strongest(panel: CurvePanel, predicted: int) -> list[int]:
    """Numbers of the classes that a panel shows, the predicted one first."""
    strongest = np.argsort(-panel.probabilities.max(0), kind="stable")[:MOST_CURVES].tolist()
    return list(dict.fromkeys([predicted, *strongest]))
