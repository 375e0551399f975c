"""Local response normalization over rows of channels in bfloat16, for CPUs with fast bfloat16 matmul.

The sum over a window is a matmul with a banded matrix: many more operations than additions take, but faster there.
The channels are split into blocks, so that the matrix is not mostly zeros.
"""

import torch
from torch import Tensor

from alexnet.layers.lrn_rows import row_blocks

__all__ = ["backward", "forward"]

ROW_BLOCK = 1_700_000
"""Activations computed at a time; above 1,200,000 the speed is about the same (EXPERIMENTS.md)."""

CHANNEL_BLOCK = 64
"""Largest number of channels, of one group, whose sums are one matmul (EXPERIMENTS.md)."""


def forward(
    rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float
) -> tuple[Tensor, Tensor, Tensor]:
    """y = x / d^beta, [R, C], with d = k + scale * sum of x² over the window; then d^beta and y / d for `backward`.

    Sums inside the matmul are float32; squares, k, d and all later results are rounded to bfloat16. The error is
    0.4 % of y as a whole and at most 3/128 of one number.
    """
    channels = rows.shape[1]
    y, divisor, ratio = (torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(3))
    bands, scratch = _bands(rows, size, groups), _scratch(rows)
    for x, y_block, divisor_block, ratio_block in row_blocks(ROW_BLOCK // channels, rows, y, divisor, ratio):
        d, work = scratch[:, : len(x)]
        torch.mul(x, x, out=work)
        d.fill_(k)
        for near, block, band in bands:
            d[:, block].addmm_(work[:, near], band, alpha=scale)
        if beta == 0.75:  # two square roots and a multiplication take a quarter of the time of `pow`
            torch.sqrt(torch.sqrt(d, out=work), out=divisor_block).mul_(work)
        else:
            torch.pow(d, beta, out=divisor_block)
        torch.div(torch.div(x, divisor_block, out=y_block), d, out=ratio_block)
    return y, divisor, ratio


def backward(
    gradient: Tensor, rows: Tensor, divisor: Tensor, ratio: Tensor, size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """dx = g / d^beta - 2 scale beta x * (sum of g y / d over all windows with x in them); [R, C]."""
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    bands, scratch = _bands(rows, size, groups, transposed=True), _scratch(rows)
    for g, x, divisor_block, ratio_block, dx_block in row_blocks(
        ROW_BLOCK // rows.shape[1], gradient, rows, divisor, ratio, dx
    ):
        inputs, sums = scratch[:, : len(x)]
        torch.mul(g, ratio_block, out=inputs)
        for near, block, band in bands:
            torch.mm(inputs[:, near], band, out=sums[:, block])
        torch.div(g, divisor_block, out=dx_block).addcmul_(x, sums, value=-2 * scale * beta)
    return dx


def _scratch(rows: Tensor) -> Tensor:
    """Memory for two arrays of a block, [2, rows of a block, C]."""
    return rows.new_empty(2, min(ROW_BLOCK // rows.shape[1], len(rows)), rows.shape[1])


def _bands(rows: Tensor, size: int, groups: int, *, transposed: bool = False) -> list[tuple[slice, slice, Tensor]]:
    """For each block of channels: the channels near it, the block, and the matrix [near, block] for the matmul.

    An element is 1 where the row's channel is in the window of the column's channel (`transposed`: the other way
    round), else 0.
    """
    channels = rows.shape[1]
    before, after = size // 2, (size - 1) // 2
    if transposed:
        before, after = after, before
    width = channels // groups
    length = -(-width // -(-width // CHANNEL_BLOCK))
    bands = []
    for first in range(0, channels, width):
        last = first + width
        for start in range(first, last, length):
            block = slice(start, min(start + length, last))
            near = slice(max(first, start - before), min(block.stop + after, last))
            band, shift = rows.new_ones(near.stop - near.start, block.stop - start), start - near.start
            bands.append((near, block, band.tril_(before - shift).triu_(-after - shift)))
    return bands
