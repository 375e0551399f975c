"""Local response normalization over rows of channels in bfloat16, for processors with units for such products.

The sum over a window is a product with a banded matrix: many more operations than additions take, and faster there.
"""

import torch
from torch import Tensor

from alexnet.model.lrn_rows import parts, power

__all__ = ["MOST_CHANNELS", "backward", "forward"]

NUM_KEPT = 2
"""Arrays [R, C] that `forward` gives besides y, for `backward`."""

PART = 600_000
"""Activations worked on at once; from 400,000 to 1,200,000 the time is the same within 5 % (EXPERIMENTS.md)."""

MOST_CHANNELS = 512
"""Channels up to which the product, whose cost for each number grows with them, should be worth it.

Reckoned from what 96 and 256 take.
"""


def forward(
    rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float
) -> tuple[Tensor, Tensor, Tensor]:
    """y = x d^-beta, [R, C], with d = k + scale * sum of x² over the window; and d^-beta and y / d for the way back.

    Sums are float32 inside the product; squares, k, d and everything after it are rounded to bfloat16, which comes to
    0.4 % of y in all and at most 3/128 of one number.
    """
    channels = rows.shape[1]
    y, scaling, share = (torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(3))
    constant, band, spare = rows.new_full((channels,), k), _band(rows, size, groups), _spare(rows)
    for x, y_part, scaling_part, share_part in parts(PART // channels, rows, y, scaling, share):
        d, work = spare[:, : len(x)]
        torch.addmm(constant, torch.mul(x, x, out=work), band, alpha=scale, out=d)
        power(torch.rsqrt(d, out=work), beta, out=scaling_part)
        torch.div(torch.mul(scaling_part, x, out=y_part), d, out=share_part)
    return y, scaling, share


def backward(
    gradient: Tensor, rows: Tensor, scaling: Tensor, share: Tensor, size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """dx = g d^-beta - 2 scale beta x * (sum of g y / d over the windows that x is in); [R, C]."""
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    band, spare = _band(rows, size, groups).t(), _spare(rows)
    for g, x, scaling_part, share_part, dx_part in parts(PART // rows.shape[1], gradient, rows, scaling, share, dx):
        inputs, sums = spare[:, : len(x)]
        torch.mm(torch.mul(g, share_part, out=inputs), band, out=sums)
        torch.mul(scaling_part, g, out=dx_part).addcmul_(x, sums, value=-2 * scale * beta)
    return dx


def _spare(rows: Tensor) -> Tensor:
    """Room for two arrays of a part, [2, rows of a part, C]."""
    return rows.new_empty(2, min(PART // rows.shape[1], len(rows)), rows.shape[1])


def _band(rows: Tensor, size: int, groups: int) -> Tensor:
    """[C, C]: 1 where the map of the row is in the window of the map of the column, 0 elsewhere."""
    maps = torch.arange(rows.shape[1], device=rows.device)
    ahead = maps[:, None] - maps
    near = (ahead >= -(size // 2)) & (ahead <= (size - 1) // 2)
    towers = maps // (rows.shape[1] // groups)
    return (near & (towers[:, None] == towers)).to(rows.dtype)
