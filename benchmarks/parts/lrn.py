"""Local response normalization, forward and backward: ours and `nn.LocalResponseNorm`."""

from collections.abc import Callable

import torch
from torch import nn

from alexnet.cli.process import keep_freed_memory
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.layers.lrn import LocalResponseNorm
from benchmarks.compare import Setting, Way, compare
from benchmarks.measured import Comparison

SHAPES = ((128, 96, 22, 22), (128, 256, 10, 10))
"""Outputs of the first and second convolution of the seminar's network at 96 px."""

PEER = "nn.LocalResponseNorm, float32"

SLOWEST_SECONDS = 1.0
"""A candidate whose warm-up takes longer (emulated bfloat16) is measured once."""


def both_ways(
    layer: nn.Module, shape: tuple[int, ...], *, channels_last: bool, dtype: torch.dtype
) -> Callable[[], None]:
    """A forward and a backward pass on fixed random feature maps."""
    x = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 20).to(dtype)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    gradient = torch.ones_like(x)

    def run() -> None:
        x.grad = None
        layer(x).backward(gradient)

    return run


def measure(setting: Setting) -> list[Comparison]:
    """Both shapes, in every memory layout and dtype that a network may have."""
    keep_freed_memory()
    ours, theirs = LocalResponseNorm(5, 1e-4, 0.75, 2.0), nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)
    allow_fast_paths(ours, True)
    comparisons = []
    for shape in SHAPES:
        # forward: x read, y written; backward: x and the gradient read, a gradient written
        moved = 5.0 * torch.Size(shape).numel()
        ways = {PEER: Way(both_ways(theirs, shape, channels_last=False, dtype=torch.float32), moved=4 * moved)}
        last = both_ways(theirs, shape, channels_last=True, dtype=torch.float32)
        ways[f"{PEER}, channels-last"] = Way(last, moved=4 * moved)
        for dtype in (torch.float32, torch.bfloat16):
            for channels_last in (True, False):
                name = f"ours, {str(dtype)[6:]}, {'channels-last' if channels_last else 'contiguous'}"
                run = both_ways(ours, shape, channels_last=channels_last, dtype=dtype)
                ways[name] = Way(run, moved=dtype.itemsize * moved)
        title = f"normalization, forward and backward, {' x '.join(map(str, shape))}"
        comparisons.append(compare(title, ways, repeats=setting.repeats, slowest=SLOWEST_SECONDS, peer=PEER))
    return comparisons
