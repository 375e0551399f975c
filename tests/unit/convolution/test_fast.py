"""The fast way: the definition's numbers, whatever the type, the method and the layout in memory."""

import numpy as np
import pytest
import torch
from scipy import signal

from alexnet.convolution import bands, engines, fast
from alexnet.convolution.definition import convolve_by_definition
from alexnet.convolution.fast import ERROR_BOUND, Method, convolve2d, separate
from alexnet.convolution.threads import share
from alexnet.errors import DataError, RecipeError


def _bound(image: np.ndarray, kernel: np.ndarray, kind: str = "float32") -> float:
    return float(ERROR_BOUND[kind] * np.abs(image).max() * np.abs(kernel).sum())


@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("side", [1, 2, 3, 16, 17, 18, 33])
def test_methods_agree_with_scipy(method: Method, kind: str, side: int) -> None:
    generator = np.random.default_rng(side)
    image, kernel = generator.normal(size=(70, 96)).astype(kind), generator.normal(size=(side, side))
    expected = signal.convolve2d(image.astype(float), kernel, "same")
    result = convolve2d(image, kernel, method=method)
    assert result.dtype == kind
    np.testing.assert_allclose(result, expected, atol=_bound(image, kernel, kind))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_separable_kernel_is_found_and_agrees(kind: str) -> None:
    generator = np.random.default_rng(0)
    image = generator.normal(size=(80, 64)).astype(kind)
    kernel = np.outer(generator.normal(size=9), generator.normal(size=21))
    assert len(separate(kernel, 1e-12)) == 1
    result = convolve2d(image, kernel, method="separable")
    np.testing.assert_allclose(result, signal.convolve2d(image, kernel, "same"), atol=_bound(image, kernel, kind))


def test_rank_is_counted() -> None:
    generator = np.random.default_rng(0)
    two = np.outer(*generator.normal(size=(2, 7))) + np.outer(*generator.normal(size=(2, 7)))
    assert len(separate(two, 1e-12)) == 2
    assert separate(generator.normal(size=(7, 7)), 1e-12) == []


