"""Local response normalization against torch, the paper's formula, and numeric gradients."""

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.model.lrn import LocalResponseNorm, local_response_norm


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("channels", [1, 3, 8])
def test_equals_torch_where_alpha_is_divided(size: int, channels: int) -> None:
    x = torch.randn(2, channels, 4, 3, dtype=torch.float64) * 20
    ours = local_response_norm(x, size, alpha=0.02, beta=0.75, k=1.3)
    torch.testing.assert_close(ours, nn.functional.local_response_norm(x, size, 0.02, 0.75, 1.3))


def test_paper_formula_does_not_divide_alpha() -> None:
    x = torch.randn(1, 8, 1, 1, dtype=torch.float64) * 50
    a = x[0, :, 0, 0].numpy()
    expected = [
        a[i] / (2 + 1e-4 * sum(a[j] ** 2 for j in range(max(0, i - 2), min(7, i + 2) + 1))) ** 0.75 for i in range(8)
    ]
    ours = local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=False)
    np.testing.assert_allclose(ours[0, :, 0, 0].numpy(), expected, rtol=1e-12)
    divided = local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
    torch.testing.assert_close(ours, divided)


@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_gradient_is_right(beta: float) -> None:
    x = torch.randn(2, 6, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: local_response_norm(v, 5, alpha=0.5, beta=beta, k=1.0), (x,))


def test_gradient_equals_torch_in_float32_channels_last() -> None:
    x = (torch.randn(3, 16, 5, 5) * 30).to(memory_format=torch.channels_last)
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    weight = torch.randn_like(x)
    (local_response_norm(first, 5) * weight).sum().backward()
    (nn.functional.local_response_norm(second, 5, 1e-4, 0.75, 2.0) * weight).sum().backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_layer_equals_function_and_says_its_numbers() -> None:
    layer, x = LocalResponseNorm(5, 1e-4, 0.75, 2.0), torch.randn(1, 8, 3, 3)
    torch.testing.assert_close(layer(x), local_response_norm(x, 5))
    assert repr(layer) == "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"


def test_bfloat16_stays_near_float32() -> None:
    x = torch.randn(2, 96, 4, 4) * 30
    exact, coarse = local_response_norm(x, 5), local_response_norm(x.bfloat16(), 5)
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), exact, rtol=0.03, atol=0.05)
