"""Local response normalization: one operation with a backward pass of its own, computed by what is fastest there."""

from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from alexnet.errors import GeometryError
from alexnet.layers import lrn_matmul, lrn_rows
from alexnet.layers.cpu_features import has_fast_bfloat16
from alexnet.layers.fast_path import FastPath

__all__ = ["LocalResponseNorm", "MapResponseNorm", "local_response_norm"]


class _Normalize(torch.autograd.Function):
    """The operation and its gradient, on rows of channels [N H W, C], by one of three engines.

    The engine's `forward` returns y and the arrays that its `backward` needs besides the input.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, engine: ModuleType, size: int, groups: int, scale: float, beta: float, k: float
    ) -> Tensor:
        y, *kept = engine.forward(_as_rows(x), size, groups, scale, beta, k)
        ctx.save_for_backward(x, *kept)
        ctx.engine, ctx.numbers = engine, (size, groups, scale, beta)
        return _as_maps(y, x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, *kept = ctx.saved_tensors
        for_x = ctx.engine.backward(_as_rows(gradients[0]), _as_rows(x), *kept, *ctx.numbers)
        return _as_maps(for_x, x.shape), None, None, None, None, None, None


def _choose_engine(x: Tensor, allow_matmul: bool) -> ModuleType:
    """The module that computes on the input's device: Triton kernels, banded matmuls, or shifted additions."""
    if x.is_cuda and x.dtype != torch.float64:
        from alexnet.layers import lrn_triton

        if lrn_triton.is_available(x.device):
            return lrn_triton
    if allow_matmul and x.device.type == "cpu" and x.dtype == torch.bfloat16 and has_fast_bfloat16():
        return lrn_matmul
    return lrn_rows


def _as_rows(x: Tensor) -> Tensor:
    """[N, C, H, W] as [N H W, C]; no copy where x is channels-last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _as_maps(rows: Tensor, shape: torch.Size) -> Tensor:
    count, channels, height, width = shape
    return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


def local_response_norm(
    x: Float[Tensor, "N C H W"],
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 2.0,
    alpha_divided: bool = True,
    groups: int = 1,
    allow_matmul: bool = False,
) -> Float[Tensor, "N C H W"]:
    """Divide each activation by a power of the sum of squares over neighboring channels at the same position.

        y[i] = x[i] / (k + a * sum over j in window(i) of x[j]²)^beta        a = alpha / size or alpha

    Args:
        size: channels in a window, >= 1; channels beyond the first and last count as 0.
        alpha_divided: divide `alpha` by `size`, as PyTorch, Caffe and the authors' 2012 program do; the paper's
            formula does not.
        groups: towers of C / groups channels each; a window ends where its tower does (2 in the 2012 program).
        allow_matmul: compute bfloat16 inputs in bfloat16 on CPUs with fast bfloat16 matmul, with sums in float32;
            the result is then within 0.4 % of the exact one.

    Returns:
        Maps in the input's dtype, channels-last in memory, computed in float32 (float64 for float64 inputs).
        Differentiable once.

    Raises:
        GeometryError: the groups do not divide the channels.

    Source: Krizhevsky, Sutskever & Hinton 2012, §3.3; the division: layer.py:1183 of the 2012 program.

    >>> x = torch.ones(1, 5, 1, 1)
    >>> round(local_response_norm(x, 5, alpha=1.0, beta=1.0, k=0.0, alpha_divided=False)[0, 2].item(), 6)
    0.2
    """
    if x.shape[1] % groups:
        raise GeometryError(f"{x.shape[1]} channels do not divide into {groups} groups; choose a divisor")
    scale = alpha / size if alpha_divided else alpha
    if torch.compiler.is_compiling():
        return _traced(x, size, groups, scale, beta, k)
    engine = _choose_engine(x, allow_matmul)
    return _Normalize.apply(x, engine, size, groups, scale, beta, k)  # type: ignore[no-any-return,no-untyped-call]


def _traced(x: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> Tensor:
    """The formula in torch's own operations, which `torch.compile` and the export to ONNX can follow."""
    wide = x if x.dtype == torch.float64 else x.float()
    squares = wide.square().unflatten(1, (groups, -1))  # type: ignore[no-untyped-call]
    width = squares.shape[2]
    padded = F.pad(squares, (0, 0, 0, 0, size // 2, (size - 1) // 2))
    sums = padded[:, :, :width]
    for start in range(1, size):
        sums = sums + padded[:, :, start : start + width]
    return (wide * (sums.flatten(1, 2) * scale + k).pow(-beta)).to(x.dtype)


class LocalResponseNorm(FastPath, nn.Module):
    """`local_response_norm` as a layer; in training with fast paths, bfloat16 inputs stay in bfloat16."""

    def __init__(
        self, size: int, alpha: float, beta: float, k: float, *, alpha_divided: bool = True, groups: int = 1
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self.alpha_divided, self.groups = alpha_divided, groups

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """Normalize."""
        return local_response_norm(
            x,
            self.size,
            alpha=self.alpha,
            beta=self.beta,
            k=self.k,
            alpha_divided=self.alpha_divided,
            groups=self.groups,
            allow_matmul=self.uses_fast_path(x),
        )

    def extra_repr(self) -> str:
        """The arguments as PyTorch's layer prints them; the others only where they are not the default."""
        others = ("" if self.alpha_divided else ", alpha_divided=False") + (
            f", groups={self.groups}" if self.groups > 1 else ""
        )
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}{others}"


class MapResponseNorm(nn.Module):
    """Divide each activation by a power of the mean square over its neighborhood in the same feature map.

        y = x / (k + alpha * mean of x² over the size x size positions around)^beta

    Positions beyond the edge count as 0, and the mean is always over size² positions.

    Source: layer type `rnorm` of the 2012 program (layer.py: scale /= size**2; the 1 is its kernel's).
    """

    def __init__(self, size: int = 5, alpha: float = 1e-3, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """Normalize."""
        mean = F.avg_pool2d(x * x, self.size, stride=1, padding=self.size // 2)
        return x * (mean * self.alpha + self.k).pow(-self.beta)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
