"""Convolution of stride 1 with fewer multiplications: tiles are transformed, multiplied, and transformed back.

A tile of m x m outputs of an r x r kernel needs (m + r - 1)² multiplications instead of m² r². The sums over the
channels are plain matmuls, which run at the CPU's full speed.

Source: Winograd 1980, "Arithmetic complexity of computations"; for networks: Lavin & Gray 2016, "Fast algorithms for
convolutional neural networks".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from alexnet.geometry import output_size

__all__ = ["TILES", "num_tiles", "tile_for", "winograd_conv2d"]

TILES: dict[int, tuple[int, ...]] = {3: (2, 4), 5: (2, 4)}
"""Kernel size → sizes of output tiles. Larger tiles multiply less but round worse: 2e-4 with nine points."""

POINTS = (0.0, 1.0, -1.0, 0.5, -2.0, 2.0, -0.5)
"""Where the polynomials are evaluated: small numbers and their inverses, so that little is lost by rounding."""


@dataclass(frozen=True)
class Transforms:
    """y = outputs @ ((kernel @ w) * (inputs @ x)) for flattened tiles; * multiplies elementwise.

    inputs: [n², n²], kernel: [n², r²], outputs: [m², n²], where n = m + r - 1; float32.
    """

    inputs: Tensor
    kernel: Tensor
    outputs: Tensor


@lru_cache
def transforms(tile: int, kernel_size: int) -> Transforms:
    """The three matrices of F(tile x tile, kernel_size x kernel_size).

    A product of two polynomials is determined by its values at n - 1 points and its leading coefficient; transposed,
    the same matrices give the correlation. Rows are scaled so that the largest entry in each row of `inputs` is 1.
    """
    num_points = tile + kernel_size - 1
    inputs = np.linalg.inv(_evaluation(num_points, num_points)).T
    scale = np.abs(inputs).max(axis=1, keepdims=True)
    inputs, kernel = inputs / scale, _evaluation(num_points, kernel_size) * scale
    outputs = _evaluation(num_points, tile).T
    return Transforms(*(torch.from_numpy(np.kron(a, a)).float() for a in (inputs, kernel, outputs)))


def _evaluation(num_points: int, num_coefficients: int) -> np.ndarray:
    """Rows: the powers of each point; the last row picks the leading coefficient (the point at infinity)."""
    rows = np.vander(POINTS[: num_points - 1], num_coefficients, increasing=True)
    return np.vstack([rows, np.eye(num_coefficients)[-1]])


def tile_for(kernel_size: int, height: int, width: int) -> int:
    """The tile that needs the fewest multiplications for maps of that size; the larger one of two equals."""

    def multiplications(tile: int) -> int:
        return -(-height // tile) * -(-width // tile) * (tile + kernel_size - 1) ** 2

    return min(sorted(TILES[kernel_size], reverse=True), key=multiplications)


def num_tiles(x: Float[Tensor, "N C H W"], kernel_size: int, padding: int) -> int:
    """Tiles in a batch; 0 if the maps are smaller than the kernel."""
    if min(x.shape[2:]) + 2 * padding < kernel_size:
        return 0
    height, width = (output_size(length, kernel_size, padding=padding) for length in x.shape[2:])
    tile = tile_for(kernel_size, height, width)
    return len(x) * -(-height // tile) * -(-width // tile)


def winograd_conv2d(
    x: Float[Tensor, "N C H W"],
    weight: Float[Tensor, "K D r r"],
    bias: Float[Tensor, " K"] | None,
    *,
    padding: int,
    groups: int = 1,
) -> Float[Tensor, "N K P Q"]:
    """`F.conv2d` of stride 1 for kernels of 3 x 3 or 5 x 5, in float32; channels-last, differentiable once.

    Like torch's own, it differs from the float64 result by some millionths of the largest output.
    """
    kernel_size = weight.shape[2]
    height, width = (output_size(length, kernel_size, padding=padding) for length in x.shape[2:])
    tile = tile_for(kernel_size, height, width)
    return _Winograd.apply(x, weight, bias, padding, groups, tile)  # type: ignore[no-any-return,no-untyped-call]


@dataclass(frozen=True)
class _Shape:
    """Sizes of one call, and conversions between maps and tiles, [n², N tiles, C]."""

    count: int
    height: int
    width: int
    padding: int
    groups: int
    tile: int
    kernel_size: int

    @property
    def points(self) -> int:
        """Inputs of a tile along one axis."""
        return self.tile + self.kernel_size - 1

    @property
    def outputs(self) -> tuple[int, int]:
        """Height and width of the output maps."""
        height, width = (
            output_size(length, self.kernel_size, padding=self.padding) for length in (self.height, self.width)
        )
        return height, width

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles along the height and along the width."""
        return -(-self.outputs[0] // self.tile), -(-self.outputs[1] // self.tile)

    def cut(self, x: Tensor) -> Tensor:
        """Input maps [N, C, H, W] into overlapping tiles, [n², N tiles C]."""
        down, across = (count * self.tile + self.kernel_size - 1 for count in self.tiles)
        right, below = across - self.width - self.padding, down - self.height - self.padding
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, self.padding, right, self.padding, below))
        tiles = padded.unfold(1, self.points, self.tile).unfold(2, self.points, self.tile)
        return tiles.permute(4, 5, 0, 1, 2, 3).reshape(self.points**2, -1)

    def add_up(self, tiles: Tensor, channels: int) -> Tensor:
        """Overlapping input tiles added up to maps [N, C, H, W]: the transpose of `cut`."""
        down, across = (count * self.tile + self.kernel_size - 1 for count in self.tiles)
        padded = tiles.new_zeros(self.count, down, across, channels)
        parts = tiles.view(self.points, self.points, self.count, *self.tiles, channels)
        for i in range(self.points):
            for j in range(self.points):
                ends = (i + self.tiles[0] * self.tile, j + self.tiles[1] * self.tile)
                padded[:, i : ends[0] : self.tile, j : ends[1] : self.tile] += parts[i, j]
        inner = slice(self.padding, self.padding + self.height), slice(self.padding, self.padding + self.width)
        return padded[:, *inner].permute(0, 3, 1, 2)

    def join(self, tiles: Tensor, channels: int, bias: Tensor | None) -> Tensor:
        """Output tiles [m², N tiles C] to maps [N, C, P, Q], with the bias added."""
        size = (self.count, channels, *self.outputs)
        maps = torch.empty(size, dtype=tiles.dtype, memory_format=torch.channels_last)
        tiles = tiles.view(self.tile**2, self.count, *self.tiles, channels)
        for part, place in self._places(tiles, maps.permute(0, 2, 3, 1)):
            if bias is None:
                place.copy_(part)
            else:
                torch.add(part, bias, out=place)
        return maps

    def split(self, maps: Tensor) -> Tensor:
        """Output maps to tiles [m², N tiles C], with zeros beyond the edge: the transpose of `join`."""
        maps = maps.permute(0, 2, 3, 1)
        whole = all(size % self.tile == 0 for size in self.outputs)
        new = maps.new_empty if whole else maps.new_zeros
        tiles = new(self.tile**2, self.count, *self.tiles, maps.shape[3])
        for part, place in self._places(tiles, maps):
            part.copy_(place)
        return tiles.view(self.tile**2, -1)

    def _places(self, tiles: Tensor, maps: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Each position in a tile, with the values of the maps [N, P, Q, C] at that position."""
        for index, part in enumerate(tiles):
            place = maps[:, index // self.tile :: self.tile, index % self.tile :: self.tile]
            yield part[:, : place.shape[1], : place.shape[2]], place


class _Winograd(torch.autograd.Function):
    """Saves the transformed inputs and kernels; each backward step is the transpose of a forward step."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, groups: int, tile: int
    ) -> Tensor:
        num_out, _, size, _ = weight.shape
        shape = _Shape(x.shape[0], x.shape[2], x.shape[3], padding, groups, tile, size)
        matrices = transforms(tile, size)
        inputs = torch.mm(matrices.inputs, shape.cut(x)).view(shape.points**2, -1, x.shape[1])
        kernels = torch.mm(matrices.kernel, weight.permute(2, 3, 0, 1).reshape(size * size, -1))
        kernels = kernels.view(shape.points**2, num_out, -1)
        ctx.save_for_backward(inputs, kernels)
        ctx.shape = shape
        products = inputs.new_empty(shape.points**2, inputs.shape[1], num_out)
        for u, v, p in _by_group(groups, inputs, kernels, products):
            torch.bmm(u, v.transpose(1, 2), out=p)
        return shape.join(torch.mm(matrices.outputs, products.view(shape.points**2, -1)), num_out, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, kernels = ctx.saved_tensors
        shape: _Shape = ctx.shape
        matrices, size = transforms(shape.tile, shape.kernel_size), shape.kernel_size
        num_points, num_rows, num_in = inputs.shape
        products = torch.mm(matrices.outputs.t(), shape.split(gradients[0])).view(num_points, num_rows, -1)
        for_x = for_weight = for_bias = None
        if ctx.needs_input_grad[1]:
            to_kernels = torch.empty_like(kernels)
            for u, v, p in _by_group(shape.groups, inputs, to_kernels, products):
                torch.bmm(p.transpose(1, 2), u, out=v)
            for_weight = torch.mm(matrices.kernel.t(), to_kernels.view(num_points, -1))
            for_weight = for_weight.view(size, size, *kernels.shape[1:]).permute(2, 3, 0, 1)
            for_weight = for_weight.contiguous(memory_format=torch.channels_last)
        if ctx.needs_input_grad[2]:
            for_bias = gradients[0].sum((0, 2, 3))
        if ctx.needs_input_grad[0]:
            to_inputs = torch.empty_like(inputs)
            for u, v, p in _by_group(shape.groups, to_inputs, kernels, products):
                torch.bmm(p, v, out=u)
            for_x = shape.add_up(torch.mm(matrices.inputs.t(), to_inputs.view(num_points, -1)), num_in)
        return for_x, for_weight, for_bias, None, None, None


def _by_group(
    groups: int, inputs: Tensor, kernels: Tensor, products: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The parts of each group of [n², N tiles, C], [n², K, C / groups] and [n², N tiles, K]."""
    return zip(inputs.chunk(groups, 2), kernels.chunk(groups, 1), products.chunk(groups, 2), strict=True)
