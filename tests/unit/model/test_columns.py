"""Convolution as a product of matrices against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from alexnet.model.columns import columns_conv2d


def _apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The difference's length as a share of the expected one's."""
    return ((found.double() - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    ("size", "padding", "height", "width"), [(3, 1, 4, 4), (3, 0, 3, 5), (3, 2, 2, 1), (5, 2, 2, 3), (1, 0, 2, 2)]
)
def test_equals_a_convolution_in_float64_within_bfloat16(size: int, padding: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 6, height, width).bfloat16().double().requires_grad_()
    weight = torch.randn(7, 6, size, size).bfloat16().double().requires_grad_()
    bias = torch.randn(7).bfloat16().double().requires_grad_()
    exact = F.conv2d(x, weight, bias, padding=padding)
    towards = torch.randn_like(exact).bfloat16().double()
    exact_gradients = torch.autograd.grad(exact, (x, weight, bias), towards)
    inputs = [x.detach().bfloat16(), weight.detach().float(), bias.detach().float()]
    inputs = [value.requires_grad_() for value in inputs]
    y = columns_conv2d(*inputs, padding=padding)
    gradients = torch.autograd.grad(y, inputs, towards.bfloat16())
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert _apart(y, exact) < 2.0**-8
    for value, found, expected in zip(inputs, gradients, exact_gradients, strict=True):
        assert found.dtype == value.dtype
        assert found.shape == value.shape
        assert _apart(found, expected) < 2.0**-8


def test_no_bias_a_relu_in_place_and_gradients_not_asked_for() -> None:
    x, weight = torch.randn(2, 4, 3, 3), torch.randn(5, 4, 3, 3, requires_grad=True)
    y = columns_conv2d(x, weight, None, padding=1).relu_()
    y.sum().backward()
    assert x.grad is None
    expected = F.conv2d(x.bfloat16(), weight.bfloat16(), padding=1).relu()
    assert _apart(y.detach(), expected.detach().double()) < 2.0**-7
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
