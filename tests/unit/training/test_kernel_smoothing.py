"""Smooth updates of conv1: the smoothing itself, and what Muon makes of noise with and without it."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from alexnet.inspection.kernel_structure import kernel_structure
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from alexnet.recipe import Recipe
from alexnet.training.kernel_smoothing import smooth_kernels
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Rates


def test_smoothing_is_scipy_s_convolution_with_a_binomial_kernel() -> None:
    kernels = np.random.default_rng(0).normal(size=(3, 2, 5, 7))
    binomial = np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = [[convolve(plane, binomial, mode="nearest") for plane in kernel] for kernel in kernels]
    np.testing.assert_allclose(smooth_kernels(torch.from_numpy(kernels)).numpy(), expected, atol=1e-12)


def test_constant_kernels_stay_and_the_checkerboard_goes() -> None:
    board = (-1.0) ** (torch.arange(9)[:, None] + torch.arange(9))
    torch.testing.assert_close(smooth_kernels(torch.ones(1, 1, 9, 9)), torch.ones(1, 1, 9, 9))
    assert smooth_kernels(board[None, None])[..., 1:-1, 1:-1].abs().max() < 1e-6


def update_of(gradient: torch.Tensor, *, smooth: bool) -> torch.Tensor:
    """What one step takes off conv1 for a gradient."""
    network = AlexNet.empty(get_variant("seminar"), size=67, num_classes=3)
    initialize(network, "fan_in", seed=0)
    before = network["conv1"].weight.detach().clone()
    network["conv1"].weight.grad = gradient
    Optimizers(network, Recipe(optimizer="muon", smooth_conv1=smooth)).step(Rates(1.0, 1.0))
    return before - network["conv1"].weight.detach()


@pytest.mark.parametrize("smooth", [False, True])
def test_a_noisy_gradient_gives_a_structured_update_only_where_it_is_smoothed(smooth: bool) -> None:
    update = update_of(torch.randn(96, 3, 11, 11, generator=torch.Generator().manual_seed(0)), smooth=smooth)
    structure = float(np.median(kernel_structure(update.numpy())))
    assert (structure > 0.6) == smooth
    assert update.norm() > 0.02


def test_conv2_is_not_smoothed() -> None:
    network = AlexNet.empty(get_variant("seminar"), size=67, num_classes=3)
    initialize(network, "fan_in", seed=0)
    gradient = torch.randn(network["conv2"].weight.shape, generator=torch.Generator().manual_seed(0))
    before = network["conv2"].weight.detach().clone()
    weights = []
    for smooth in (False, True):
        with torch.no_grad():
            network["conv2"].weight.copy_(before)
        network["conv2"].weight.grad = gradient.clone()
        Optimizers(network, Recipe(optimizer="muon", smooth_conv1=smooth)).step(Rates(1.0, 1.0))
        weights.append(network["conv2"].weight.detach().clone())
    assert torch.equal(*weights)


def test_conv1_starts_with_its_own_std() -> None:
    network = AlexNet.empty(get_variant("seminar"), size=67, num_classes=3)
    initialize(network, "fan_in", seed=0, conv1_std=0.0074)
    assert float(network["conv1"].weight.detach().std()) == pytest.approx(0.0074, rel=0.02)
    assert float(network["conv2"].weight.detach().std()) == pytest.approx((2 / 2400) ** 0.5, rel=0.02)
