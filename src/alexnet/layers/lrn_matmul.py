"""Local response normalization over rows of channels in bfloat16, for CPUs that are fast at such products.

The sum over a window is a product with a banded matrix: many more operations than additions take, and faster there.
Some maps at a time are taken with those around them, so that the matrix is not mostly zeros.
"""

import torch
from torch import Tensor

from alexnet.layers.lrn_rows import parts

__all__ = ["backward", "forward"]

NUM_KEPT = 2
"""Arrays [R, C] that `forward` gives besides y, for `backward`."""

PART = 1_700_000
"""Activations worked on at once; from 1,200,000 on about the same (EXPERIMENTS.md; not measured with AMX)."""

BLOCK = 64
"""Most maps whose sums are one product; they are of one group (EXPERIMENTS.md)."""


def forward(
    rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float
) -> tuple[Tensor, Tensor, Tensor]:
    """y = x / d^beta, [R, C], with d = k + scale * sum of x² over the window; and d^beta and y / d for the way back.

    Sums are float32 inside the product; squares, k, d and everything after it are rounded to bfloat16, which comes to
    0.4 % of y in all and at most 3/128 of one number.
    """
    channels = rows.shape[1]
    y, divisor, share = (torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(3))
    bands, spare = _bands(rows, size, groups), _spare(rows)
    for x, y_part, divisor_part, share_part in parts(PART // channels, rows, y, divisor, share):
        d, work = spare[:, : len(x)]
        torch.mul(x, x, out=work)
        d.fill_(k)
        for near, block, band in bands:
            d[:, block].addmm_(work[:, near], band, alpha=scale)
        if beta == 0.75:  # two square roots and a product: a quarter of the time of `pow`
            torch.sqrt(torch.sqrt(d, out=work), out=divisor_part).mul_(work)
        else:
            torch.pow(d, beta, out=divisor_part)
        torch.div(torch.div(x, divisor_part, out=y_part), d, out=share_part)
    return y, divisor, share


def backward(
    gradient: Tensor, rows: Tensor, divisor: Tensor, share: Tensor, size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """dx = g / d^beta - 2 scale beta x * (sum of g y / d over the windows that x is in); [R, C]."""
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    bands, spare = _bands(rows, size, groups, turned=True), _spare(rows)
    for g, x, divisor_part, share_part, dx_part in parts(PART // rows.shape[1], gradient, rows, divisor, share, dx):
        inputs, sums = spare[:, : len(x)]
        torch.mul(g, share_part, out=inputs)
        for near, block, band in bands:
            torch.mm(inputs[:, near], band, out=sums[:, block])
        torch.div(g, divisor_part, out=dx_part).addcmul_(x, sums, value=-2 * scale * beta)
    return dx


def _spare(rows: Tensor) -> Tensor:
    """Room for two arrays of a part, [2, rows of a part, C]."""
    return rows.new_empty(2, min(PART // rows.shape[1], len(rows)), rows.shape[1])


def _bands(rows: Tensor, size: int, groups: int, *, turned: bool = False) -> list[tuple[slice, slice, Tensor]]:
    """For each block of maps: the maps near it, the block, and the product's matrix [near, block].

    It is 1 where the map of the row is in the window of the map of the column (turned: the other way round), else 0.
    """
    channels = rows.shape[1]
    before, after = size // 2, (size - 1) // 2
    if turned:
        before, after = after, before
    width = channels // groups
    length = -(-width // -(-width // BLOCK))
    found = []
    for first in range(0, channels, width):
        last = first + width
        for start in range(first, last, length):
            block = slice(start, min(start + length, last))
            near = slice(max(first, start - before), min(block.stop + after, last))
            band, shift = rows.new_ones(near.stop - near.start, block.stop - start), start - near.start
            found.append((near, block, band.tril_(before - shift).triu_(-after - shift)))
    return found
