"""Muon against its formula, and orthogonalized matrices against their singular value decomposition."""

import copy

import pytest
import torch

from alexnet.training.muon import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_orthogonalized_has_the_same_directions_and_equal_strengths(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    ours = orthogonalize(matrix)
    strengths = (left.T @ ours @ right.T).diagonal()
    assert strengths.min() > 0.6
    assert strengths.max() < 1.3
    off = left.T @ ours @ right.T - strengths.diag()
    assert off.abs().max() < 1e-6


@pytest.mark.parametrize("shape", [(96, 363), (64, 600), (300, 40)])
def test_gathered_products_equal_the_iteration_as_it_is_written(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    x = matrix.double() if shape[0] <= shape[1] else matrix.double().T
    x = x / x.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    expected = x if shape[0] <= shape[1] else x.T
    torch.testing.assert_close(orthogonalize(matrix).double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(96, 363), (256, 640)])
@pytest.mark.parametrize("decades", [1, 2])
def test_orthogonalized_in_bfloat16_stays_near_float32(shape: tuple[int, int], decades: int) -> None:
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = (left @ torch.logspace(0, -decades, shape[0]).diag() @ right).bfloat16()
    result, expected = orthogonalize(matrix), orthogonalize(matrix.float())
    assert result.dtype == torch.bfloat16
    apart = ((result.float() - expected).norm() / expected.norm()).item()
    assert apart < 0.06, apart


@pytest.mark.parametrize("kernel", [True, False])
def test_muon_orthogonalizes_in_the_dtype_it_is_given(kernel: bool) -> None:
    torch.manual_seed(0)
    start = torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last) if kernel else torch.randn(8, 20)
    gradient, steps = torch.randn_like(start), {}
    for dtype in (torch.float32, torch.bfloat16):
        weight = torch.nn.Parameter(start.clone())
        muon = copy.deepcopy(Muon([weight], lr=0.1, dtype=dtype))
        (weight,) = muon.param_groups[0]["params"]
        weight.grad = gradient.clone()
        muon.step()
        assert muon.state[weight]["momentum"].dtype == torch.float32
        steps[dtype] = weight.detach() - start
    apart = (steps[torch.bfloat16] - steps[torch.float32]).norm() / steps[torch.float32].norm()
    assert 0 < apart < 0.06, apart


def test_muon_step_is_the_formula() -> None:
    weight = torch.torch.nn.Parameter(torch.randn(4, 2, 3, 3))
    start, gradient = weight.detach().clone(), torch.randn(4, 2, 3, 3)
    weight.grad = gradient.clone()
    Muon([weight], lr=0.1, momentum=0.9, weight_decay=0.5).step()
    average = 0.1 * gradient
    update = orthogonalize((0.1 * gradient + 0.9 * average).reshape(4, 18)).reshape(4, 2, 3, 3)
    torch.testing.assert_close(weight.detach(), start * (1 - 0.05) - 0.1 * update)
