"""Convolution as one matmul against torch's own in float64."""

import pytest
import torch
import torch.nn.functional as F

from alexnet.layers.im2col import im2col_conv2d


def relative_error(result: torch.Tensor, expected: torch.Tensor) -> float:
    """Norm of the difference, divided by the norm of what is expected."""
    return ((result.double() - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    ("size", "padding", "height", "width"), [(3, 1, 4, 4), (3, 0, 3, 5), (3, 2, 2, 1), (5, 2, 2, 3), (1, 0, 2, 2)]
)
def test_equals_a_convolution_in_float64_within_bfloat16(size: int, padding: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 6, height, width).bfloat16().double().requires_grad_()
    weight = torch.randn(7, 6, size, size).bfloat16().double().requires_grad_()
    bias = torch.randn(7).bfloat16().double().requires_grad_()
    exact = F.conv2d(x, weight, bias, padding=padding)
    upstream = torch.randn_like(exact).bfloat16().double()
    exact_gradients = torch.autograd.grad(exact, (x, weight, bias), upstream)
    inputs = [x.detach().bfloat16(), weight.detach().float(), bias.detach().float()]
    inputs = [value.requires_grad_() for value in inputs]
    y = im2col_conv2d(*inputs, padding=padding)
    gradients = torch.autograd.grad(y, inputs, upstream.bfloat16())
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert relative_error(y, exact) < 2.0**-8
    for value, result, expected in zip(inputs, gradients, exact_gradients, strict=True):
        assert result.dtype == value.dtype
        assert result.shape == value.shape
        assert relative_error(result, expected) < 2.0**-8


def test_no_bias_a_relu_in_place_and_no_gradient_for_the_maps() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 4, 3, 3), torch.randn(5, 4, 3, 3, requires_grad=True)
    y = im2col_conv2d(x, weight, None, padding=1).relu_()
    y.sum().backward()
    exact = weight.detach().bfloat16().double().requires_grad_()
    expected = F.conv2d(x.bfloat16().double(), exact, padding=1).relu()
    expected.sum().backward()
    assert weight.grad is not None
    assert exact.grad is not None
    assert weight.grad.dtype == torch.float32
    assert relative_error(y.detach(), expected.detach()) < 2.0**-8
    assert relative_error(weight.grad, exact.grad) < 2.0**-7


@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_layout_and_an_expanded_gradient_give_the_same(count: int) -> None:
    torch.manual_seed(0)
    maps, weight = torch.randn(count, 4, 3, 3), torch.randn(5, 4, 3, 3)
    result = []
    for layout in (torch.contiguous_format, torch.channels_last):
        x, w = maps.clone(memory_format=layout).requires_grad_(), weight.clone(memory_format=layout).requires_grad_()
        y = im2col_conv2d(x, w, None, padding=1)
        y.backward(torch.ones((), dtype=y.dtype).expand(y.shape))
        result.append((y.detach(), x.grad, w.grad))
    for first, second in zip(*result, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
