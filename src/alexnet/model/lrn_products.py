"""Local response normalization over rows of channels in bfloat16, for processors with units for such products.

The sum over a window is a product with a banded matrix: many more operations than additions take, and faster there.
"""

from functools import lru_cache

import torch
from torch import Tensor

from alexnet.model.lrn_rows import parts, power

__all__ = ["MOST_CHANNELS", "backward", "forward"]

NUM_KEPT = 2
"""Arrays [R, C] that `forward` gives besides y, for `backward`."""

PART = 600_000
"""Activations worked on at once: few enough for the cache (EXPERIMENTS.md)."""

MOST_CHANNELS = 512
"""Channels up to which the product is worth its operations, which grow with their square."""


def forward(
    rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float
) -> tuple[Tensor, Tensor, Tensor]:
    """y = x d^-beta, [R, C], with d = k + scale * sum of x² over the window; and d^-beta and d for the way back.

    Sums are float32 inside the product; d and everything after it are rounded to bfloat16, which comes to 1/128 of y
    at most.
    """
    channels = rows.shape[1]
    y, scaling, d = (torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(3))
    constant, band = rows.new_full((channels,), k), _band(channels, size, groups)
    for x, y_part, scaling_part, d_part in parts(PART // channels, rows, y, scaling, d):
        torch.addmm(constant, torch.mul(x, x, out=y_part), band, alpha=scale, out=d_part)
        power(torch.rsqrt(d_part, out=y_part), beta, out=scaling_part)
        torch.mul(scaling_part, x, out=y_part)
    return y, scaling, d


def backward(
    gradient: Tensor, rows: Tensor, scaling: Tensor, d: Tensor, size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """dx = g d^-beta - 2 scale beta x * (sum of g x d^(-beta - 1) over the windows that x is in); [R, C]."""
    channels = rows.shape[1]
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    band = _band(channels, size, groups).t()
    spare = torch.empty(2, min(PART // channels, len(rows)), channels, dtype=rows.dtype)
    for g, x, scaling_part, d_part, dx_part in parts(PART // channels, gradient, rows, scaling, d, dx):
        inputs, sums = spare[:, : len(x)]
        torch.mul(scaling_part, g, out=dx_part)
        torch.mul(dx_part, x, out=inputs).div_(d_part)
        dx_part.addcmul_(x, torch.mm(inputs, band, out=sums), value=-2 * scale * beta)
    return dx


@lru_cache
def _band(channels: int, size: int, groups: int) -> Tensor:
    """[C, C]: 1 where the map of the row is in the window of the map of the column, 0 elsewhere."""
    maps = torch.arange(channels)
    ahead = maps[:, None] - maps
    near = (ahead >= -(size // 2)) & (ahead <= (size - 1) // 2)
    towers = maps // (channels // groups)
    return (near & (towers[:, None] == towers)).bfloat16()
