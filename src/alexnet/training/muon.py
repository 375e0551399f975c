"""Muon: momentum whose update is orthogonalized."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from alexnet.training.kernel_smoothing import smooth_kernels
from alexnet.training.torch_optimizers import unwrapped

__all__ = ["Muon", "orthogonalize"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b and c of the iteration; chosen by Jordan et al. to be fast near 0, not to converge to exactly 1."""

MOST_COMBINED_BFLOAT16 = 3
"""Iterations combined into one factor in bfloat16. Five amplify the weakest directions 500 times, and their rounding
errors would then outweigh the strong directions (EXPERIMENTS.md, "Muon orthogonalizes in bfloat16")."""


def orthogonalize(matrix: Tensor, *, iterations: int = 5) -> Tensor:
    """A matrix with the singular vectors of `matrix` and singular values near 1 (0.7 to 1.2), in the same dtype.

        X ← a X + (b A + c A²) X        A = X Xᵀ        starting from X = matrix / ||matrix||

    This is a Newton-Schulz iteration. Every factor is a polynomial of X Xᵀ, so the factors are multiplied with each
    other first, in that smaller square, and X once at the end: a half to a third of the operations, since the
    matrices of kernels are 6 to 14 times as wide as high.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers".
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    most = MOST_COMBINED_BFLOAT16 if matrix.dtype == torch.bfloat16 else iterations
    while iterations > 0:
        x = _combined_factor(x @ x.T, min(most, iterations)) @ x
        iterations -= most
    return x if wide else x.T


def _combined_factor(gram: Tensor, iterations: int) -> Tensor:
    """The matrix that applies several iterations to X at once.

    It is the product of the factors a + b A + c A²: the first with A = gram, each later one with the A that the
    factors before it leave.
    """
    a, b, c = COEFFICIENTS
    product: Tensor | None = None
    for left in reversed(range(iterations)):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if left:
            gram = factor @ gram @ factor
    assert product is not None
    return product


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalized: every direction of a kernel matrix moves at the same speed.

        m ← momentum m + (1 - momentum) g        u = (1 - momentum) g + momentum m
        w ← (1 - lr weight_decay) w - lr sqrt(max(1, rows / columns)) orthogonalize(u)

    Kernels [out, in, k, k] count as a matrix of `out` rows and `in k k` columns. Orthogonalizing raises the weak
    directions of u, noise among them. In groups with `is_smooth`, u is smoothed in space before, and the result after
    it, so that kernels get smooth updates.

    Args:
        dtype: the precision of `orthogonalize`; weights and momentum keep their own.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers".
    """

    add_param_group = unwrapped(torch.optim.Optimizer.add_param_group)

    def __init__(
        self,
        params: Any,
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._dtype = dtype

    def __getstate__(self) -> dict[str, Any]:
        """The state for a copy, with the dtype, which torch's own leaves out."""
        return super().__getstate__() | {"_dtype": self._dtype}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = closure() if closure else None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)
        return loss

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(average, group["momentum"])
        smooth = smooth_kernels if group.get("is_smooth") else _unchanged
        ahead = _as_stored(smooth(ahead))
        matrix = orthogonalize(ahead.flatten(1).to(self._dtype))
        update = smooth(_as_torch(matrix.view(ahead.shape).to(weight.dtype)))
        scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update, alpha=-group["lr"] * scale)


def _as_stored(weight: Tensor) -> Tensor:
    """Kernels as [out, k, k, in], their order in memory (channels last); Muon does not depend on column order."""
    return weight.permute(0, 2, 3, 1) if weight.ndim == 4 else weight


def _as_torch(stored: Tensor) -> Tensor:
    """Back from `_as_stored`."""
    return stored.permute(0, 3, 1, 2) if stored.ndim == 4 else stored


def _unchanged(update: Tensor) -> Tensor:
    return update
