"""Convolution layers: torch's own, computed another way in training where that pays, and that of the 2012 program."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.geometry import output_size
from alexnet.layers.cpu_features import has_fast_bfloat16, has_slow_float32_matmul
from alexnet.layers.fast_path import FastPath
from alexnet.layers.im2col import im2col_conv2d
from alexnet.layers.winograd import TILES, num_tiles, winograd_conv2d

__all__ = ["CeilConv2d", "Conv2d"]

FEWEST_TILES = 32
"""Tiles of a batch below which the transformation of the kernels costs more than it saves (EXPERIMENTS.md)."""

FEWEST_CHANNELS = 32
"""Channels of a group below which the transformation of the tiles costs more than it saves (EXPERIMENTS.md)."""

LONGEST_LINE = 5
"""Places in a line of a map above which torch's own convolution is the faster in bfloat16 (EXPERIMENTS.md)."""

FEWEST_COLUMN_CHANNELS = 256
"""Channels below which laying out rows costs more than it saves (EXPERIMENTS.md)."""


class Conv2d(FastPath, nn.Conv2d):
    """torch's convolution; while training on a CPU, computed another way where that is faster.

    In float32 by tiles with fewer products, which differs from torch's by some millionths of the largest result; in
    bfloat16, on small maps, as a product of matrices, which differs by roundings.
    """

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O P Q"]:
        """Convolve."""
        if self.takes_fast_path(input) and self._is_simple():
            padding = int(self.padding[0])
            if self._tiles_pay(input, padding):
                return winograd_conv2d(input, self.weight, self.bias, padding=padding, groups=self.groups)
            if self._columns_pay(input, padding):
                return im2col_conv2d(input, self.weight, self.bias, padding=padding)
        return super().forward(input)

    def _is_simple(self) -> bool:
        """Whether a dense square kernel moves by one place, over an edge of two places at most."""
        height, width = self.kernel_size
        return (
            height == width
            and set(self.stride) | set(self.dilation) == {1}
            and self.padding in {(0, 0), (1, 1), (2, 2)}
        )

    def _tiles_pay(self, x: Tensor, padding: int) -> bool:
        """Whether the fewer products outweigh the transformations."""
        return (
            x.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and self.kernel_size[0] in TILES
            and min(self.in_channels, self.out_channels) >= FEWEST_CHANNELS * self.groups
            and num_tiles(x, self.kernel_size[0], padding) >= FEWEST_TILES
            and not has_slow_float32_matmul()
        )

    def _columns_pay(self, x: Tensor, padding: int) -> bool:
        """Whether a line of the maps is too short for torch's own, and the product large enough."""
        lines, line = (length + 2 * padding - self.kernel_size[0] + 1 for length in x.shape[2:])
        return (
            torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") == torch.bfloat16
            and self.groups == 1
            and padding < self.kernel_size[0]
            and lines > 0
            and 0 < line <= LONGEST_LINE
            and min(self.in_channels, self.out_channels) >= FEWEST_COLUMN_CHANNELS
            and has_fast_bfloat16()
        )


class CeilConv2d(Conv2d):
    """A convolution whose output size is rounded up: zeros are laid on at the right and below.

    Source: layer.py:1004 of the 2012 program (`modulesX`).
    """

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O P Q"]:
        """Convolve."""
        return super().forward(self.padded(input))

    def padded(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C P Q"]:
        """The input with the zeros on its far sides."""
        right, below = (self._missing(axis, x.shape[3 - axis]) for axis in (0, 1))
        return F.pad(x, (0, right, 0, below)) if right or below else x

    def _missing(self, axis: int, length: int) -> int:
        """Zeros on the far side of an axis (0: width) so that the last kernel is whole."""
        kernel, stride, padding = self.kernel_size[1 - axis], self.stride[1 - axis], int(self.padding[1 - axis])
        rounded = output_size(length, kernel, stride=stride, padding=padding, ceil=True)
        return (rounded - 1) * stride + kernel - length - 2 * padding
