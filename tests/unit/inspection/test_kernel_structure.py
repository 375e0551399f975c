"""Structure of kernels: noise has none, edges and trained kernels do."""

from pathlib import Path

import numpy as np
import pytest

from alexnet.errors import GeometryError
from alexnet.inspection.kernel_structure import DIRECTIONS, kernel_structure


def plain_structure(kernel: np.ndarray) -> float:
    """The definition, weight by weight."""
    channels, height, width = kernel.shape
    results = []
    for down, right in DIRECTIONS:
        products = first = second = 0.0
        for channel in range(channels):
            for y in range(height):
                for x in range(width):
                    if 0 <= y + down < height and 0 <= x + right < width:
                        one, two = kernel[channel, y, x], kernel[channel, y + down, x + right]
                        products, first, second = products + one * two, first + one**2, second + two**2
        results.append(products / (first * second) ** 0.5)
    return max(results)


def test_structure_equals_its_definition() -> None:
    kernels = np.random.default_rng(0).normal(size=(4, 3, 5, 6))
    np.testing.assert_allclose(kernel_structure(kernels), [plain_structure(kernel) for kernel in kernels])


def test_white_noise_has_a_structure_of_a_tenth() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 3, 11, 11)).astype(np.float32)
    assert 0.05 < np.median(kernel_structure(noise)) < 0.15


def test_kernels_of_caffe_are_structured(shared_data: Path) -> None:
    with np.load(shared_data / "weights" / "caffe_alexnet_conv_q7.npz") as arrays:
        weights = arrays["conv1.weight"].astype(np.float32)
    assert np.median(kernel_structure(weights)) == pytest.approx(0.94, abs=0.01)


@pytest.mark.parametrize(("down", "right"), DIRECTIONS)
def test_stripes_have_full_structure_along_themselves(down: int, right: int) -> None:
    y, x = np.mgrid[0:11, 0:11]
    stripes = np.sin(1.3 * (right * y - down * x))[None, None]
    assert kernel_structure(stripes)[0] == pytest.approx(1.0)


def test_alternating_signs_count_by_their_diagonals_and_zeros_not_at_all() -> None:
    y, x = np.mgrid[0:5, 0:5]
    board = (-1.0) ** (y + x)
    assert kernel_structure(np.stack([board, 0 * board])[:, None]).tolist() == [1.0, 0.0]


def test_kernels_too_small_to_shift_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"kernels of shape \(2, 3, 1, 1\): give .* of at least 3 x 3"):
        kernel_structure(np.zeros((2, 3, 1, 1)))
