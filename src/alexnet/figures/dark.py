"""A figure for a dark page: its ground, ink and lines change color, the pixels of its images stay as they are."""

from typing import Any

from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from alexnet.figures.canvas import BLUE, INK, ORANGE, RED

__all__ = ["GROUND", "darken"]

GROUND, LIGHT = "#15191d", "#e6eaee"
"""Ground and ink of a dark page, as in web/style.css."""

INKS = {
    to_rgb(INK): LIGHT, to_rgb("black"): LIGHT,
    to_rgb(BLUE): "#7db8ee", to_rgb(ORANGE): "#f0903f", to_rgb(RED): "#ff8a80",
}  # fmt: skip
COLORS = INKS | {to_rgb("white"): GROUND}
"""Color → its color in the dark; others stay. White text stays, too: it is written on dark cells."""

PROPERTIES: tuple[tuple[type[Artist], tuple[str, ...]], ...] = (
    (Text, ("color",)),
    (Line2D, ("color", "markerfacecolor", "markeredgecolor")),
    (Patch, ("facecolor", "edgecolor")),
    (Collection, ("facecolor", "edgecolor")),
)


def darken(figure: Figure) -> Figure:
    """Change the colors of a figure that is not drawn again in the light; returns the same figure.

    >>> from alexnet.figures.canvas import Sheet
    >>> darken(Sheet(4, 3)).get_facecolor() == to_rgba(GROUND)
    True
    """
    figure.draw_without_rendering()  # so that every tick exists
    for artist in figure.findobj():
        for kind, names in PROPERTIES:
            if isinstance(artist, kind):
                for name in names:
                    _change(artist, name)
    return figure


def _change(artist: Artist, name: str) -> None:
    colors = INKS if isinstance(artist, Text) else COLORS
    now: Any = getattr(artist, f"get_{name}")()
    change = getattr(artist, f"set_{name}")
    if not isinstance(artist, Collection):
        if not isinstance(now, str) or now not in ("none", "None", "auto"):
            change(_dark(now, colors))
    elif len(now) and not (name == "facecolor" and artist.get_array() is not None):  # a color map makes these
        change([_dark(each, colors) for each in now])


def _dark(color: Any, colors: dict[tuple[float, float, float], str]) -> tuple[float, float, float, float]:
    """A color in the dark, as opaque as it was."""
    red, green, blue, alpha = to_rgba(color)
    known = colors.get((red, green, blue))
    return to_rgba(known, alpha) if known else (red, green, blue, alpha)
