"""Convolution layers: torch's own with faster paths for training, and the one of the 2012 program."""

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

MIN_TILES = 32
"""Tiles in a batch below which transforming the kernels costs more than it saves (EXPERIMENTS.md)."""

MIN_TILE_CHANNELS = 32
"""Channels of a group below which transforming the tiles costs more than it saves (EXPERIMENTS.md)."""

MAX_MATMUL_WIDTH = 5
"""Output width above which torch's own convolution is faster in bfloat16 (EXPERIMENTS.md)."""

MIN_MATMUL_CHANNELS = 256
"""Channels below which copying the inputs into a matrix costs more than it saves (EXPERIMENTS.md)."""


class Conv2d(FastPath, nn.Conv2d):
    """torch's convolution, with two faster paths for training on a CPU.

    In float32, Winograd's algorithm; it differs from torch's by some millionths of the largest output. In bfloat16,
    on small feature maps, one matmul; it differs by rounding.
    """

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O P Q"]:
        """Convolve."""
        if self.uses_fast_path(input) and self._is_plain():
            padding = int(self.padding[0])
            if self._winograd_pays(input, padding):
                return winograd_conv2d(input, self.weight, self.bias, padding=padding, groups=self.groups)
            if self._matmul_pays(input, padding):
                return im2col_conv2d(input, self.weight, self.bias, padding=padding)
        return super().forward(input)

    def _is_plain(self) -> bool:
        """Whether the kernel is square, with stride 1, no dilation, and padding of at most 2."""
        height, width = self.kernel_size
        return (
            height == width
            and set(self.stride) | set(self.dilation) == {1}
            and self.padding in {(0, 0), (1, 1), (2, 2)}
        )

    def _winograd_pays(self, x: Tensor, padding: int) -> bool:
        """Whether Winograd's algorithm saves more multiplications than its transforms cost."""
        return (
            x.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and self.kernel_size[0] in TILES
            and min(self.in_channels, self.out_channels) >= MIN_TILE_CHANNELS * self.groups
            and num_tiles(x, self.kernel_size[0], padding) >= MIN_TILES
            and not has_slow_float32_matmul()
        )

    def _matmul_pays(self, x: Tensor, padding: int) -> bool:
        """Whether the rows of the maps are too short for torch's own, and the matmul is large enough."""
        height, width = (length + 2 * padding - self.kernel_size[0] + 1 for length in x.shape[2:])
        return (
            torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") == torch.bfloat16
            and self.groups == 1
            and padding < self.kernel_size[0]
            and height > 0
            and 0 < width <= MAX_MATMUL_WIDTH
            and min(self.in_channels, self.out_channels) >= MIN_MATMUL_CHANNELS
            and has_fast_bfloat16()
        )


class CeilConv2d(Conv2d):
    """A convolution whose output size is rounded up: zeros are added on the right and at the bottom.

    Source: layer.py:1004 of the 2012 program (`modulesX`).
    """

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O P Q"]:
        """Convolve."""
        return super().forward(self.padded(input))

    def padded(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C P Q"]:
        """The input with the zeros on the right and at the bottom."""
        right, bottom = (self._missing(axis, x.shape[3 - axis]) for axis in (0, 1))
        return F.pad(x, (0, right, 0, bottom)) if right or bottom else x

    def _missing(self, axis: int, length: int) -> int:
        """Zeros to add along an axis (0: width, 1: height) so that the last kernel lies inside."""
        kernel, stride, padding = self.kernel_size[1 - axis], self.stride[1 - axis], int(self.padding[1 - axis])
        rounded = output_size(length, kernel, stride=stride, padding=padding, ceil=True)
        return (rounded - 1) * stride + kernel - length - 2 * padding
