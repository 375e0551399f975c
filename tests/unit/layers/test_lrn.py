"""Local response normalization against torch, the paper's formula, and numeric gradients."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.layers import lrn
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.layers.lrn import LocalResponseNorm, MapResponseNorm, local_response_norm


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


def by_loops(a: np.ndarray, k: float, scale: float, beta: float, size: int, groups: int) -> np.ndarray:
    """(k + scale * sum of a² over the window within the tower)^beta, place by place, in float64."""
    out, width = np.empty_like(a), a.shape[1] // groups
    for n, i, y, x in np.ndindex(*a.shape):
        first, last = i // width * width, i // width * width + width - 1
        window = range(max(first, i - size // 2), min(last, i + (size - 1) // 2) + 1)
        out[n, i, y, x] = a[n, i, y, x] / (k + scale * sum(a[n, j, y, x] ** 2 for j in window)) ** beta
    return out


CONVENTIONS = {  # (k, alpha, divided, groups) and what the formula sums with
    "paper §3.3": ((2.0, 1e-4, False, 1), 1e-4),
    "2012 program": ((2.0, 1e-4, True, 2), 1e-4 / 5),
    "Caffe": ((1.0, 1e-4, True, 1), 1e-4 / 5),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_convention_equals_its_formula_forward_and_backward(name: str) -> None:
    (k, alpha, divided, groups), scale = CONVENTIONS[name]
    x = torch.randn(2, 12, 2, 3, dtype=torch.float64, requires_grad=True)
    large = x.detach() * 80
    ours = local_response_norm(large, 5, alpha=alpha, beta=0.75, k=k, alpha_divided=divided, groups=groups)
    np.testing.assert_allclose(ours.numpy(), by_loops(large.numpy(), k, scale, 0.75, 5, groups), rtol=1e-12)
    # backward: numeric differences, at a scale at which the denominator matters
    assert torch.autograd.gradcheck(
        lambda v: local_response_norm(v, 5, alpha=alpha * 6400, beta=0.75, k=k, alpha_divided=divided, groups=groups),
        (x,),
    )


def test_window_ends_where_its_tower_does() -> None:
    x = torch.zeros(1, 8, 1, 1, dtype=torch.float64)
    x[0, 3] = 100.0
    x[0, 4] = 1.0
    joined = local_response_norm(x, 5, alpha=1.0, k=1.0)[0, 4].item()
    parted = local_response_norm(x, 5, alpha=1.0, k=1.0, groups=2)[0, 4].item()
    assert joined < 0.01
    assert parted == pytest.approx(1 / 1.2**0.75)


def test_norm_within_a_map_equals_its_formula() -> None:
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64) * 50
    a, expected = x.numpy(), np.empty(x.shape)
    for n, c, i, j in np.ndindex(*x.shape):
        around = a[n, c, max(0, i - 2) : i + 3, max(0, j - 2) : j + 3]
        expected[n, c, i, j] = a[n, c, i, j] / (1 + 1e-3 / 25 * (around**2).sum()) ** 0.75
    np.testing.assert_allclose(MapResponseNorm()(x).numpy(), expected, rtol=1e-12)
    assert repr(MapResponseNorm()) == "MapResponseNorm(5, alpha=0.001, beta=0.75, k=1.0)"


@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_gradient_is_right(beta: float) -> None:
    x = torch.randn(2, 6, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: local_response_norm(v, 5, alpha=0.5, beta=beta, k=1.0), (x,))


@pytest.mark.parametrize(("size", "groups"), [(1, 1), (2, 1), (4, 3), (5, 2), (7, 1)])
def test_windows_of_any_size_in_groups_forward_and_backward(size: int, groups: int) -> None:
    x = torch.randn(2, 6, 2, 3, dtype=torch.float64, requires_grad=True)

    def ours(v: Tensor) -> Tensor:
        return local_response_norm(v, size, alpha=0.5, beta=0.6, k=1.0, groups=groups)

    parts = [nn.functional.local_response_norm(part, size, 0.5, 0.6, 1.0) for part in x.chunk(groups, 1)]
    torch.testing.assert_close(ours(x), torch.cat(parts, 1))
    assert torch.autograd.gradcheck(ours, (x,))


def test_groups_that_do_not_divide_the_maps_are_refused() -> None:
    with pytest.raises(GeometryError, match="5 channels do not divide into 2 groups"):
        local_response_norm(torch.randn(1, 5, 2, 2), 3, groups=2)


COMPILED = """
import copy, torch
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import get_variant

torch.manual_seed(0)
plain = AlexNet(get_variant("paper"), size=67, num_classes=3, dropout=0.0).train()
compiled = torch.compile(copy.deepcopy(plain), backend="aot_eager", fullgraph=True)
x = torch.randn(2, 3, 67, 67) * 60
plain(x).square().sum().backward(), compiled(x).square().sum().backward()
for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
    torch.testing.assert_close(one.grad, other.grad)
print("alike")
"""
"""In a process without the tests' import hooks, which torch cannot trace."""


@pytest.mark.slow
def test_network_is_compiled_without_a_break() -> None:
    ended = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "alike", ended.stderr[-2000:]


