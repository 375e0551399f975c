"""Local response normalization as one operation with its own backward pass."""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LocalResponseNorm", "MapResponseNorm", "local_response_norm"]


@lru_cache(maxsize=32)
def _band(channels: int, size: int, groups: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[C, C] matrix of ones where two maps are within one window, so that a product sums over the window.

    The window of map i is i - size//2 ... i + (size - 1)//2, as PyTorch pads it, and ends where its group does.
    """
    index = torch.arange(channels, device=device)
    offset = index[:, None] - index[None, :]  # from row (summed over) to column (output)
    group = index * groups // channels
    within = (offset >= -(size // 2)) & (offset <= (size - 1) // 2) & (group[:, None] == group[None, :])
    return within.to(dtype)


def _power(base: Tensor, beta: float) -> Tensor:
    """base^-beta; three quarters by square roots, which cost a tenth of `pow`."""
    if beta == 0.75:
        root = base.rsqrt()
        return root.sqrt().mul_(root)
    return base.pow(-beta)


class _Normalize(torch.autograd.Function):
    """y = x d^-beta with d = k + alpha (x²) B; saves x and d only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, groups: int, alpha: float, beta: float, k: float) -> Tensor:
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])  # no copy where x is channels-last
        band = _band(x.shape[1], size, groups, x.dtype, x.device)
        denominator = torch.mm(rows * rows, band).mul_(alpha).add_(k)
        ctx.save_for_backward(rows, denominator)
        ctx.numbers = (size, groups, alpha, beta, x.shape)
        return _as_maps(_power(denominator, beta).mul_(rows), x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        # dx = g d^-beta - 2 alpha beta x ((g x d^(-beta-1)) Bᵀ)
        rows, denominator = ctx.saved_tensors
        size, groups, alpha, beta, shape = ctx.numbers
        gradient = gradients[0].permute(0, 2, 3, 1).reshape(rows.shape)
        band = _band(rows.shape[1], size, groups, rows.dtype, rows.device)
        direct = _power(denominator, beta).mul_(gradient)
        crossed = torch.mm((direct * rows).div_(denominator), band.t())
        gradient = _as_maps(direct.addcmul_(rows, crossed, value=-2 * alpha * beta), shape)
        return gradient, None, None, None, None, None


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
        Maps in the input's dtype, channels-last in memory. Differentiable once.

    Source: Krizhevsky, Sutskever & Hinton 2012, §3.3; the division: layer.py:1183 of the 2012 program.

    >>> x = torch.ones(1, 5, 1, 1)
    >>> local_response_norm(x, 5, alpha=1.0, beta=1.0, k=0.0, alpha_divided=False)[0, 2].item()
    0.20000000298023224
    """
    scale = alpha / size if alpha_divided else alpha
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
