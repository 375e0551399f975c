"""Winograd's convolution: the same numbers as torch's in float64, forward and backward."""

import pytest
import torch
import torch.nn.functional as F

from alexnet.layers.winograd import winograd_conv2d

CASES = [(3, 1, 4), (3, 1, 13), (3, 0, 7), (3, 1, 2), (3, 2, 5), (5, 2, 10), (5, 2, 27), (5, 0, 9), (5, 2, 3)]


@pytest.mark.parametrize(("kernel_size", "padding", "side"), CASES)
@pytest.mark.parametrize("groups", [1, 2])
def test_equals_direct_convolution_forward_and_backward(
    kernel_size: int, padding: int, side: int, groups: int
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 12, side, side + 1).relu().requires_grad_()
    weight = (torch.randn(8, 12 // groups, kernel_size, kernel_size) * 0.03).requires_grad_()
    bias = torch.randn(8).requires_grad_()
    ours = winograd_conv2d(x, weight, bias, padding=padding, groups=groups)
    exact = [t.detach().double().requires_grad_() for t in (x, weight, bias)]
    exact_y = F.conv2d(*exact, padding=padding, groups=groups)
    gradient = torch.randn_like(ours)
    for y, values, g in ((ours, (x, weight, bias), gradient), (exact_y, exact, gradient.double())):
        y.backward(g)
        assert all(value.grad is not None for value in values)
    pairs = [(ours, exact_y), *((a.grad, b.grad) for a, b in zip((x, weight, bias), exact, strict=True))]
    for result, expected in pairs:
        assert result is not None and expected is not None
        assert (result - expected).abs().max() < 2e-5 * expected.abs().max()


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
