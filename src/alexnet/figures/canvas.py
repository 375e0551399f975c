"""The figure that everything is drawn on: one style, no global state, shown by itself in a notebook."""

import io
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from alexnet.errors import RunError
from alexnet.figures.file_kinds import figure_kind
from alexnet.files import disk_errors, shown_name, write_whole

__all__ = [
    "BLUE", "GRAY", "INK", "ORANGE", "RED", "Sheet", "clean_axes", "png_bytes", "save_figure", "shorten", "svg_text",
]  # fmt: skip

BLUE, ORANGE, RED, GRAY, INK = "#2a6fb0", "#d9691f", "#b3261e", "#9aa3ab", "#22282e"
"""Training, held-out, classified wrongly (as on the pages), background, and text."""

FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Arial Unicode MS")
"""Fonts for names in any script; those that are not installed are left out, because matplotlib warns of each."""

STYLE: Any = {
    "font.family": [*(font for font in FONTS if font in fontManager.get_font_names()), "sans-serif"],
    "font.size": 10,
    "axes.edgecolor": GRAY,
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
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
}


class Sheet(Figure):
    """A matplotlib Figure in our style, which a notebook shows without being told to."""

    def __init__(self, width: float, height: float) -> None:
        """Args:
        width, height: inches, at 100 px per inch.
        """
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
        """As in matplotlib, in our style. A $ in a name starts no formula, and what no font can show is escaped."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
            text.set_text("\n".join(map(shown_name, text.get_text().split("\n"))))
        with matplotlib.rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # shown as a box
            with self._laid_out():
                super().savefig(*args, **options)

    @contextmanager
    def _laid_out(self) -> Iterator[None]:
        """Everything in its place, and no layout engine, for which matplotlib would draw the figure once more."""
        engine = self.get_layout_engine()
        if engine is not None and self.axes:
            engine.execute(self)
            self.set_layout_engine(None)
        try:
            yield
        finally:
            self.set_layout_engine(engine)


def shorten(text: str, width: int) -> str:
    """A name in at most `width` characters, escaped as `shown_name` does it.

    >>> shorten("a name that is too long", 12), shorten("n01440764_10026.JPEG", 12)
    ('a name that…', 'n01440764_1…')
    """
    text = shown_name(text)
    if len(text) <= width:
        return text
    return textwrap.shorten(text, width, placeholder="…") if " " in text[:width] else text[: width - 1] + "…"


def clean_axes(axes: Axes, *, ticks: bool = True) -> None:
    """Remove the lines on the top and the right, or, without ticks, all of them."""
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
    """The figure as the bytes of a PNG file."""
    return _render(sheet, "png")


def svg_text(sheet: Figure) -> str:
    """The figure as an `<svg>` element for a page."""
    text = _render(sheet, "svg").decode("utf-8")
    return text[text.index("<svg") :]


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Write a figure as PNG, SVG, PDF, JPEG or WebP, by the suffix of the path; returns the path.

    Raises:
        RunError: another suffix, or the file cannot be written.

    >>> save_figure(Sheet(4, 3), "figure.png").name
    'figure.png'
    """
    path = Path(path)
    kind = figure_kind(path)
    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, lambda beside: beside.write_bytes(_render(figure, kind)))
    return path
