"""A figure for a dark page: dark ground, light ink, and the pixels of its images as they were."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from alexnet.figures.canvas import INK, Sheet, png_bytes
from alexnet.figures.dark import GROUND, LIGHT, darken
from alexnet.figures.kernel_change import draw_kernel_change
from alexnet.figures.mosaic import draw_mosaic


def pixels_of(figure: Sheet) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png_bytes(figure))).convert("RGB"))


def test_ground_ink_and_lines_change() -> None:
    sheet = Sheet(4, 3)
    axes = sheet.grid(1, 1)[0][0]
    axes.plot([0, 1], [0, 1], color=INK, marker="o", mfc="white")
    axes.scatter([0.5], [0.2], color=INK, edgecolors="white")
    axes.errorbar([0.3], [0.3], yerr=[0.1], color="black", alpha=0.5, label="a name")
    axes.legend()
    text = axes.text(0.5, 0.5, "ink")
    kept = axes.text(0.5, 0.6, "on a dark cell", color="white")
    sheet.suptitle("title")
    light = pixels_of(sheet)
    assert darken(sheet) is sheet
    dark = pixels_of(sheet)
    assert tuple(light[0, 0]) == (255, 255, 255) and to_hex(dark[0, 0] / 255) == GROUND
    assert light.mean() > 230 and dark.mean() < 60
    assert to_hex(axes.lines[0].get_color()) == LIGHT and to_hex(axes.lines[0].get_markerfacecolor()) == GROUND
    assert to_hex(text.get_color()) == LIGHT and to_hex(kept.get_color()) == "#ffffff"
    assert to_hex(axes.collections[0].get_facecolor()[0]) == LIGHT
    assert {to_hex(label.get_color()) for label in axes.get_xticklabels()} == {LIGHT}
    assert axes.collections[1].get_edgecolor()[0][3] == pytest.approx(0.5), "as opaque as it was"


def test_colors_of_a_color_map_stay() -> None:
    sheet = Sheet(3, 3)
    dots = sheet.grid(1, 1)[0][0].scatter([0, 1], [0, 1], c=[0.0, 1.0], cmap="viridis")
    before = dots.to_rgba([0.0, 1.0])
    darken(sheet)
    png_bytes(sheet)
    np.testing.assert_array_equal(dots.get_facecolor(), before)


@pytest.mark.parametrize("color", [(1.0, 1.0, 1.0), (0.8, 0.2, 0.4)])
def test_pixels_of_images_stay(color: tuple[float, float, float]) -> None:
    tiles = np.broadcast_to(np.array(color), (2, 5, 5, 3))
    counts = []
    for change in (lambda figure: figure, darken):
        pixels = pixels_of(change(draw_mosaic(tiles, ["a", "b"], title="", columns=2, inches=1.0)))
        counts.append(int((pixels == np.round(255 * np.array(color))).all(2).sum()))
    assert counts[1] > 1000 and (counts[0] == counts[1] or color == (1.0, 1.0, 1.0))


def test_between_kernels_is_the_ground() -> None:
    weights = [np.full((4, 3, 5, 5), value) for value in (0.0, -0.1)]
    ground = pixels_of(draw_kernel_change(*weights, title="", caption=""))
    assert (ground == 255).all(2).mean() > 0.1
    dark = pixels_of(darken(draw_kernel_change(*weights, title="", caption="")))
    assert not (dark == 255).all(2).any(), "no white is left"
