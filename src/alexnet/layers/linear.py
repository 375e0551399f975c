"""Fully connected layers: torch's own, and faster ways to train them on some CPUs."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.layers.cpu_features import has_fast_bfloat16, has_slow_float32_matmul
from alexnet.layers.fast_path import FastPath

__all__ = ["Linear"]

MIN_BATCH = 8
"""Images in a batch from which oneDNN is faster; for one image it is slower (EXPERIMENTS.md)."""

MAX_FLOAT32_BATCH = 64
"""Images in a batch up to which float32 is faster in a bfloat16 training: to round 4096 x 4096 weights, and to widen
their gradient again, then costs more than the faster matmul saves (EXPERIMENTS.md)."""


class Linear(FastPath, nn.Linear):
    """torch's fully connected layer, with two faster paths for training.

    In float32, by oneDNN where torch's other library (MKL) is slow; both differ from the float64 result by some
    millionths of the largest output. In bfloat16 (autocast) with small batches, in float32, which rounds less.
    """

    def forward(self, input: Float[Tensor, "N I"]) -> Float[Tensor, "N O"]:
        """Multiply by the weights and add the biases."""
        if self.uses_fast_path(input):
            if self._float32_pays(input):
                with torch.autocast("cpu", enabled=False):
                    return F.linear(input.float(), self.weight, self.bias)
            if self._onednn_pays(input):
                return F.linear(input.to_mkldnn(), self.weight, self.bias).to_dense()
        return super().forward(input)

    def _float32_pays(self, x: Tensor) -> bool:
        """Whether float32 is faster than the bfloat16 that autocast would choose."""
        return (
            torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") == torch.bfloat16
            and self.weight.dtype == torch.float32
            and len(x) <= MAX_FLOAT32_BATCH
            and has_fast_bfloat16()
        )

    def _onednn_pays(self, x: Tensor) -> bool:
        """Whether oneDNN is faster than torch's own choice."""
        return (
            x.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and len(x) >= MIN_BATCH
            and has_slow_float32_matmul()
        )
