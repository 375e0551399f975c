"""Fully connected layers: torch's own, computed by another library in training where that is faster."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.layers.cpu_features import has_slow_float32_matmul
from alexnet.layers.fast_path import FastPath

__all__ = ["Linear"]

FEWEST_ROWS = 8
"""Images of a batch with which oneDNN was found the faster; with one, it is not (EXPERIMENTS.md)."""


class Linear(FastPath, nn.Linear):
    """torch's fully connected layer; while training in float32, by oneDNN where torch's other library is slow.

    Both differ from a result in float64 by some millionths of the largest output.
    """

    def forward(self, input: Float[Tensor, "N I"]) -> Float[Tensor, "N O"]:
        """Multiply by the weights and add the biases."""
        if self.takes_fast_path(input) and self._pays(input):
            return F.linear(input.to_mkldnn(), self.weight, self.bias).to_dense()
        return super().forward(input)

    def _pays(self, x: Tensor) -> bool:
        """Whether oneDNN is the faster."""
        return (
            x.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and len(x) >= FEWEST_ROWS
            and has_slow_float32_matmul()
        )
