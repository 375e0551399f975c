"""Local response normalization over rows of channels, a part at a time that stays in the CPU's cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["backward", "forward", "parts"]

NUM_KEPT = 1
"""Arrays [R, C] that `forward` gives besides y, for `backward`."""

PART = 300_000
"""Activations worked on at once: few enough for the cache, enough to keep the cores busy (EXPERIMENTS.md)."""


def forward(rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> tuple[Tensor, Tensor]:
    """y = x d^-beta, [R, C], with d = k + scale * sum of x² over the window; and d^-1/2 for the way back.

    Computed in float32 (float64 where the rows are), whatever the rows are.
    """
    y, root = (torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(2))
    window = _Window.over(rows, size, groups, left=size // 2)
    constant = torch.tensor(k, dtype=window.dtype, device=rows.device)
    for x, y_part, root_part in parts(window.num_rows, rows, y, root):
        x = x.to(window.dtype)
        maps = window.as_maps(x)
        torch.mul(maps, maps, out=window.inputs(len(x)))
        with _writing(root_part, window.dtype) as inverse, _writing(y_part, window.dtype) as result:
            torch.add(constant, window.sums(len(x)), alpha=scale, out=window.as_maps(inverse)).rsqrt_()
            _power(inverse, beta, out=result).mul_(x)
    return y, root


def backward(
    gradient: Tensor, rows: Tensor, root: Tensor, size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """dx = g d^-beta - 2 scale beta x * (sum of g x d^(-beta - 1) over the windows that x is in); [R, C]."""
    dx = torch.empty_like(rows, memory_format=torch.contiguous_format)
    window = _Window.over(rows, size, groups, left=(size - 1) // 2)
    for g, x, inverse, dx_part in parts(window.num_rows, gradient, rows, root, dx):
        g, x, inverse = g.to(window.dtype), x.to(window.dtype), inverse.to(window.dtype)
        with _writing(dx_part, window.dtype) as result:
            _power(inverse, beta, out=result).mul_(g)
            inputs, inverse = window.inputs(len(x)), window.as_maps(inverse)
            torch.mul(window.as_maps(result), window.as_maps(x), out=inputs)
            inputs.mul_(inverse).mul_(inverse)
            window.as_maps(result).addcmul_(window.as_maps(x), window.sums(len(x)), value=-2 * scale * beta)
    return dx


def _power(inverse: Tensor, beta: float, *, out: Tensor) -> Tensor:
    """d^-beta from d^-1/2; three quarters by a square root, which costs a tenth of `pow`."""
    if beta == 0.75:
        return torch.sqrt(inverse, out=out).mul_(inverse)
    return torch.pow(inverse, 2 * beta, out=out)


def parts(length: int, *arrays: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """`length` rows of each at a time."""
    for start in range(0, len(arrays[0]), max(1, length)):
        yield tuple(array[start : start + length] for array in arrays)


@contextmanager
def _writing(part: Tensor, dtype: torch.dtype) -> Iterator[Tensor]:
    """A part to be written in `dtype`: itself where it has it, else another that is rounded into it afterwards."""
    if part.dtype == dtype:
        yield part
    else:
        wide = torch.empty_like(part, dtype=dtype)
        yield wide
        part.copy_(wide)


@dataclass(frozen=True)
class _Window:
    """Sums over windows of neighbouring maps.

    Rows lie one after the other with zeros between them (and between groups), so that a sum over a window is a sum of
    shifted copies of the whole stretch of memory: additions of long vectors, three for a window of five.
    """

    size: int
    left: int
    num_rows: int
    padded: Tensor

    @classmethod
    def over(cls, rows: Tensor, size: int, groups: int, *, left: int) -> "_Window":
        """Windows that begin `left` maps before the one that they belong to. On a GPU all rows are one part."""
        count, channels = rows.shape
        num_rows = min(count, max(1, PART // channels)) if rows.device.type == "cpu" else count
        dtype = rows.dtype if rows.dtype == torch.float64 else torch.float32
        padded = torch.zeros(num_rows, groups, channels // groups + size - 1, dtype=dtype, device=rows.device)
        return cls(size, left, num_rows, padded)

    @property
    def dtype(self) -> torch.dtype:
        """Of the sums."""
        return self.padded.dtype

    @property
    def width(self) -> int:
        """Maps in a group."""
        return self.padded.shape[2] - self.size + 1

    def as_maps(self, rows: Tensor) -> Tensor:
        """[R, C] as [R, groups, C / groups]."""
        return rows.view(len(rows), -1, self.width)

    def inputs(self, count: int) -> Tensor:
        """Where the numbers to be summed of `count` rows are to be put, [count, groups, C / groups]."""
        return self.padded[:count, :, self.left : self.left + self.width]

    def sums(self, count: int) -> Tensor:
        """The sum of each window, [count, groups, C / groups]: the window's length in powers of two, added up."""
        power, step = self.padded[:count].view(-1), 1  # power[i]: the sum of `step` numbers from i on
        total, done = None, 0  # total[i]: the sum of `done` numbers from i on
        needed = len(power) - self.size + 1
        while done < self.size:
            if self.size & step:
                more = power[done : done + needed]
                total, done = more if total is None else total + more, done + step
            if done < self.size:
                power, step = power[:-step] + power[step:], 2 * step
        assert total is not None
        return total.as_strided((count, self.padded.shape[1], self.width), self.padded.stride())
