"""For any size, border, type and kernel: the fast way equals SciPy, PyTorch and the definition."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal
from torch.nn import functional as F

from alexnet.convolution.definition import convolve_by_definition
from alexnet.convolution.fast import ERROR_BOUND, convolve2d
from alexnet.convolution.trace import trace_convolution

SIDES = st.integers(1, 40)
TAPS = st.integers(1, 11)
SIZES = st.sampled_from(["valid", "same", "full"])
BORDERS = st.sampled_from(["zero", "reflect", "replicate", "circular"])
OPERATIONS = st.sampled_from(["convolution", "correlation"])
FLOATS = st.sampled_from(["float16", "float32", "float64"])
INTEGERS = st.sampled_from(["uint8", "int8", "uint16", "int16", "int32", "int64"])
SEEDS = st.integers(0, 2**32 - 1)


def _close(result: np.ndarray, expected: np.ndarray, image: np.ndarray, kernel: np.ndarray) -> None:
    bound = ERROR_BOUND[result.dtype.name] * float(np.abs(image).max()) * float(np.abs(kernel).sum())
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= bound


@settings(max_examples=120, deadline=None)
@given(SIDES, SIDES, TAPS, TAPS, SIZES, OPERATIONS, FLOATS, st.sampled_from(["auto", "direct", "fft"]), SEEDS)
def test_floats_with_zeros_outside_equal_scipy(
    height: int, width: int, rows: int, columns: int, size: str, operation: str, kind: str, method: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    image, kernel = generator.normal(size=(height, width)).astype(kind), generator.normal(size=(rows, columns))
    if size == "valid" and (rows > height or columns > width):
        return
    oracle = signal.convolve2d if operation == "convolution" else signal.correlate2d
    result = convolve2d(image, kernel, size=size, operation=operation, method=method)  # type: ignore[arg-type]
    _close(result, oracle(image.astype(float), kernel, size), image.astype(float), kernel)


@settings(max_examples=120, deadline=None)
@given(SIDES, SIDES, TAPS, TAPS, SIZES, BORDERS, OPERATIONS, INTEGERS, st.booleans(), SEEDS)
def test_integers_equal_the_definition_exactly(
    height: int,
    width: int,
    rows: int,
    columns: int,
    size: str,
    border: str,
    operation: str,
    kind: str,
    separable: bool,
    seed: int,
) -> None:
    generator = np.random.default_rng(seed)
    span = np.iinfo(kind)
    low, high = max(span.min, -(2**40)), min(span.max, 2**40)
    image = generator.integers(low, high, (min(height, 16), min(width, 20)), endpoint=True).astype(kind)
    kernel = generator.integers(-99, 99, (min(rows, 6), min(columns, 6)))
    kernel = np.outer(kernel[:, 0], kernel[0]) if separable else kernel
    if size == "valid" and (kernel.shape[0] > image.shape[0] or kernel.shape[1] > image.shape[1]):
        return
    options = {"size": size, "border": border, "operation": operation}
    result = convolve2d(image, kernel, **options)  # type: ignore[arg-type]
    assert result.dtype.kind == "i"
    assert (result == convolve_by_definition(image, kernel, **options)).all()  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    SIDES,
    SIDES,
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from(
        [("reflect", "mirror"), ("replicate", "nearest"), ("circular", "grid-wrap"), ("zero", "constant")]
    ),
    SEEDS,
)
def test_odd_kernels_equal_scipy_ndimage_at_every_border(
    height: int, width: int, a: int, b: int, names: tuple[str, str], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    image, kernel = generator.normal(size=(height, width)), generator.normal(size=(2 * a + 1, 2 * b + 1))
    result = convolve2d(image, kernel, border=names[0])  # type: ignore[arg-type]
    _close(result, ndimage.convolve(image, kernel, mode=names[1]), image, kernel)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(6, 40),
    st.integers(6, 40),
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from(["reflect", "replicate", "circular"]),
    SEEDS,
)
def test_correlation_equals_pytorch_with_its_padding_modes(
    height: int, width: int, a: int, b: int, border: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    image = generator.normal(size=(height, width)).astype(np.float32)
    kernel = generator.normal(size=(2 * a + 1, 2 * b + 1)).astype(np.float32)
    padded = F.pad(torch.from_numpy(image).double()[None, None], (b, b, a, a), mode=border)
    expected = F.conv2d(padded, torch.from_numpy(kernel).double()[None, None])[0, 0].numpy()
    result = convolve2d(image, kernel, border=border, operation="correlation")  # type: ignore[arg-type]
    _close(result, expected, image, kernel)


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 150), st.integers(40, 150), st.integers(12, 37), st.integers(12, 37), SIZES, BORDERS, SEEDS)
def test_large_kernels_take_the_fft_and_stay_within_the_bound(
    height: int, width: int, rows: int, columns: int, size: str, border: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    image = generator.uniform(0, 255, (height, width)).astype(np.float32)
    kernel = generator.normal(size=(rows, columns))
    direct = convolve2d(image.astype(float), kernel, size=size, border=border, method="direct")  # type: ignore[arg-type]
    result = convolve2d(image, kernel, size=size, border=border)  # type: ignore[arg-type]
    _close(result, direct, image, kernel)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 4),
    BORDERS,
    OPERATIONS,
    st.integers(1, 3),
    SEEDS,
)
def test_trace_ends_in_the_values_of_the_definition(
    height: int, width: int, rows: int, columns: int, border: str, operation: str, stride: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    image, kernel = generator.integers(-9, 9, (height, width)), generator.integers(-9, 9, (rows, columns))
    options = {"size": "same", "border": border, "operation": operation}
    trace = trace_convolution(image, kernel, stride=stride, **options)  # type: ignore[arg-type]
    expected = convolve_by_definition(image, kernel, **options)[::stride, ::stride]  # type: ignore[arg-type]
    assert [step.value for step in trace] == expected.ravel().tolist()
