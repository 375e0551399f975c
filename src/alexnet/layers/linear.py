"""Fully connected layers: torch's own, by a faster library for training on some CPUs."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.layers.cpu_features import has_slow_float32_matmul
from alexnet.layers.fast_path import FastPath

__all__ = ["Linear"]

MIN_BATCH = 8
"""Images in a batch from which oneDNN is faster; for one image it is slower (EXPERIMENTS.md)."""


class Linear(FastPath, nn.Linear):
    """torch's fully connected layer; in float32 training by oneDNN where torch's other library (MKL) is slow.

    Both libraries differ from the float64 result by some millionths of the largest output.
    """

    def forward(self, input: Float[Tensor, "N I"]) -> Float[Tensor, "N O"]:
        """Multiply by the weights and add the biases."""
        if self.uses_fast_path(input) and self._onednn_pays(input):
            return F.linear(input.to_mkldnn(), self.weight, self.bias).to_dense()
        return super().forward(input)

    def _onednn_pays(self, x: Tensor) -> bool:
        """Whether oneDNN is faster."""
        return (
            x.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and len(x) >= MIN_BATCH
            and has_slow_float32_matmul()
        )
