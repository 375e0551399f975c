"""The Triton kernels on the CPU, in Triton's own interpreter, against torch and against loops in float64."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("triton", reason="Triton is not installed: it comes with torch's builds for GPUs")


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module with kernels that Triton interprets instead of compiling."""
    from alexnet.layers import lrn_triton

    monkeypatch.setenv("TRITON_INTERPRET", "1")
    lrn_triton._kernels.cache_clear()
    yield lrn_triton
    lrn_triton._kernels.cache_clear()


def by_definition(rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> Tensor:
    """Map by map."""
    width, maps = rows.shape[1] // groups, []
    for i in range(rows.shape[1]):
        first, last = i // width * width, i // width * width + width - 1
        window = rows[:, max(first, i - size // 2) : min(last, i + (size - 1) // 2) + 1]
        maps.append(rows[:, i] / (k + scale * window.square().sum(1)) ** beta)
    return torch.stack(maps, 1)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 1e-6), (torch.bfloat16, 2.0**-6), (torch.float16, 2.0**-9)],  # the interpreter rounds towards 0
    ids=str,
)
@pytest.mark.parametrize(
    ("channels", "size", "groups", "beta"),
    [(96, 5, 1, 0.75), (96, 5, 2, 0.75), (256, 4, 1, 0.5), (5, 9, 1, 1.0), (6, 15, 2, 0.75), (5, 1, 1, 0.6)],
)
def test_both_ways_equal_the_definition(
    kernels: ModuleType, channels: int, size: int, groups: int, beta: float, dtype: torch.dtype, tolerance: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = (torch.randn(23, channels, generator=generator) * 20).to(dtype)
    gradient = torch.randn(23, channels, generator=generator).to(dtype)
    exact = rows.double().requires_grad_()
    expected = by_definition(exact, size, groups, 0.02, beta, 1.5)
    expected.backward(gradient.double())
    assert exact.grad is not None

    y, root = kernels.forward(rows, size, groups, 0.02, beta, 1.5)
    dx = kernels.backward(gradient, rows, root, size, groups, 0.02, beta)
    assert y.dtype == root.dtype == dx.dtype == dtype
    torch.testing.assert_close(y.double(), expected.detach(), rtol=tolerance, atol=1e-7)
    torch.testing.assert_close(dx.double(), exact.grad, rtol=tolerance, atol=4 * tolerance * float(exact.grad.std()))


@pytest.mark.parametrize("size", [2, 5])
def test_both_ways_equal_torchs_layer(kernels: ModuleType, size: int) -> None:
    """More numbers than one program computes, the last program not full."""
    x = (torch.randn(2, 24, 7, 5, generator=torch.Generator().manual_seed(0)) * 20).requires_grad_()
    expected = nn.LocalResponseNorm(size, alpha=0.1, beta=0.75, k=2.0)(x)
    gradient = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    expected.backward(gradient)
    assert x.grad is not None

    rows, own = (value.detach().permute(0, 2, 3, 1).reshape(-1, 24) for value in (x, gradient))
    y, root = kernels.forward(rows, size, 1, 0.1 / size, 0.75, 2.0)
    dx = kernels.backward(own, rows, root, size, 1, 0.1 / size, 0.75)
    torch.testing.assert_close(y.view(2, 7, 5, 24).permute(0, 3, 1, 2), expected.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(dx.view(2, 7, 5, 24).permute(0, 3, 1, 2), x.grad, rtol=1e-4, atol=1e-6)


def test_gradient_that_is_spread_out_is_taken_as_it_is(kernels: ModuleType) -> None:
    """A sum's gradient is one number for all places."""
    rows = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    _, root = kernels.forward(rows, 3, 1, 0.1, 0.75, 1.0)
    spread = torch.ones(()).expand(3, 8)
    one, other = (kernels.backward(g, rows, root, 3, 1, 0.1, 0.75) for g in (spread, torch.ones(3, 8)))
    assert torch.equal(one, other)


def test_no_rows_are_no_launch(kernels: ModuleType) -> None:
    y, root = kernels.forward(torch.empty(0, 8), 3, 1, 0.1, 0.75, 1.0)
    assert y.shape == root.shape == (0, 8)
