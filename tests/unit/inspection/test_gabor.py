"""Gabor fits against kernels drawn by the formula, and against the known structure of Caffe's first layer."""

from pathlib import Path

import numpy as np
import pytest

from alexnet.errors import GeometryError
from alexnet.inspection.gabor import compare_towers, first_layer_statistics, fit_gabor


def gabor(*, angle: float, frequency: float, phase: float, sigma: float = 2.2, size: int = 11) -> np.ndarray:
    """A gray Gabor kernel [3, size, size], angles in degrees, y upwards."""
    y, x = np.mgrid[size // 2 : -(size // 2) - 1 : -1, -(size // 2) : size // 2 + 1].astype(float)
    turn = np.radians(angle)
    along = x * np.cos(turn) + y * np.sin(turn)
    wave = np.cos(2 * np.pi * frequency * along + np.radians(phase))
    return np.repeat((np.exp(-(x**2 + y**2) / (2 * sigma**2)) * wave)[None], 3, 0)


@pytest.mark.parametrize("angle", [0.0, 35.0, 90.0, 150.0])
@pytest.mark.parametrize(("frequency", "phase"), [(0.12, 90.0), (0.2, 0.0), (0.16, -90.0)])
def test_parameters_of_a_drawn_gabor_are_found(angle: float, frequency: float, phase: float) -> None:
    (fit,) = fit_gabor(gabor(angle=angle, frequency=frequency, phase=phase)[None])
    assert fit.r_squared > 0.98
    apart = abs(fit.orientation - angle) % 180.0
    assert min(apart, 180.0 - apart) < 4.0
    assert fit.frequency == pytest.approx(frequency, abs=0.02)
    assert fit.kind == ("bar" if phase == 0.0 else "edge")
    assert fit.colorfulness == pytest.approx(0.0, abs=1e-9)


def test_noise_is_fitted_badly_and_blobs_are_told_by_their_color() -> None:
    noise = np.random.default_rng(0).normal(size=(1, 3, 11, 11))
    blob = gabor(angle=0.0, frequency=0.0, phase=0.0)
    red = blob * np.array([1.0, -0.5, -0.5])[:, None, None]
    fits = fit_gabor(np.concatenate([noise, blob[None], red[None]]))
    assert [fit.kind for fit in fits] == ["other", "blob", "color blob"]
    assert fits[2].colorfulness == pytest.approx(1.0)
    assert fits[1].wavelength is None


def test_horizontal_edges_have_orientation_90() -> None:
    sobel = np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    (fit,) = fit_gabor(sobel[None, None])
    assert 80.0 < fit.orientation < 100.0
    assert fit.kind == "edge"


def test_towers_of_equal_color_do_not_differ() -> None:
    colors = np.random.default_rng(0).uniform(size=96)
    assert compare_towers(colors).p_value > 0.05
    assert compare_towers(np.sort(colors)).p_value < 0.001


@pytest.mark.slow
def test_caffes_towers_are_gray_and_colored_as_the_paper_says(shared_data: Path) -> None:
    weights = np.load(shared_data / "weights" / "caffe_alexnet_conv_q7.npz")["conv1.weight"].astype(np.float64)
    result = first_layer_statistics(weights[:, ::-1], has_towers=True)
    assert result.towers is not None
    assert result.towers.p_value < 0.001
    assert result.num_good > 48, "more than half are edges, bars or blobs"
    assert sorted(result.sorted_by_kind()) == list(range(96))


def test_kernels_of_deeper_layers_are_refused() -> None:
    with pytest.raises(GeometryError, match="give \\[out, 1 or 3, k, k\\]"):
        fit_gabor(np.zeros((4, 48, 5, 5)))