def test_gradient_equals_torch_in_float32_channels_last() -> None:
    x = (torch.randn(3, 16, 5, 5) * 30).to(memory_format=torch.channels_last)
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    weight = torch.randn_like(x)
    (local_response_norm(first, 5) * weight).sum().backward()
    (nn.functional.local_response_norm(second, 5, 1e-4, 0.75, 2.0) * weight).sum().backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_layer_equals_function_and_prints_its_arguments() -> None:
    layer, x = LocalResponseNorm(5, 1e-4, 0.75, 2.0), torch.randn(1, 8, 3, 3)
    torch.testing.assert_close(layer(x), local_response_norm(x, 5))
    assert repr(layer) == "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"


def test_bfloat16_stays_near_float32() -> None:
    x = torch.randn(2, 96, 4, 4) * 30
    exact, coarse = local_response_norm(x, 5), local_response_norm(x.bfloat16(), 5)
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), exact, rtol=0.03, atol=0.05)


@pytest.fixture
def fast_matmul(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU with fast bfloat16 matmul, whatever this one is."""
    monkeypatch.setattr(lrn, "has_fast_bfloat16", lambda: True)


def errors_against_float64(
    x: Tensor,
    upstream: Tensor,
    *,
    allow_matmul: bool,
    size: int = 5,
    groups: int = 1,
    beta: float = 0.75,
    k: float = 2.0,
) -> tuple[float, float]:
    """Relative errors of the output and of the gradient against torch's layer in float64."""
    own = x.clone().requires_grad_()
    y = local_response_norm(own, size, alpha=0.1 * size, beta=beta, k=k, groups=groups, allow_matmul=allow_matmul)
    y.backward(upstream)
    exact = x.double().requires_grad_()
    parts = [nn.functional.local_response_norm(part, size, 0.1 * size, beta, k) for part in exact.chunk(groups, 1)]
    expected = torch.cat(parts, 1)
    expected.backward(upstream.double())
    assert own.grad is not None and exact.grad is not None
    assert y.dtype == own.grad.dtype == x.dtype
    return tuple(  # type: ignore[return-value]
        ((result.double() - right).norm() / right.norm()).item()
        for result, right in ((y.detach(), expected.detach()), (own.grad, exact.grad))
    )


@pytest.mark.usefixtures("fast_matmul")
@pytest.mark.parametrize(
    ("size", "groups", "beta", "k"),
    [(5, 1, 0.75, 2.0), (4, 2, 0.75, 1.0), (3, 3, 0.6, 1.5), (1, 1, 0.75, 1.0), (7, 1, 0.5, 2.0)],
)
def test_bfloat16_is_near_float64_on_either_path(size: int, groups: int, beta: float, k: float) -> None:
    torch.manual_seed(0)
    # 138 channels are several blocks of unequal length; 13,000 rows are more than one block of rows
    x, upstream = ((torch.randn(2, 138, 65, 100) * 3).bfloat16() for _ in range(2))
    numbers = {"size": size, "groups": groups, "beta": beta, "k": k}
    for allow_matmul in (True, False):
        output_error, gradient_error = errors_against_float64(x, upstream, allow_matmul=allow_matmul, **numbers)
        assert output_error < 2.0**-7
        assert gradient_error < 2.0**-7


def test_float32_in_many_blocks_is_near_float64() -> None:
    torch.manual_seed(0)
    x, upstream = torch.randn(2, 96, 65, 100) * 30, torch.randn(2, 96, 65, 100)
    assert max(errors_against_float64(x, upstream, allow_matmul=True)) < 1e-6


@pytest.mark.usefixtures("fast_matmul")
def test_only_training_with_fast_paths_computes_in_bfloat16() -> None:
    layer, x = LocalResponseNorm(5, 0.5, 0.75, 2.0), torch.randn(2, 96, 4, 4).bfloat16().requires_grad_()
    exact = local_response_norm(x.detach().float(), 5, alpha=0.5).bfloat16()
    allow_fast_paths(layer, True)
    fast = layer.train()(x)
    assert not torch.equal(fast, exact)
    torch.testing.assert_close(fast, exact, rtol=2.0**-6, atol=0.0)
    assert torch.equal(layer.eval()(x), exact)
    with torch.no_grad():
        assert torch.equal(layer.train()(x), exact)
    allow_fast_paths(layer, False)
    assert torch.equal(layer.train()(x), exact)
    allow_fast_paths(layer, True)
    assert torch.equal(layer(x.float()).bfloat16(), exact)


@pytest.mark.parametrize(("size", "groups"), [(5, 1), (4, 2), (1, 3)])
def test_what_compilers_trace_is_the_same_formula(monkeypatch: pytest.MonkeyPatch, size: int, groups: int) -> None:
    x = torch.randn(2, 12, 3, 5, dtype=torch.float64, requires_grad=True)
    step_by_step = local_response_norm(x, size, alpha=0.5, groups=groups)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    traced = local_response_norm(x, size, alpha=0.5, groups=groups)
    torch.testing.assert_close(traced, step_by_step)
    upstream = torch.randn_like(x)
    gradients = [torch.autograd.grad(y, x, upstream)[0] for y in (step_by_step, traced)]
    torch.testing.assert_close(*gradients)
