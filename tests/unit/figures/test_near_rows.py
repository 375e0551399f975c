"""The figure of similar images: what stands where, and how a label that differs is marked."""

from pathlib import Path

import numpy as np
import pytest

import alexnet
from alexnet.errors import DataError
from alexnet.evaluation.predict import read_image
from alexnet.figures.canvas import RED, save_figure
from alexnet.figures.near_rows import NearRow, draw_near
from alexnet.runs.run import Run


def test_labels_that_differ_are_red_and_marked(tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    near = [(pixels, "cat", 1.25), (pixels, "dog", 2.5)]
    rows = [NearRow(pixels, "a/b.png", "cat", 0.97, near), NearRow(pixels, "c.png", "dog", 0.5, near[:1])]
    figure = draw_near(rows, title="near")
    titles = [(axes.get_title(), axes.title.get_color() == RED) for axes in figure.axes]
    assert titles == [
        ("predicted, 97 %:\ncat", False), ("cat", False), ("✗ dog", True),
        ("predicted, 50 %:\ndog", False), ("✗ cat", True), ("", False),
    ]  # fmt: skip
    below = [axes.get_xlabel() for axes in figure.axes]
    assert below == ["b.png", "distance 1.25", "distance 2.5", "c.png", "distance 1.25", ""]
    for ending in ("png", "svg", "pdf"):
        assert save_figure(figure, tmp_path / f"near.{ending}").stat().st_size > 1000


def test_figure_shows_the_pixels_of_the_neighbors(narrow_run: Run, image_folder: Path) -> None:
    results = alexnet.neighbours(narrow_run, sorted((image_folder / "test" / "down").iterdir())[:2], k=3)
    figure = alexnet.draw_neighbors(results)
    assert len(figure.axes) == 2 * 4
    for row, similar in enumerate(results):
        shown = [axes.images[0].get_array() for axes in figure.axes[4 * row : 4 * row + 4]]
        files = [similar.file, *(image_folder / near.file for near in similar.neighbours)]
        for pixels, file in zip(shown, files, strict=True):
            np.testing.assert_array_equal(pixels, read_image(file, narrow_run.model))
    assert len(results[0].draw().axes) == 4
    with pytest.raises(DataError, match="there is no image to draw"):
        alexnet.draw_neighbors([])
