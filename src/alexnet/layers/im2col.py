"""Convolution of small maps in bfloat16 as products of matrices, for CPUs that are fast at those.

The inputs of every place are laid out as a row of one matrix. torch's own convolution is slow on maps whose lines are
short, most of all for the gradient of the kernels: a seventh of the rate of matrix units at 4 x 4 (EXPERIMENTS.md).
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

    padding: less than the kernel's size. Sums are float32 inside the products. Gradients have the dtype of what they
    belong to, those of the weights having been rounded to bfloat16 once, as torch's are under autocast.
    """
    return _Columns.apply(x, weight, bias, padding)  # type: ignore[no-any-return,no-untyped-call]


class _Columns(torch.autograd.Function):
    """Keeps the maps, not the much larger rows: laying them out anew takes less than reading them from memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.dtypes, ctx.padding = (x.dtype, weight.dtype), padding
        x, kernels = x.bfloat16(), weight.permute(0, 2, 3, 1).bfloat16()  # [K, r, r, C]
        ctx.save_for_backward(x, kernels)
        rows, height, width = _lay_out(x, kernels.shape[1], padding)
        # written into maps and not returned as a view of rows: a ReLU may work in place on what a function returns
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
            products = outputs.t() @ _lay_out(x, size, ctx.padding)[0]
            for_weight = products.view(kernels.shape).to(weight_dtype).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[0]:
            # the same with the kernels turned by 180 degrees, from outputs to inputs: [r r K, C]
            turned = kernels.flip(1, 2).permute(1, 2, 0, 3).flatten(0, 2)
            rows, height, width = _lay_out(gradient, size, size - 1 - ctx.padding)
            for_x = (rows @ turned).view(-1, height, width, x.shape[1]).permute(0, 3, 1, 2).to(dtype)
        return for_x, for_weight, for_bias, None


def _lay_out(maps: Tensor, size: int, padding: int) -> tuple[Tensor, int, int]:
    """[N, C, H, W] to the inputs of each place, [N P Q, r r C], zeros beyond the edges; and P and Q."""
    padded = F.pad(maps.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    places = padded.unfold(1, size, 1).unfold(2, size, 1)  # [N, P, Q, C, r, r]
    rows = places.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)
    return rows, places.shape[1], places.shape[2]