@pytest.mark.parametrize("size", ["valid", "same", "full"])
@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_bands_join_without_a_seam(monkeypatch: pytest.MonkeyPatch, size: str, border: str) -> None:
    monkeypatch.setattr(bands, "BAND_PIXELS", 16 * 64)
    generator = np.random.default_rng(5)
    image, kernel = generator.integers(0, 255, (90, 48), dtype=np.uint8), generator.integers(-3, 4, (5, 4))
    result = convolve2d(image, kernel, size=size, border=border)  # type: ignore[arg-type]
    assert (result == convolve_by_definition(image, kernel, size=size, border=border)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("size", ["valid", "same", "full"])
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("one_piece", [0, 1 << 22])
def test_plane_read_where_it_lies_gives_the_same_in_bands_and_in_one_piece(
    monkeypatch: pytest.MonkeyPatch, size: str, separable: bool, one_piece: int
) -> None:
    monkeypatch.setattr(bands, "BAND_PIXELS", 16 * 64)
    monkeypatch.setattr(fast, "ONE_PIECE", one_piece)
    generator = np.random.default_rng(6)
    image, kernel = generator.normal(size=(90, 48)).astype(np.float32), generator.normal(size=(6, 9))
    kernel = np.outer(kernel[:, 0], kernel[0]) if separable else kernel
    result = convolve2d(image, kernel, size=size)  # type: ignore[arg-type]
    np.testing.assert_allclose(result, signal.convolve2d(image, kernel, size), atol=_bound(image, kernel))


@pytest.mark.parametrize("size", ["valid", "same", "full"])
def test_groups_of_tiles_join_without_a_seam(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setattr(engines, "GROUP_PIXELS", 1)
    generator = np.random.default_rng(6)
    image, kernel = generator.normal(size=(190, 148)).astype(np.float32), generator.normal(size=(19, 24))
    result = convolve2d(image, kernel, size=size, method="fft")  # type: ignore[arg-type]
    np.testing.assert_allclose(result, signal.fftconvolve(image, kernel, size), atol=_bound(image, kernel))


def test_color_is_three_channels_each_by_itself() -> None:
    image = np.random.default_rng(3).integers(0, 255, (20, 33, 3), dtype=np.uint8)
    kernel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    result = convolve2d(image, kernel)
    assert result.dtype == np.int32
    for channel in range(3):
        expected = signal.convolve2d(image[..., channel].astype(int), kernel, "same")
        assert (result[..., channel] == expected).all()


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int32", "int64", "uint64", "bool"])
def test_integers_are_exact(kind: str) -> None:
    generator = np.random.default_rng(7)
    high = 2 if kind == "bool" else min(np.iinfo(kind).max, 2**40)
    image = generator.integers(0, high, (12, 17)).astype(kind)
    kernel = generator.integers(-1000, 1000, (3, 4))
    expected = convolve_by_definition(image, kernel, size="same", border="replicate")
    assert (convolve2d(image, kernel, border="replicate") == expected).all()


def test_sums_near_the_limit_are_exact_and_beyond_it_refused() -> None:
    image = np.array([[2**62, -(2**62)]])
    assert convolve2d(image, [[1, 1]]).tolist() == [[2**62, 0]]
    with pytest.raises(DataError, match="64 bits"):
        convolve2d(np.array([[2**62, 2**62]]), [[1, 1]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("kernel", [np.ones((3, 3)), np.ones((25, 25)), np.array([[1.0]]), np.zeros((3, 3))])
def test_value_that_is_not_finite_is_refused(value: float, kernel: np.ndarray) -> None:
    image = np.ones((40, 48), dtype=np.float32)
    image[0, 0] = value
    with pytest.raises(DataError, match="not finite"):
        convolve2d(image, kernel)


def test_float32_that_overflows_is_refused() -> None:
    with pytest.raises(DataError, match="does not fit into float32"):
        convolve2d(np.full((9, 9), 3e38, dtype=np.float32), np.ones((3, 3)))


def test_large_values_whose_sums_fit_are_not_refused() -> None:
    image = np.full((64, 64), 3e38, dtype=np.float32)
    np.testing.assert_allclose(convolve2d(image, [[1.0]]), image)


@pytest.mark.parametrize("change", ["fortran", "reversed", "big-endian", "read-only", "cut"])
def test_any_layout_in_memory_gives_the_same(change: str) -> None:
    image = np.random.default_rng(1).normal(size=(40, 32)).astype(np.float32)
    kernel = np.random.default_rng(2).normal(size=(3, 5))
    expected = convolve2d(image.copy(), kernel)
    other = {
        "fortran": np.asfortranarray(image),
        "reversed": image[::-1].copy()[::-1],
        "big-endian": image.astype(">f4"),
        "read-only": image.copy(),
        "cut": np.pad(image, 3)[3:-3, 3:-3],
    }[change]
    other.flags.writeable = change != "read-only"
    np.testing.assert_allclose(convolve2d(other, kernel), expected, atol=1e-5)


def test_one_pixel_and_kernels_larger_than_the_image() -> None:
    kernel = np.arange(35.0).reshape(5, 7)
    for border in ("zero", "reflect", "replicate", "circular"):
        result = convolve2d([[2.0]], kernel, border=border)  # type: ignore[arg-type]
        np.testing.assert_allclose(result, convolve_by_definition([[2.0]], kernel, size="same", border=border))  # type: ignore[arg-type]


def test_nothing_of_torch_is_left_changed_and_the_input_neither() -> None:
    image = np.random.default_rng(1).normal(size=(40, 32)).astype(np.float32)
    before, state, threads = image.copy(), torch.random.get_rng_state(), torch.get_num_threads()
    convolve2d(image, np.ones((3, 3)))
    convolve2d(image, np.random.default_rng(1).normal(size=(21, 21)), method="fft")
    assert torch.is_grad_enabled()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (image == before).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_work_is_shared_and_the_number_of_threads_left_as_found_also_on_failure(threads: int) -> None:
    before, done = torch.get_num_threads(), []
    torch.set_num_threads(threads)
    try:
        share(done.append, 7)
        assert sorted(done) == list(range(7))
        with pytest.raises(ZeroDivisionError):
            share(lambda place: done.append(1 // place), 3)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_methods_that_cannot_be_are_refused() -> None:
    with pytest.raises(RecipeError, match="does not give exact integers"):
        convolve2d([[1]], [[1]], method="fft")
    with pytest.raises(RecipeError, match="separable"):
        convolve2d([[1]], [[1, 2], [3, 4]], method="separable")
    with pytest.raises(RecipeError, match="choose one of auto"):
        convolve2d([[1]], [[1]], method="quick")  # type: ignore[arg-type]
