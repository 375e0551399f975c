"""Convolution layers: torch's own, with fewer products in training where that pays, and that of the 2012 program."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.geometry import output_size
from alexnet.model.winograd import TILES, num_tiles, winograd_conv2d

__all__ = ["CeilConv2d", "Conv2d", "allow_fewer_products"]

FEWEST_TILES = 32
"""Tiles of a batch below which the transformation of the kernels costs more than it saves (EXPERIMENTS.md)."""

FEWEST_CHANNELS = 32
"""Channels of a group below which the transformation of the tiles costs more than it saves (EXPERIMENTS.md)."""


class Conv2d(nn.Conv2d):
    """torch's convolution; while training on a processor in float32, by tiles with fewer products where that pays.

    fewer_products: whether it may; its results then differ by some millionths of the largest. Testing and everything
    else that looks into a network convolves directly.
    """

    fewer_products: bool = False

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O P Q"]:
        """Convolve."""
        if self.fewer_products and self._pays(input):
            return winograd_conv2d(input, self.weight, self.bias, padding=int(self.padding[0]), groups=self.groups)
        return super().forward(input)

    def _pays(self, x: Tensor) -> bool:
        """Whether the fewer products outweigh the transformations."""
        height, width = self.kernel_size
        return (
            self.training
            and torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
            and x.device.type == "cpu"
            and x.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and height == width
            and height in TILES
            and set(self.stride) | set(self.dilation) == {1}
            and self.padding in {(0, 0), (1, 1), (2, 2)}
            and min(self.in_channels, self.out_channels) >= FEWEST_CHANNELS * self.groups
            and num_tiles(x, height, int(self.padding[0])) >= FEWEST_TILES
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


def allow_fewer_products(network: nn.Module, allowed: bool) -> None:
    """Let every convolution of a network take fewer products in training, or none."""
    for module in network.modules():
        if isinstance(module, Conv2d):
            module.fewer_products = allowed
