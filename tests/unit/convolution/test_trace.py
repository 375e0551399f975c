"""The walk step by step, and the talk's slides as its golden numbers."""

import numpy as np
import pytest
from scipy import signal

from alexnet.convolution.trace import DEMO_IMAGE, DEMO_KERNEL, demo_trace, trace_convolution
from alexnet.errors import DataError, RecipeError

SLIDES = {  # the talk, slides "Convolution III"
    0: "O[1,1] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·0 = 0",
    1: "O[1,2] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·0 = 0",
    4: "O[1,5] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·0 = 0",
    5: "O[2,1] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·0 = 0",
    6: "O[2,2] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·1 = 1",
}


def test_the_talks_slides_are_reproduced() -> None:
    trace = demo_trace()
    assert {number: trace[number].equation for number in SLIDES} == SLIDES
    assert trace[6].corner == (1, 1)
    assert trace[6].slid.tolist() == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
    finished = trace.window(trace[-1]).output
    assert finished[2:5, 2:5].tolist() == DEMO_KERNEL.tolist()
    assert np.isnan(finished[[0, -1]]).all()
    assert np.isnan(finished[:, [0, -1]]).all()
    assert np.nansum(finished) == 45


def test_output_fills_up_row_by_row() -> None:
    trace = demo_trace()
    output = trace.window(trace[6]).output
    assert np.argwhere(~np.isnan(output)).tolist() == [[1, 1], [1, 2], [1, 3], [1, 4], [1, 5], [2, 1], [2, 2]]


def test_correlation_returns_the_kernel_turned() -> None:
    trace = demo_trace("correlation")
    assert trace.window(trace[24]).output[2:5, 2:5].tolist() == DEMO_KERNEL[::-1, ::-1].tolist()


@pytest.mark.parametrize("operation", ["convolution", "correlation"])
@pytest.mark.parametrize("size", ["valid", "same", "full"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4)])
def test_values_of_all_steps_equal_scipy_with_stride(operation: str, size: str, shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    image, kernel = generator.integers(-9, 9, (7, 9)), generator.integers(-9, 9, shape)
    trace = trace_convolution(image, kernel, size=size, operation=operation, stride=(2, 3))  # type: ignore[arg-type]
    oracle = signal.convolve2d if operation == "convolution" else signal.correlate2d
    expected = oracle(image, kernel, size)[::2, ::3]
    assert np.array([step.value for step in trace]).reshape(trace.shape).tolist() == expected.tolist()
    for step in trace:
        assert step.running[-1] == step.value
        assert (step.products == step.patch * step.slid).all()


def test_trace_of_a_large_image_costs_nothing_until_a_step_is_asked_for() -> None:
    image = np.broadcast_to(np.uint8(1), (3000, 4000))  # one byte: reading it all would be a copy of 12 MB
    trace = trace_convolution(image, np.ones((3, 3), dtype=int))
    assert len(trace) == 2998 * 3998
    assert trace[-1].value == 9
    assert trace.window(trace[5_000_000]).output.shape == (12, 12)


def test_border_cells_are_marked_and_hold_what_is_read() -> None:
    trace = trace_convolution([[1, 2, 3]], [[1, 1, 1]], size="same", border="replicate")
    assert trace[0].patch.tolist() == [[1, 1, 2]]
    assert trace[0].inside.tolist() == [[False, True, True]]


def test_negative_factors_stand_in_brackets() -> None:
    assert trace_convolution([[-1]], [[-2.5]])[0].equation == "O[0,0] = (-2.5)·(-1) = 2.5"


def test_step_that_is_not_there_and_bad_input_are_refused() -> None:
    with pytest.raises(IndexError, match="steps 0 to 24"):
        demo_trace()[25]
    with pytest.raises(RecipeError, match="stride"):
        trace_convolution(DEMO_IMAGE, DEMO_KERNEL, stride=0)
    with pytest.raises(DataError, match="one channel"):
        trace_convolution(np.zeros((3, 3, 3)), DEMO_KERNEL)
    with pytest.raises(DataError, match="not finite"):
        trace_convolution([[float("nan")]], [[1.0]])[0]
    with pytest.raises(DataError, match="64 bits"):
        trace_convolution([[2**62]], [[4]])[0]


def test_trace_and_step_draw_themselves_in_a_notebook() -> None:
    trace = demo_trace()
    assert "<table" in trace._repr_html_()
    assert "O[2,2]" in trace[6]._repr_html_()
