"""The steps of a trace as figures of one size."""

from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.convolution.trace import trace_convolution
from alexnet.figures.trace_steps import draw_steps, write_animation


def uneven() -> np.ndarray:
    """An image whose sums are short at its start and long at its end."""
    image = np.zeros((5, 6))
    image[2:, 3:] = -1234.5678
    return image


def test_steps_of_an_animation_have_one_size(tmp_path: Path) -> None:
    trace = trace_convolution(uneven(), "0.12345 -0.2345 0.3456; 1 2 3; 4 5 6")
    alone = {trace.draw(number).get_size_inches().tolist()[1] for number in range(len(trace))}
    assert len(alone) > 1  # without care the heights differ
    figures = list(trace.draw_all())
    assert {tuple(figure.get_size_inches()) for figure in figures} == {(figures[0].get_figwidth(), max(alone))}
    with Image.open(write_animation(figures, tmp_path / "a.gif")) as gif:
        assert gif.n_frames == len(trace)  # type: ignore[attr-defined]
        assert gif.size == tuple(int(100 * side) for side in figures[0].get_size_inches())


def test_no_steps_are_no_figures() -> None:
    assert not list(draw_steps([]))
