"""One step of a convolution as a figure: the kernel on the image, the sum of products, the output so far."""

import io
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

from alexnet.errors import RunError
from alexnet.figures.canvas import BLUE, GRAY, INK, ORANGE, Sheet, clean_axes
from alexnet.files import disk_errors, shown_name, write_whole

__all__ = ["StepDrawing", "draw_step", "draw_steps", "write_animation", "write_pages"]

TINT, BORDER_TINT, DONE_TINT = "#f9d9c4", "#eef0f2", "#dbe8f5"

CELL = 0.42
"""Side of a cell, inches."""

ANIMATIONS = (".gif", ".png", ".apng")


@dataclass(frozen=True, eq=False)
class StepDrawing:
    """What a figure shows of a step.

    image, output: [h, w], NaN where a cell is empty. inside: [h, w], false where the border replaces a pixel. first:
    indices of the upper left cell. slid: [k, l], the kernel as it lies on the image. corner: its first cell. place:
    the cell of the output; both are counted from the upper left cell. equation: the sum of products.
    """

    image: np.ndarray
    inside: np.ndarray
    output: np.ndarray
    first: tuple[int, int]
    slid: np.ndarray
    corner: tuple[int, int]
    place: tuple[int, int]
    equation: str
    title: str


def draw_steps(steps: Sequence[StepDrawing]) -> Iterator[Figure]:
    """Steps of one trace, as `draw_step` draws them, all with room for the longest sum: figures of one size."""
    most = max((len(_lines(step)) for step in steps), default=0)
    return (draw_step(step, room=most) for step in steps)


def draw_step(step: StepDrawing, *, room: int = 0) -> Figure:
    """The image on the left with the kernel on it, the output on the right, the sum of products below.

    Args:
        room: lines below that the figure has room for, at least.
    """
    rows, columns = step.image.shape
    gap = _gap(columns)
    lines = _lines(step)
    below = 1.6 + 0.62 * max(len(lines), room)
    across, down = 2 * columns + gap + 1.6, rows + 2.3 + below
    sheet = Sheet(max(across * CELL, 5.0), down * CELL)
    axes = sheet.grid(1, 1)[0][0]
    clean_axes(axes, ticks=False)
    axes.set_xlim(-1.1, across - 1.1)
    axes.set_ylim(rows + below, -2.3)
    axes.set_aspect("equal")
    small = 10.0 if max(_widest(step.image), _widest(step.output)) <= 3 else 7.0
    _draw_grid(axes, step.image, 0.0, small, inside=step.inside)
    _draw_kernel(axes, step, small)
    right = columns + gap
    _draw_grid(axes, step.output, right, small, fill=DONE_TINT)
    v, u = step.place[1] + right, step.place[0]
    axes.add_patch(Rectangle((v, u), 1, 1, fill=False, edgecolor=BLUE, lw=2.4, zorder=5))
    _draw_indices(axes, step.first, step.image.shape, 0.0)
    _draw_indices(axes, step.first, step.image.shape, right)
    middle = rows / 2
    arrow = FancyArrowPatch(
        (columns + 0.5, middle), (right - 0.9, middle), arrowstyle="-|>", mutation_scale=16, color=BLUE, lw=1.6
    )
    axes.add_patch(arrow)
    axes.text((columns + right - 0.4) / 2, middle - 0.35, step.equation.split(" = ")[0], ha="center", fontsize=11)
    value = step.equation.rsplit(" = ", 1)[1]
    axes.text(
        (columns + right - 0.4) / 2,
        middle + 0.85,
        f"= {value}",
        ha="center",
        fontsize=13,
        color=BLUE,
        fontweight="bold",
    )
    for name, left in (("I[u,v]", 0.0), ("O[u,v]", right)):
        axes.text(left + columns / 2, rows + 0.75, name, ha="center", fontsize=12, style="italic")
    for place, line in enumerate(lines):
        axes.text(across / 2 - 1.1, rows + 1.65 + 0.62 * place, line, ha="center", fontsize=9.5, family="DejaVu Sans")
    axes.text(across / 2 - 1.1, -1.6, step.title, ha="center", fontsize=11, fontweight="bold")
    return sheet


def _gap(columns: int) -> float:
    """Cells between the image and the output."""
    return max(4.0, 11.0 - 0.5 * columns)


