"""What corrections of labels change: test errors, their differences, and the images that are fixed and broken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, RED, Sheet, clean_axes, shorten

__all__ = ["ChangedImage", "ChangedImages", "ErrorDifference", "NetworkError", "draw_retrained"]

Interval = tuple[float, float]

ABREAST = 6
"""Images in a row."""

LABEL, NAME, FILE = 15, 10, 24
"""Characters of the label above an image, of a predicted class, and of the name of the file below, at most."""


@dataclass(frozen=True)
class NetworkError:
    """A network's test error as labeled and with the reviewed labels: fractions, with 95 % intervals."""

    name: str
    labeled: float
    labeled_interval: Interval
    reviewed: float
    reviewed_interval: Interval


@dataclass(frozen=True)
class ErrorDifference:
    """The change of the test error with the reviewed labels, a fraction, with its paired 95 % interval."""

    name: str
    value: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class ChangedImage:
    """A test image, [S, S, 3] uint8, its file, its label, and what is predicted before and after."""

    pixels: np.ndarray
    file: str
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class ChangedImages:
    """Images that are fixed, or broken. title: says which, and how many there are in all."""

    title: str
    images: Sequence[ChangedImage]
    is_broken: bool


def draw_retrained(
    errors: Sequence[NetworkError],
    differences: Sequence[ErrorDifference],
    changed: Sequence[ChangedImages],
    *,
    title: str,
) -> Figure:
    """Errors on the left, their differences on the right, and below them the images whose prediction changes."""
    top = 0.5 * len(errors) + 1.5
    heights = [1.95 * -(-len(group.images) // ABREAST) + 0.3 for group in changed]
    sheet = Sheet(9.6, top + sum(heights) + 0.3)
    parts: Any = sheet.subfigures(1 + len(changed), 1, squeeze=False, height_ratios=[top, *heights])[:, 0]
    left, right = parts[0].subplots(1, 2, width_ratios=[1.5, 1.0])
    _draw_errors(left, errors)
    _draw_differences(right, differences)
    for part, group in zip(parts[1:], changed, strict=True):
        rows = -(-len(group.images) // ABREAST)
        cells = [axes for line in part.subplots(rows, ABREAST, squeeze=False) for axes in line]
        for axes in cells:
            clean_axes(axes, ticks=False)
        for axes, image in zip(cells, group.images, strict=False):
            _show(axes, image, RED if group.is_broken else INK)
        part.suptitle(group.title, fontsize=9.5)
    sheet.suptitle(title, fontsize=10.5)
    return sheet


def _draw_errors(axes: Axes, errors: Sequence[NetworkError]) -> None:
    for place, error in enumerate(errors):
        for offset, color, value, interval in (
            (-0.13, GRAY, error.labeled, error.labeled_interval),
            (0.13, BLUE, error.reviewed, error.reviewed_interval),
        ):
            _draw_point(axes, place + offset, value, interval, color)
    axes.plot([], [], color=GRAY, marker="o", ms=5, lw=1.4, label="as labeled")
    axes.plot([], [], color=BLUE, marker="o", ms=5, lw=1.4, label="with the reviewed labels")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    _set_rows(axes, [error.name for error in errors])
    axes.set_xlim(left=0.0)
    axes.set_xlabel("test error, %,\n95 % interval", fontsize=8.5)


def _draw_differences(axes: Axes, differences: Sequence[ErrorDifference]) -> None:
    for place, each in enumerate(differences):
        leaves_out_0 = each.interval[0] > 0.0 or each.interval[1] < 0.0
        _draw_point(axes, place, each.value, each.interval, ORANGE if leaves_out_0 else BLUE)
    axes.plot([], [], color=ORANGE, marker="o", ms=5, lw=1.4, label="the interval leaves out 0")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes.axvline(0.0, color=INK, lw=0.8)
    _set_rows(axes, [each.name for each in differences])
    axes.set_xlabel("change, percentage points,\npaired 95 % interval", fontsize=8.5)


def _draw_point(axes: Axes, place: float, value: float, interval: Interval, color: str) -> None:
    axes.plot([100 * end for end in interval], [place, place], color=color, lw=1.4)
    axes.plot([100 * value], [place], color=color, marker="o", ms=5)


def _set_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.grid(axis="x", color=GRAY, alpha=0.25, lw=0.6)
    clean_axes(axes)


def _show(axes: Axes, image: ChangedImage, color: str) -> None:
    axes.imshow(image.pixels, interpolation="nearest" if len(image.pixels) < 64 else "antialiased")
    change = f"{shorten(image.before, NAME)} → {shorten(image.after, NAME)}"
    axes.set_title(
        f"label: {shorten(image.label, LABEL)}\n{change}", fontsize=8, pad=3, color=color, fontweight="normal"
    )
    axes.set_xlabel(shorten(image.file.rpartition("/")[2], FILE), fontsize=7, color=GRAY, labelpad=2)
