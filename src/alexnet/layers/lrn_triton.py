"""Local response normalization over rows of channels on a GPU: one Triton kernel for each pass.

Memory is treated as one long array, in which the channels of a group at one position are `WIDTH` successive numbers.
A program computes `BLOCK` successive numbers, across any of these boundaries, and reads their neighbors by shifted
loads. Those come from the cache, so that each array is read from memory once.
"""

from __future__ import annotations  # so that annotations with tl.constexpr are not evaluated: tl is loaded late

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, no_type_check

import torch
from torch import Tensor

__all__ = ["backward", "forward", "is_available"]

BLOCK = 1024
"""Numbers that one program computes."""

OLDEST = (7, 0)
"""Compute capability from which torch's own compiler uses Triton."""

tl: Any = None  # triton.language; loaded with the kernels, since Triton comes with torch's GPU builds only


def is_available(device: torch.device | None = None) -> bool:
    """Whether Triton is installed and supports this GPU (the current one by default)."""
    if not torch.cuda.is_available() or find_spec("triton") is None:
        return False
    return torch.cuda.get_device_capability(device) >= OLDEST


def forward(rows: Tensor, size: int, groups: int, scale: float, beta: float, k: float) -> tuple[Tensor, Tensor]:
    """y = x d^-beta, [R, C], with d = k + scale * sum of x² over the window; and d^-1/2 for the backward pass.

    Computed in float32; both results have the rows' dtype. d^-1/2 is saved, because computing it again would take all
    of a window's inputs for each of its outputs.
    """
    rows = rows.contiguous()
    y, root = torch.empty_like(rows), torch.empty_like(rows)
    _launch(0, rows, y, root, rows.numel(), scale, k, WIDTH=rows.shape[1] // groups, SIZE=size, BETA=beta)
    return y, root


def backward(
    gradient: Tensor, rows: Tensor, root: Tensor, size: int, groups: int, scale: float, beta: float
) -> Tensor:
    """dx = g d^-beta - 2 scale beta x * (sum of g x d^(-beta - 1) over all windows with x in them); [R, C]."""
    gradient, rows, root = gradient.contiguous(), rows.contiguous(), root.contiguous()
    dx = torch.empty_like(rows)
    _launch(1, gradient, rows, root, dx, rows.numel(), scale, WIDTH=rows.shape[1] // groups, SIZE=size, BETA=beta)
    return dx


def _launch(which: int, first: Tensor, *arguments: Any, **constants: Any) -> None:
    if first.numel() == 0:
        return
    with torch.cuda.device_of(first):  # type: ignore[no-untyped-call]
        grid = ((first.numel() + BLOCK - 1) // BLOCK,)
        _kernels()[which][grid](first, *arguments, **constants, BLOCK=BLOCK, enable_fp_fusion=True)


@cache
def _kernels() -> tuple[Any, Any]:
    """Both kernels; Triton compiles each at its first launch."""
    global tl
    jit, tl = import_module("triton").jit, import_module("triton.language")
    return jit(_normalize), jit(_differentiate)


@no_type_check
def _normalize(
    x, y, root, count, scale, k,
    WIDTH: tl.constexpr, SIZE: tl.constexpr, BETA: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    start = tl.program_id(0).to(tl.int64) * BLOCK
    lanes = tl.arange(0, BLOCK)
    positions = start + lanes
    inside = positions < count
    channels = ((start % WIDTH).to(tl.int32) + lanes) % WIDTH
    own = tl.load(x + positions, mask=inside, other=0.0).to(tl.float32)
    total = own * own
    for shift in tl.static_range(-(SIZE // 2), (SIZE - 1) // 2 + 1):
        if shift != 0:
            within = inside & (channels + shift >= 0) & (channels + shift < WIDTH)
            near = tl.load(x + positions + shift, mask=within, other=0.0).to(tl.float32)
            total += near * near
    inverse = 1.0 / tl.sqrt(k + scale * total)
    power = inverse * tl.sqrt(inverse) if BETA == 0.75 else tl.exp2(2 * BETA * tl.log2(inverse))
    tl.store(y + positions, (own * power).to(y.dtype.element_ty), mask=inside)
    tl.store(root + positions, inverse.to(root.dtype.element_ty), mask=inside)


@no_type_check
def _differentiate(
    gradient, x, root, dx, count, scale,
    WIDTH: tl.constexpr, SIZE: tl.constexpr, BETA: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    start = tl.program_id(0).to(tl.int64) * BLOCK
    lanes = tl.arange(0, BLOCK)
    positions = start + lanes
    inside = positions < count
    channels = ((start % WIDTH).to(tl.int32) + lanes) % WIDTH
    own = tl.load(x + positions, mask=inside, other=0.0).to(tl.float32)
    direct = own * 0.0
    crossed = own * 0.0
    for shift in tl.static_range(-((SIZE - 1) // 2), SIZE // 2 + 1):
        within = inside & (channels + shift >= 0) & (channels + shift < WIDTH)
        inverse = tl.load(root + positions + shift, mask=within, other=1.0).to(tl.float32)
        power = inverse * tl.sqrt(inverse) if BETA == 0.75 else tl.exp2(2 * BETA * tl.log2(inverse))
        scaled = tl.load(gradient + positions + shift, mask=within, other=0.0).to(tl.float32) * power
        if shift == 0:
            direct = scaled
        near = tl.load(x + positions + shift, mask=within, other=0.0).to(tl.float32)
        crossed += scaled * near * inverse * inverse
    result = direct - 2 * BETA * scale * own * crossed
    tl.store(dx + positions, result.to(dx.dtype.element_ty), mask=inside)