def _lines(step: StepDrawing) -> list[str]:
    """The sum of products, broken between products, and shortened if it has more than five lines."""
    equation, columns = step.equation, step.image.shape[1]
    characters = int((2 * columns + _gap(columns)) * CELL * 11)
    glued = equation.replace(" + ", "\u00a0+ ").replace("] = ", "]\u00a0=\u00a0")
    lines = textwrap.wrap(glued, max(characters, 40), break_long_words=False)
    if len(lines) > 5:
        lines = [*lines[:4], f"…  ({equation.count('·')} products)  {lines[-1]}"]
    return lines


def _widest(values: np.ndarray) -> int:
    return max((len(_number(value)) for value in values.ravel() if not math.isnan(value)), default=1)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"


def _draw_grid(
    axes: Axes, values: np.ndarray, left: float, size: float, *, inside: np.ndarray | None = None, fill: str = "white"
) -> None:
    for (row, column), value in np.ndenumerate(values):
        outside = inside is not None and not inside[row, column]
        empty = math.isnan(value)
        ground = BORDER_TINT if outside else "white" if empty else fill
        style = ":" if outside else "-"
        axes.add_patch(Rectangle((left + column, row), 1, 1, facecolor=ground, edgecolor=GRAY, lw=0.8, ls=style))
        if not empty:
            axes.text(
                left + column + 0.92,
                row + 0.66,
                _number(value),
                ha="right",
                va="center",
                fontsize=size,
                color=GRAY if outside else INK,
                fontweight="bold" if value and not outside else "normal",
                zorder=4,
            )


def _draw_kernel(axes: Axes, step: StepDrawing, size: float) -> None:
    top, left = step.corner
    rows, columns = step.slid.shape
    for (row, column), weight in np.ndenumerate(step.slid):
        where = (left + column, top + row)
        axes.add_patch(Rectangle(where, 1, 1, facecolor=TINT, alpha=0.75, edgecolor=ORANGE, lw=0.8, zorder=3))
        axes.text(
            where[0] + 0.07,
            where[1] + 0.25,
            _number(float(weight)),
            ha="left",
            va="center",
            fontsize=0.8 * size,
            color="#a8480f",
            fontweight="bold",
            zorder=4,
        )
    axes.add_patch(Rectangle((left, top), columns, rows, fill=False, edgecolor=ORANGE, lw=2.4, zorder=5))


def _draw_indices(axes: Axes, first: tuple[int, int], shape: tuple[int, ...], left: float) -> None:
    for row in range(shape[0]):
        axes.text(left - 0.18, row + 0.5, str(first[0] + row), ha="right", va="center", fontsize=7, color=GRAY)
    for column in range(shape[1]):
        axes.text(
            left + column + 0.5, -0.18, str(first[1] + column), ha="center", va="bottom", fontsize=7, color=GRAY
        )


def write_pages(figures: Iterable[Figure], path: Path) -> Path:
    """Write figures as a PDF, one on each page.

    Raises:
        RunError: the file cannot be written.
    """

    def write(beside: Path) -> None:
        with PdfPages(beside, metadata={"CreationDate": None}) as pages:
            for figure in figures:
                figure.savefig(pages, format="pdf")

    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, write)
    return path


def write_animation(figures: Iterable[Figure], path: Path, *, seconds: float = 0.8) -> Path:
    """Write figures as an animated GIF, or as an animated PNG (`.png`, `.apng`); the last one stays longest.

    Raises:
        RunError: another suffix, or the file cannot be written.
    """
    if path.suffix.lower() not in ANIMATIONS:
        raise RunError(f"{shown_name(path)}: unknown suffix; choose one of {', '.join(ANIMATIONS)}")
    frames: Sequence[Image.Image] = [_frame(figure) for figure in figures]
    durations = [round(1000 * seconds)] * (len(frames) - 1) + [round(3000 * seconds)]
    gif = path.suffix.lower() == ".gif"
    if gif:
        palette = frames[-1].quantize(255)
        frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]

    def write(beside: Path) -> None:
        frames[0].save(
            beside,
            format="GIF" if gif else "PNG",
            save_all=True,
            append_images=list(frames[1:]),
            duration=durations,
            loop=0,
        )

    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, write)
    return path


def _frame(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer).convert("RGB")
