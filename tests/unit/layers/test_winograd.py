"""Convolution by tiles: the same numbers as torch's in float64, forth and back."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from alexnet.layers.winograd import TILES, tile_for, transforms, winograd_conv2d

CASES = [(3, 1, 4), (3, 1, 13), (3, 0, 7), (3, 1, 2), (3, 2, 5), (5, 2, 10), (5, 2, 27), (5, 0, 9), (5, 2, 3)]


@pytest.mark.parametrize(("kernel_size", "padding", "side"), CASES)
@pytest.mark.parametrize("groups", [1, 2])
def test_equals_direct_convolution_forth_and_back(kernel_size: int, padding: int, side: int, groups: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 12, side, side + 1).relu().requires_grad_()
    weight = (torch.randn(8, 12 // groups, kernel_size, kernel_size) * 0.03).requires_grad_()
    bias = torch.randn(8).requires_grad_()
    ours = winograd_conv2d(x, weight, bias, padding=padding, groups=groups)
    exact = [t.detach().double().requires_grad_() for t in (x, weight, bias)]
    truth = F.conv2d(*exact, padding=padding, groups=groups)
    gradient = torch.randn_like(ours)
    for y, values, g in ((ours, (x, weight, bias), gradient), (truth, exact, gradient.double())):
        y.backward(g)
        assert all(value.grad is not None for value in values)
    pairs = [(ours, truth), *((a.grad, b.grad) for a, b in zip((x, weight, bias), exact, strict=True))]
    for got, wanted in pairs:
        assert got is not None and wanted is not None
        assert (got - wanted).abs().max() < 2e-5 * wanted.abs().max()


def test_frozen_inputs_or_kernels_get_no_gradient() -> None:
    x, weight = torch.randn(1, 3, 4, 4), torch.randn(2, 3, 3, 3, requires_grad=True)
    winograd_conv2d(x, weight, None, padding=1).sum().backward()
    assert x.grad is None and weight.grad is not None


def test_second_derivative_is_refused_not_wrong() -> None:
    x, weight = torch.randn(1, 3, 4, 4, requires_grad=True), torch.randn(2, 3, 3, 3, requires_grad=True)
    y = winograd_conv2d(x, weight, None, padding=1).square().sum()
    (slope,) = torch.autograd.grad(y, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize(("kernel_size", "tile"), [(r, m) for r, tiles in TILES.items() for m in tiles])
def test_matrices_give_a_correlation(kernel_size: int, tile: int) -> None:
    matrices, points = transforms(tile, kernel_size), tile + kernel_size - 1
    x, w = torch.randn(points, points).double(), torch.randn(kernel_size, kernel_size).double()
    y = matrices.outputs.double() @ (
        (matrices.inputs.double() @ x.flatten()) * (matrices.kernel.double() @ w.flatten())
    )
    by_hand = torch.zeros(tile, tile).double()
    for i, j, a, b in itertools.product(range(tile), range(tile), range(kernel_size), range(kernel_size)):
        by_hand[i, j] += x[i + a, j + b] * w[a, b]
    torch.testing.assert_close(y.view(tile, tile), by_hand, rtol=1e-5, atol=1e-5)


def test_tile_with_fewest_products_is_taken() -> None:
    assert tile_for(3, 4, 4) == 4  # 36 against 4 x 16
    assert tile_for(3, 2, 2) == 2  # 16 against 36
    assert tile_for(5, 10, 10) == 4  # 9 x 64 against 25 x 36
    assert tile_for(5, 2, 2) == 2  # 36 against 64
