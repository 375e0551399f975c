"""One image on its way through a network: a row for each layer, and the decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, Sheet, clean_axes, shorten
from alexnet.figures.tiles import kernel_image
from alexnet.figures.unit_patches import shown_patch

__all__ = ["DecisionBars", "Stage", "StageMap", "draw_decision", "draw_path", "draw_stage"]

Tiles = Sequence[tuple[np.ndarray, np.ndarray]]
"""Patches [h, w, 3], uint8, each with where it is image, [h, w]."""

SIDE = 20
"""Characters of a class's name below the contributions, at most."""

CELL = 1.02
"""Side of a map or a patch, inches."""


@dataclass(frozen=True, eq=False)
class StageMap:
    """A map: its unit's address, largest value, values, those before, kernel [3, k, k], and patches."""

    unit: str
    maximum: float
    values: np.ndarray
    before: np.ndarray | None
    kernel: np.ndarray | None
    patches: Tiles


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer: its name, kind, number of maps, and the strongest of them."""

    layer: str
    kind: str
    num_maps: int
    maps: Sequence[StageMap]


@dataclass(frozen=True, eq=False)
class DecisionBars:
    """The decision: two classes, contributions by unit with images that excite the unit, and probabilities."""

    winner: str
    runner_up: str
    contributions: Sequence[tuple[str, float]]
    images: Sequence[Tiles]
    logit_difference: float
    bias_difference: float
    probabilities: Sequence[tuple[str, float]]


def draw_path(title: str, image: np.ndarray, stages: Sequence[Stage], decision: DecisionBars) -> Figure:
    """Everything on one figure: the image [S, S, 3], a row for each layer, the decision below."""
    heights = [0.25 + CELL * 1.15 for _ in stages]
    bottom = _decision_height(decision)
    sheet = Sheet(_width(stages), sum(heights) + bottom + 0.5)
    parts: Any = sheet.subfigures(len(stages) + 1, 1, squeeze=False, height_ratios=[*heights, bottom])[:, 0]
    for part, stage in zip(list(parts)[:-1], stages, strict=True):
        _fill_stage(part, stage)
    _fill_decision(parts[-1], decision, image)
    sheet.suptitle(title, fontsize=11)
    return sheet


def draw_stage(stage: Stage) -> Figure:
    """One layer alone."""
    sheet = Sheet(_width([stage]), 0.3 + CELL * 1.2)
    _fill_stage(sheet, stage)
    return sheet


def draw_decision(decision: DecisionBars, image: np.ndarray) -> Figure:
    """The decision alone."""
    sheet = Sheet(11.0, _decision_height(decision))
    _fill_decision(sheet, decision, image)
    return sheet


def _width(stages: Sequence[Stage]) -> float:
    cells = max((len(stage.maps) * _cells(stage) for stage in stages), default=0)
    return max(CELL * cells + 0.6, 9.0)


def _cells(stage: Stage) -> int:
    """Cells for each map of a stage: kernel, map before, map, patches, and a gap."""
    first = stage.maps[0]
    return max(len(one.patches) for one in stage.maps) + 1 + (first.kernel is not None) + (first.before is not None)


def _decision_height(decision: DecisionBars) -> float:
    return max(0.44 * len(decision.contributions) + 1.2, 3.2)


def _fill_stage(part: Any, stage: Stage) -> None:
    columns = _cells(stage)
    grid = part.subplots(1, columns * len(stage.maps), squeeze=False)[0]
    for cell in grid:
        clean_axes(cell, ticks=False)
    for place, one in enumerate(stage.maps):
        cells = iter(grid[place * columns : (place + 1) * columns])
        if one.kernel is not None:
            _kernel(next(cells), one.kernel)
        if one.before is not None:
            _map(next(cells), one.before, "before")
        words = f"{one.unit}\nat most {one.maximum:.3g}"
        _map(next(cells), one.values, words if one.before is None else f"{words}")
        for (pixels, inside), cell in zip(one.patches, cells, strict=False):
            cell.imshow(shown_patch(pixels, inside), interpolation="nearest" if len(pixels) < 48 else "antialiased")
    grid[0].set_ylabel(f"{stage.layer}\n{stage.kind}", fontsize=8.5)


def _map(axes: Axes, values: np.ndarray, words: str) -> None:
    low = min(float(values.min()), 0.0)
    axes.imshow(values, cmap="viridis", vmin=low, vmax=max(float(values.max()), low + 1e-9), interpolation="nearest")
    axes.set_title(words, fontsize=7, pad=2, fontweight="normal", color=INK)


def _kernel(axes: Axes, kernel: np.ndarray) -> None:
    axes.imshow(kernel_image(kernel, float(np.abs(kernel).max())), interpolation="nearest")
    axes.set_title("kernel", fontsize=7, pad=2, fontweight="normal", color=GRAY)


def _fill_decision(part: Any, decision: DecisionBars, image: np.ndarray) -> None:
    """The image, bars of probabilities, bars of contributions with the images that excite each unit."""
    left, middle, right = part.subfigures(1, 3, width_ratios=[2.2, 4.4, 2.6])
    own, chances = left.subplots(2, 1)
    clean_axes(own, ticks=False)
    own.imshow(image)
    _probabilities(chances, decision)
    axes = middle.subplots()
    places = np.arange(len(decision.contributions))
    values = [value for _, value in decision.contributions]
    axes.barh(places, values, color=[BLUE if value > 0 else ORANGE for value in values], height=0.72)
    axes.set_yticks(places, [unit for unit, _ in decision.contributions], fontsize=8)
    axes.axvline(0.0, color=INK, lw=0.8)
    axes.set_ylim(len(places) - 0.5, -0.5)
    sides = f"for {shorten(decision.winner, SIDE)} (blue), for {shorten(decision.runner_up, SIDE)} (orange)"
    axes.set_xlabel(f"contribution to the logit difference:\n{sides}", fontsize=8)
    rest = decision.logit_difference - decision.bias_difference - sum(values)
    axes.set_title(
        f"{decision.logit_difference:.2f} = {sum(values):+.2f} shown {rest:+.2f} other units "
        f"{decision.bias_difference:+.2f} biases",
        fontsize=8.5, fontweight="normal",
    )  # fmt: skip
    clean_axes(axes)
    count = max((len(tiles) for tiles in decision.images), default=0)
    if count:
        grid = right.subplots(len(decision.images), count, squeeze=False)
        for cells, tiles in zip(grid, decision.images, strict=True):
            for cell in cells:
                clean_axes(cell, ticks=False)
            for cell, (pixels, inside) in zip(cells, tiles, strict=False):
                cell.imshow(shown_patch(pixels, inside))


def _probabilities(axes: Axes, decision: DecisionBars) -> None:
    ranked = sorted(decision.probabilities, key=lambda pair: -pair[1])[:5]
    colors = {decision.winner: BLUE, decision.runner_up: ORANGE}
    axes.barh(
        range(len(ranked)), [100 * value for _, value in ranked], color=[colors.get(n, GRAY) for n, _ in ranked]
    )
    axes.set_yticks(range(len(ranked)), [shorten(name, 14) for name, _ in ranked], fontsize=8)
    axes.set_xlim(0, 100)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.invert_yaxis()
    axes.set_xlabel("probability, %", fontsize=8)
    clean_axes(axes)
