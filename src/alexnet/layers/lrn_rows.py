"""Local response normalization over rows of channels, in blocks that stay in the CPU's cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["backward", "forward", "row_blocks"]

BLOCK = 300_000
"""Activations in a block: few enough for the cache, enough to keep the cores busy (EXPERIMENTS.md)."""


def forward(rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> tuple[Tensor, Tensor]:
    """y = x d^-beta, [R, C], with d = k + scale * sum of x² over the window; and d^-1/2 for `backward`.

    Computed in float32, or in float64 for float64 rows.
    """
    y, root = (torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(2))
    window = _Window.over(rows, size, groups, left=size // 2)
    constant = torch.tensor(k, dtype=window.dtype, device=rows.device)
    for x, y_block, root_block in row_blocks(window.num_rows, rows, y, root):
        x = x.to(window.dtype)
        maps = window.by_group(x)
        torch.mul(maps, maps, out=window.inputs(len(x)))
        with _writing(root_block, window.dtype) as inverse, _writing(y_block, window.dtype) as result:
            torch.add(constant, window.sums(len(x)), alpha=scale, out=window.by_group(inverse)).rsqrt_()
            _power(inverse, beta, out=result).mul_(x)
    return y, root


def backward(
    gradient: Tensor, rows: Tensor, root: Tensor, size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """dx = g d^-beta - 2 scale beta x * (sum of g x d^(-beta - 1) over all windows with x in them); [R, C]."""
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    window = _Window.over(rows, size, groups, left=(size - 1) // 2)
    for g, x, inverse, dx_block in row_blocks(window.num_rows, gradient, rows, root, dx):
        g, x, inverse = g.to(window.dtype), x.to(window.dtype), inverse.to(window.dtype)
        with _writing(dx_block, window.dtype) as result:
            _power(inverse, beta, out=result).mul_(g)
            inputs, inverse = window.inputs(len(x)), window.by_group(inverse)
            torch.mul(window.by_group(result), window.by_group(x), out=inputs)
            inputs.mul_(inverse).mul_(inverse)
            window.by_group(result).addcmul_(window.by_group(x), window.sums(len(x)), value=-2 * scale * beta)
    return dx


def _power(inverse: Tensor, beta: float, *, out: Tensor) -> Tensor:
    """d^-beta from d^-1/2; for beta = 3/4 by a square root, which takes a tenth of the time of `pow`."""
    if beta == 0.75:
        return torch.sqrt(inverse, out=out).mul_(inverse)
    return torch.pow(inverse, 2 * beta, out=out)


def row_blocks(length: int, *arrays: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """`length` rows of each array at a time."""
    for start in range(0, len(arrays[0]), max(1, length)):
        yield tuple(array[start : start + length] for array in arrays)


@contextmanager
def _writing(block: Tensor, dtype: torch.dtype) -> Iterator[Tensor]:
    """An array of `dtype` to write to: the block itself, or a copy that is rounded into it afterwards."""
    if block.dtype == dtype:
        yield block
    else:
        wide = torch.empty_like(block, dtype=dtype)
        yield wide
        block.copy_(wide)


@dataclass(frozen=True)
class _Window:
    """Sums over windows of neighboring channels.

    Rows lie one after the other in memory, with zeros between them and between groups. A sum over a window is then a
    sum of shifted copies of that whole memory: three additions of long vectors for a window of five.
    """

    size: int
    left: int
    num_rows: int
    padded: Tensor

    @classmethod
    def over(cls, rows: Tensor, size: int, groups: int, *, left: int) -> "_Window":
        """Windows that begin `left` channels before their own one. On a GPU all rows are one block."""
        count, channels = rows.shape
        num_rows = min(count, max(1, BLOCK // channels)) if rows.device.type == "cpu" else count
        dtype = rows.dtype if rows.dtype == torch.float64 else torch.float32
        padded = torch.zeros(num_rows, groups, channels // groups + size - 1, dtype=dtype, device=rows.device)
        return cls(size, left, num_rows, padded)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the sums."""
        return self.padded.dtype

    @property
    def width(self) -> int:
        """Channels in a group."""
        return self.padded.shape[2] - self.size + 1

    def by_group(self, rows: Tensor) -> Tensor:
        """[R, C] as [R, groups, C / groups]."""
        return rows.view(len(rows), -1, self.width)

    def inputs(self, count: int) -> Tensor:
        """Where to write the numbers to be summed, [count, groups, C / groups]."""
        return self.padded[:count, :, self.left : self.left + self.width]

    def sums(self, count: int) -> Tensor:
        """The sum of each window, [count, groups, C / groups], from sums over powers of two."""
        power, step = self.padded[:count].view(-1), 1  # power[i]: sum of the `step` numbers from i on
        total, done = None, 0  # total[i]: sum of the `done` numbers from i on
        needed = len(power) - self.size + 1
        while done < self.size:
            if self.size & step:
                more = power[done : done + needed]
                total, done = more if total is None else total + more, done + step
            if done < self.size:
                power, step = power[:-step] + power[step:], 2 * step
        assert total is not None
        return total.as_strided((count, self.padded.shape[1], self.width), self.padded.stride())
