"""Local response normalization as one operation with its own backward pass."""

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

__all__ = ["LocalResponseNorm", "MapResponseNorm", "local_response_norm"]


def _forth(x: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> tuple[Tensor, list[Tensor]]:
    """y = x d^-beta, channels-last, with d = k + scale * (sum of x² over the window); and what the way back needs."""
    y, *kept = _engine(x).forward(_as_rows(x), size, groups, scale, beta, k)
    return _as_maps(y, x.shape), kept


def _back(
    gradient: Tensor, x: Tensor, kept: list[Tensor], size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """The gradient with respect to x, channels-last."""
    rows = (_as_rows(gradient), _as_rows(x))
    return _as_maps(_engine(x).backward(*rows, *kept, size, groups, scale, beta), x.shape)


def _engine(x: Tensor) -> ModuleType:
    """What computes on the input's device.

    One kernel on a GPU that Triton knows, products of matrices on a CPU that is fast at them, additions
    elsewhere.
    """
    if x.is_cuda and x.dtype != torch.float64:
        from alexnet.layers import lrn_triton

        if lrn_triton.is_available(x.device):
            return lrn_triton
    if x.device.type == "cpu" and x.dtype == torch.bfloat16 and has_fast_bfloat16():
        return lrn_matmul
    return lrn_rows


class _Normalize(torch.autograd.Function):
    """The operation as it runs step by step: an operator of `torch.library` would first load all of the compiler."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> Tensor:
        y, kept = _forth(x, size, groups, scale, beta, k)
        ctx.save_for_backward(x, *kept)
        ctx.numbers = (size, groups, scale, beta)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, *kept = ctx.saved_tensors
        return _back(gradients[0], x, kept, *ctx.numbers), None, None, None, None, None


# The same as operators, which `torch.compile` and export take as one piece.

_operator = torch.library.custom_op("alexnet::local_response_norm", _forth, mutates_args=())
_operator_back = torch.library.custom_op("alexnet::local_response_norm_backward", _back, mutates_args=())


@_operator.register_fake
def _(x: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> tuple[Tensor, list[Tensor]]:
    maps = torch.empty_like(x, memory_format=torch.channels_last)
    kept = [torch.empty_like(_as_rows(maps)) for _ in range(_engine(x).NUM_KEPT)]
    return maps, kept


@_operator_back.register_fake
def _(gradient: Tensor, x: Tensor, kept: list[Tensor], size: int, groups: int, scale: float, beta: float) -> Tensor:
    return torch.empty_like(x, memory_format=torch.channels_last)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, list[Tensor]]) -> None:
    x, size, groups, scale, beta, _ = inputs
    ctx.save_for_backward(x, *output[1])
    ctx.numbers = (size, groups, scale, beta)


def _differentiate(ctx: Any, gradient: Tensor, _: list[Tensor | None] | None) -> tuple[Tensor | None, ...]:
    x, *kept = ctx.saved_tensors
    return _operator_back(gradient, x, kept, *ctx.numbers), None, None, None, None, None


_operator.register_autograd(_differentiate, setup_context=_keep)


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
) -> Float[Tensor, "N C H W"]:
    """Divide each activation by what its neighbours in the channel direction do at the same place.

        y[i] = x[i] / (k + a * sum over j in window(i) of x[j]²)^beta        a = alpha / size or alpha

    Args:
        size: maps in a window, >= 1; maps beyond the first and last count as 0.
        alpha_divided: `alpha` is divided by `size`, as PyTorch, Caffe and the authors' 2012 program do; the
            paper's formula does not.
        groups: towers of C / groups maps each; a window ends where its tower does (2 in the 2012 program).

    Returns:
        Maps in the input's dtype, channels-last in memory. Computed in float32 at least; bfloat16 maps in bfloat16
        where a CPU is fast at its products, with sums in float32. Differentiable once; one operation for
        `torch.compile` and for export.

    Raises:
        GeometryError: the groups do not divide the maps.

    Source: Krizhevsky, Sutskever & Hinton 2012, §3.3; the division: layer.py:1183 of the 2012 program.

    >>> x = torch.ones(1, 5, 1, 1)
    >>> round(local_response_norm(x, 5, alpha=1.0, beta=1.0, k=0.0, alpha_divided=False)[0, 2].item(), 6)
    0.2
    """
    if x.shape[1] % groups:
        raise GeometryError(f"{x.shape[1]} maps do not divide into {groups} groups; choose a divisor")
    scale = alpha / size if alpha_divided else alpha
    if torch.compiler.is_compiling():
        y: Tensor = _operator(x, size, groups, scale, beta, k)[0]
        return y
    return _Normalize.apply(x, size, groups, scale, beta, k)  # type: ignore[no-any-return,no-untyped-call]


class LocalResponseNorm(nn.Module):
    """`local_response_norm` as a layer."""

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
        )

    def extra_repr(self) -> str:
        """As PyTorch prints its own, and what is unlike it."""
        unlike = ("" if self.alpha_divided else ", alpha_divided=False") + (
            f", groups={self.groups}" if self.groups > 1 else ""
        )
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}{unlike}"


class MapResponseNorm(nn.Module):
    """Divide each activation by what its neighbours in the same map do.

        y = x / (k + alpha * mean of x² over the size x size places around)^beta

    Places beyond the edge count as 0, and the mean is always over size² places.

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
        """Its numbers."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
