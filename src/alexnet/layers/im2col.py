"""Convolution of small feature maps as one matmul in bfloat16 (im2col), for CPUs with fast bfloat16 matmul.

The inputs of every output position are copied into one row of a matrix. torch's own convolution is slow on maps with
short rows, most of all for the gradient of the kernels: at 4 x 4 it reaches a seventh of the CPU's matmul rate
(EXPERIMENTS.md).
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["im2col_conv2d"]


def im2col_conv2d(
    x: Float[Tensor, "N C H W"],
    weight: Float[Tensor, "K C r r"],
    bias: Float[Tensor, " K"] | None,
    *,
    padding: int,
) -> Float[Tensor, "N K P Q"]:
    """`F.conv2d` of stride 1 in bfloat16, whatever the inputs are; channels-last, differentiable once.

    Sums inside the matmul are float32. Each gradient has the dtype of its input; that of the weights was rounded to
    bfloat16 once, as torch does under autocast.

    Args:
        padding: less than the kernel's size.
    """
    return _Im2col.apply(x, weight, bias, padding)  # type: ignore[no-any-return,no-untyped-call]


class _Im2col(torch.autograd.Function):
    """Keeps the maps, not the much larger matrix: building it again takes less time than reading it from memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.dtypes, ctx.padding = (x.dtype, weight.dtype), padding
        x, kernels = x.bfloat16(), weight.permute(0, 2, 3, 1).bfloat16()  # [K, r, r, C]
        ctx.save_for_backward(x, kernels)
        rows, height, width = _im2col(x, kernels.shape[1], padding)
        # written into maps instead of returning a view: an in-place ReLU may follow
        shape = (len(x), len(kernels), height, width)
        maps = torch.empty(shape, dtype=rows.dtype, device=x.device, memory_format=torch.channels_last)
        matrix, into = kernels.flatten(1).t(), maps.permute(0, 2, 3, 1).flatten(0, 2)
        if bias is None:
            torch.mm(rows, matrix, out=into)
        else:
            torch.addmm(bias.bfloat16(), rows, matrix, out=into)
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, kernels = ctx.saved_tensors
        (dtype, weight_dtype), size, gradient = ctx.dtypes, kernels.shape[1], gradients[0]
        for_x = for_weight = for_bias = None
        if ctx.needs_input_grad[2]:
            for_bias = gradient.sum((0, 2, 3), dtype=weight_dtype)
        if ctx.needs_input_grad[1]:
            outputs = gradient.permute(0, 2, 3, 1).flatten(0, 2)
            sums = outputs.t() @ _im2col(x, size, ctx.padding)[0]
            for_weight = sums.view(kernels.shape).to(weight_dtype).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[0]:
            # the same convolution with the kernels rotated by 180 degrees, from outputs to inputs: [r r K, C]
            rotated = kernels.flip(1, 2).permute(1, 2, 0, 3).flatten(0, 2)
            rows, height, width = _im2col(gradient, size, size - 1 - ctx.padding)
            for_x = (rows @ rotated).view(-1, height, width, x.shape[1]).permute(0, 3, 1, 2).to(dtype)
        return for_x, for_weight, for_bias, None


def _im2col(maps: Tensor, size: int, padding: int) -> tuple[Tensor, int, int]:
    """[N, C, H, W] to one row of inputs for each output position, [N P Q, r r C]; and P and Q."""
    padded = F.pad(maps.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    patches = padded.unfold(1, size, 1).unfold(2, size, 1)  # [N, P, Q, C, r, r]
    rows = patches.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)
    return rows, patches.shape[1], patches.shape[2]
