"""The loops of the formula, against SciPy and numbers worked out by hand."""

import numpy as np
import pytest
from scipy import signal

from alexnet.convolution.definition import convolve_by_definition
from alexnet.errors import DataError, GeometryError, RecipeError

IMPULSE = np.zeros((5, 5), dtype=int)
IMPULSE[2, 2] = 1
NINE = np.arange(1, 10).reshape(3, 3)


def test_convolution_of_an_impulse_is_the_kernel_and_correlation_turns_it() -> None:
    assert convolve_by_definition(IMPULSE, NINE).tolist() == NINE.tolist()
    assert convolve_by_definition(IMPULSE, NINE, operation="correlation").tolist() == NINE[::-1, ::-1].tolist()


@pytest.mark.parametrize("size", ["valid", "same", "full"])
@pytest.mark.parametrize("shape", [(3, 3), (1, 4), (2, 2), (4, 3), (5, 1)])
def test_integers_equal_scipy(size: str, shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    image, kernel = generator.integers(-9, 9, (6, 7)), generator.integers(-9, 9, shape)
    expected = signal.convolve2d(image, kernel, size)
    assert convolve_by_definition(image, kernel, size=size).tolist() == expected.tolist()  # type: ignore[arg-type]
    turned = signal.correlate2d(image, kernel, size)
    result = convolve_by_definition(image, kernel, size=size, operation="correlation")  # type: ignore[arg-type]
    assert result.tolist() == turned.tolist()


@pytest.mark.parametrize(("border", "mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_borders_equal_numpy_padding_even_beyond_the_image(border: str, mode: str) -> None:
    image, kernel = np.arange(6.0).reshape(2, 3), np.random.default_rng(2).normal(size=(7, 9))
    padded = np.pad(image, ((3, 3), (4, 4)), mode=mode)  # type: ignore[call-overload]
    result = convolve_by_definition(image, kernel, size="same", border=border)  # type: ignore[arg-type]
    np.testing.assert_allclose(result, signal.convolve2d(padded, kernel, "valid"), atol=1e-12)


def test_uint8_does_not_wrap() -> None:
    image = np.full((3, 3), 255, dtype=np.uint8)
    assert convolve_by_definition(image, np.full((3, 3), 200, dtype=np.uint8)).item() == 9 * 255 * 200


def test_sum_beyond_64_bits_is_refused() -> None:
    with pytest.raises(DataError, match="does not fit into 64 bits"):
        convolve_by_definition([[2**62]], [[4]])


@pytest.mark.parametrize(
    ("image", "kernel", "kind", "words"),
    [
        ([[1, 2], [3]], [[1]], DataError, "different lengths"),
        ([[]], [[1]], DataError, "empty"),
        (np.zeros((2, 2, 4)), [[1]], DataError, "fourth channel"),
        ([[float("nan")]], [[1]], DataError, "not finite"),
        ([[1]], [[float("inf")]], DataError, "not finite"),
        ([[1]], [1, 2], DataError, "give rows of numbers"),
        ([[1]], [[1, 2]], GeometryError, "size same or full"),
        ([["a"]], [[1]], DataError, "give integers or floats"),
    ],
)
def test_bad_input_is_one_clear_line(image: object, kernel: object, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        convolve_by_definition(image, kernel)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_unknown_word_is_refused_with_the_choices() -> None:
    with pytest.raises(RecipeError, match="zero, reflect, replicate, circular"):
        convolve_by_definition([[1]], [[1]], border="mirror")  # type: ignore[arg-type]
