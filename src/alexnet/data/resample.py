"""Bilinear resampling of a batch, each image by its own affine map."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from alexnet.data.batches import send

__all__ = ["resample"]


def resample(
    pixels: UInt8[Tensor, "N S S 3"], matrices: Float[Tensor, "N 2 3"], size: int
) -> Float[Tensor, "N R R 3"]:
    """Images of `size` px on a side, float32, 0 to 255, on the device of `pixels`.

    matrices: from output to input coordinates, both -1 ... 1 from edge to edge, on the CPU. Beyond an edge the image
    is mirrored.

    Crops that are not rotated and do not reach beyond an edge are resampled first across and then down, whole lines
    at a time: on a CPU in half the time (EXPERIMENTS.md).
    """
    if pixels.device.type == "cpu" and _are_crops(matrices):
        x = pixels.permute(0, 2, 3, 1).to(torch.float32, memory_format=torch.contiguous_format)
        x = _blend(x, matrices[:, 0, [0, 2]], size)  # [N, R, 3, S]: across, then color, then down
        return _blend(x.permute(0, 3, 1, 2).contiguous(), matrices[:, 1, [1, 2]], size)
    x = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    grid = _grid(send(matrices, pixels.device), size)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return x.permute(0, 2, 3, 1)


def _are_crops(matrices: Float[Tensor, "N 2 3"]) -> bool:
    """Whether nothing is rotated, and nothing reaches beyond an edge by more than rounding."""
    across, down = matrices.unbind(1)
    reach = torch.maximum(across.abs().sum(1), down.abs().sum(1))
    return not bool(across[:, 1].any() | down[:, 0].any()) and bool((reach < 1.0001).all())


def _blend(x: Float[Tensor, "N S A B"], along: Float[Tensor, "N 2"], size: int) -> Float[Tensor, "N R A B"]:
    """Weighted sums of two neighboring lines each, at places between them."""
    count, side, *line = x.shape
    lines, weights = _lines(along, side, size)
    sums = F.embedding_bag(lines, x.view(count * side, -1), mode="sum", per_sample_weights=weights)
    return sums.view(count, size, *line)


def _lines(along: Float[Tensor, "N 2"], side: int, size: int) -> tuple[Int[Tensor, "M 2"], Float[Tensor, "M 2"]]:
    """The two input lines of each output line, numbered through all images, and their weights.

    along: factor and shift of the map.
    """
    factor, shift = along[:, :1], along[:, 1:]
    places = (2 * torch.arange(size) + 1) / size - 1
    where = ((factor * places + shift + 1) * (side / 2) - 0.5).clamp_(0, side - 1)
    first = where.floor()
    weight, second = where - first, (first + 1).clamp_(max=side - 1)
    lines = torch.stack([first, second], -1).int() + side * torch.arange(len(along), dtype=torch.int32)[:, None, None]
    return lines.view(-1, 2), torch.stack([1 - weight, weight], -1).view(-1, 2)


def _grid(matrices: Float[Tensor, "N 2 3"], size: int) -> Float[Tensor, "N R R 2"]:
    """The input place of each output place: `F.affine_grid` in a quarter of its time."""
    places = (2 * torch.arange(size, device=matrices.device) + 1) / size - 1
    grid = torch.empty(len(matrices), size, size, 2, device=matrices.device)
    for axis, rows in enumerate(matrices.unbind(1)):
        across, down, shift = rows.T[:, :, None]
        torch.add((across * places)[:, None, :], (down * places + shift)[:, :, None], out=grid[..., axis])
    return grid
