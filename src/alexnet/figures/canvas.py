"""The sheet that all figures are drawn on: one look, no global state, drawn by itself in a notebook."""

import io
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from alexnet.errors import RunError
from alexnet.files import disk_errors, write_whole

__all__ = ["BLUE", "GREY", "INK", "ORANGE", "Sheet", "clean_axes", "png_bytes", "save_figure", "svg_text"]

BLUE, ORANGE, GREY, INK = "#2a6fb0", "#d9691f", "#9aa3ab", "#22282e"
"""Training, held-out, what recedes, and text."""

STYLE: Any = {
    "font.family": ["DejaVu Sans", "Noto Sans CJK JP", "Arial Unicode MS", "sans-serif"],
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "path",
    "svg.hashsalt": "alexnet",
    "text.parse_math": False,  # names of classes and files may hold a $
}


logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # of several fonts one is there


class Sheet(Figure):
    """A matplotlib Figure with our look that a notebook shows as it is."""

    def __init__(self, width: float, height: float) -> None:
        """width, height: inches at 100 px an inch."""
        with matplotlib.rc_context(STYLE):
            super().__init__(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")
        FigureCanvasAgg(self)

    def grid(self, rows: int, columns: int, **options: Any) -> list[list[Axes]]:
        """Axes in rows and columns."""
        with matplotlib.rc_context(STYLE):
            axes = self.subplots(rows, columns, squeeze=False, **options)
        return [list(row) for row in axes]

    def _repr_png_(self) -> bytes:
        return _render(self, "png")

    def savefig(self, *args: Any, **options: Any) -> None:
        """As matplotlib's, in our look; names that hold a $ are no mathematics."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
        with matplotlib.rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box stands for what no font has
            super().savefig(*args, **options)


def clean_axes(axes: Axes, *, ticks: bool = True) -> None:
    """Leave out the lines that say nothing."""
    for side in ("top", "right") if ticks else ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    if not ticks:
        axes.set_xticks([])
        axes.set_yticks([])


def _render(sheet: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    with matplotlib.rc_context(STYLE):
        sheet.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def png_bytes(sheet: Figure) -> bytes:
    """The figure as a PNG file's bytes."""
    return _render(sheet, "png")


def svg_text(sheet: Figure) -> str:
    """The figure as an `<svg>` element, to be put into a page."""
    text = _render(sheet, "svg").decode("utf-8")
    return text[text.index("<svg") :]


KINDS: Sequence[str] = ("png", "svg", "pdf", "jpg", "jpeg", "webp")


def save_figure(sheet: Figure, path: Path) -> Path:
    """Write a figure, whole, in the form that the ending names: PNG, SVG, PDF, JPEG or WebP.

    Raises:
        RunError: another ending, or the folder cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise RunError(f"{path}: unknown ending; choose one of .{', .'.join(KINDS)}")
    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, lambda beside: beside.write_bytes(_render(sheet, kind)))
    return path
