"""Smoothing of kernels in space: what the updates of conv1 go through, so that they leave shapes and no noise."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["smooth_kernels"]


def smooth_kernels(kernels: Float[Tensor, "O I k l"]) -> Float[Tensor, "O I k l"]:
    """Each kernel convolved with the binomial kernel (1 2 1) / 4 down and across; the edge is repeated outside.

    Constant kernels stay as they are; the finest checkerboard becomes almost 0.
    """
    padded = F.pad(kernels, (1, 1, 1, 1), mode="replicate")
    across = padded[..., :-2] + 2.0 * padded[..., 1:-1] + padded[..., 2:]
    smooth: Tensor = (across[..., :-2, :] + 2.0 * across[..., 1:-1, :] + across[..., 2:, :]) / 16.0
    return smooth
