"""Local response normalization, forward and backward: ours against `nn.LocalResponseNorm`.

python -m benchmarks.local_response_norm
"""

from collections.abc import Callable

import torch
from torch import nn

from alexnet.model.lrn import LocalResponseNorm
from alexnet.training.processes import keep_freed_memory
from benchmarks.alternate import alternate, print_table

SHAPES = ((128, 96, 22, 22), (128, 256, 10, 10))


def both_ways(
    layer: nn.Module, shape: tuple[int, ...], *, channels_last: bool, dtype: torch.dtype
) -> Callable[[], None]:
    """A forward and a backward pass on fixed random maps."""
    x = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 20).to(dtype)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    gradient = torch.ones_like(x)

    def run() -> None:
        x.grad = None
        layer(x).backward(gradient)

    return run


def main() -> None:
    """Measure and print."""
    keep_freed_memory()
    ours, theirs = LocalResponseNorm(5, 1e-4, 0.75, 2.0), nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)
    for shape in SHAPES:
        candidates = {
            "nn.LocalResponseNorm": both_ways(theirs, shape, channels_last=False, dtype=torch.float32),
            "ours, float32, channels-last": both_ways(ours, shape, channels_last=True, dtype=torch.float32),
            "ours, float32, contiguous": both_ways(ours, shape, channels_last=False, dtype=torch.float32),
            "ours, bfloat16, channels-last": both_ways(ours, shape, channels_last=True, dtype=torch.bfloat16),
        }
        print_table(f"forward and backward at {list(shape)}", alternate(candidates), peer="nn.LocalResponseNorm")


if __name__ == "__main__":
    main()
