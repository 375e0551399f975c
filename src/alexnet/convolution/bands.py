"""Images read in bands of rows that fit into the CPU's cache, with the border filled in."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from alexnet.convolution.layout import Array, Border, OutputAxis, border_places

__all__ = ["BLOCK", "Band", "Scene", "read_bands"]

BLOCK = 16
"""Neighboring pixels of a row that become the channels of one: the floats of an AVX-512 register."""

BAND_PIXELS = 1 << 20
"""Pixels of a band, about 4 MiB as float32; smaller bands cost more in calls than they save in cache misses."""


@dataclass(frozen=True)
class Scene:
    """One channel [H, W], the positions of its outputs, and the height and width of the kernel, px."""

    plane: Array
    down: OutputAxis
    across: OutputAxis
    taps: tuple[int, ...]
    border: Border

    @property
    def fits_blocks(self) -> bool:
        """Whether the plane can be read as blocks where it is, with zeros around it."""
        plain = self.plane.dtype == np.float32 and self.plane.dtype.isnative and self.plane.flags.writeable
        width = self.plane.shape[1]
        return plain and self.border == "zero" and width % BLOCK == 0 and self.plane.strides == (4 * width, 4)

    def read(self, top: int, rows: int, left: int, columns: int, into: Array) -> None:
        """Copy the rows from `top` and the columns from `left` into an array, converted and with the border."""
        height, width = self.plane.shape
        y = border_places(top, top + rows, height, self.border)
        x = border_places(left, left + columns, width, self.border)
        above, below = np.clip([-top, height - top], 0, rows)
        before, after = np.clip([-left, width - left], 0, columns)
        if above < below:
            source = self.plane[top + above : top + below]
            target = into[above:below]
            if before < after:
                np.copyto(target[:, before:after], source[:, left + before : left + after], casting="unsafe")
            for edge in (slice(0, before), slice(after, columns)):
                if edge.start < edge.stop:
                    _gather(source, x[edge], target[:, edge])
        for row in (*range(above), *range(max(below, above), rows)):
            if y[row] < 0:
                into[row, :columns] = 0
            elif top + above <= y[row] < top + below:
                into[row, :columns] = into[y[row] - top, :columns]
            else:
                _gather(self.plane[y[row]][None], x, into[row : row + 1, :columns])
        into[:rows, columns:] = 0


def _gather(source: Array, places: Array, target: Array) -> None:
    """Columns of `source` by their indices; -1 is a zero."""
    if places.size and places.min() < 0:
        if places.max() < 0:
            target[...] = 0
            return
        target[...] = np.where(places < 0, 0, source[:, np.maximum(places, 0)])
        return
    np.copyto(target, source[:, places], casting="unsafe")


@dataclass(frozen=True)
class Band:
    """Rows of a scene as a tensor, for the outputs first ... stop - 1 counted from 0.

    rows: [stop - first + taps - 1, width]. pad: blocks of zeros that are missing on its left and right.
    """

    first: int
    stop: int
    rows: Tensor
    pad: int


def read_bands(scene: Scene, dtype: torch.dtype, *, blocks: int) -> Iterator[Band]:
    """All bands of a scene, from top to bottom; a band is overwritten by the next.

    blocks: how many blocks a row of the kernel covers. If the plane lies in memory as it is needed, its own rows are
    used, without a copy.
    """
    height, width = scene.plane.shape
    count, lead = scene.down.count, scene.taps[0] - 1
    columns = scene.across.count + scene.taps[1] - 1
    padded = BLOCK * (-(-scene.across.count // BLOCK) + blocks - 1)
    num_rows = min(count, max(BLOCK, 2 * lead, BAND_PIXELS // padded))
    own = dtype == torch.float32 and scene.fits_blocks
    scratch = None
    for first, stop in _cut(count, num_rows, -scene.down.start, height - lead - scene.down.start, edges=own):
        top, rows = scene.down.start + first, stop - first + lead
        if own and top >= 0 and top + rows <= height:
            yield Band(first, stop, torch.from_numpy(scene.plane[top : top + rows]), blocks - 1)
            continue
        if scratch is None:
            shape = (num_rows + lead, max(width if own else 0, padded))
            scratch = np.empty(shape, dtype=np.float32 if dtype == torch.float32 else np.float64)
            if dtype == torch.int64:
                scratch = scratch.view(np.int64)
        if own:
            scene.read(top, rows, 0, width, scratch[:rows, :width])
            yield Band(first, stop, torch.from_numpy(scratch[:rows, :width]).contiguous(), blocks - 1)
        else:
            scene.read(top, rows, scene.across.start, columns, scratch[:rows, :padded])
            yield Band(first, stop, torch.from_numpy(scratch[:rows, :padded]), 0)


def _cut(count: int, num_rows: int, above: int, below: int, *, edges: bool) -> Iterator[tuple[int, int]]:
    """Outputs first ... stop - 1 of each band; with `edges`, no band reads both inside and outside the plane.

    above: outputs whose patch starts outside. below: the first output whose patch ends outside.
    """
    cuts = sorted({0, *((above, below) if edges and 0 <= above < below <= count else ()), count})
    for start, end in pairwise(cuts):
        for first in range(start, end, num_rows):
            yield first, min(first + num_rows, end)
