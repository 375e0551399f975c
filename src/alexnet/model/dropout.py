"""Dropout as the authors' 2012 program does it: nothing is scaled while training, everything in testing."""

import torch
from torch import Tensor, nn

__all__ = ["ClassicDropout"]


class ClassicDropout(nn.Module):
    """Zero each unit with probability `rate` while training; multiply all by 1 - rate in testing.

    `nn.Dropout` scales the kept units up by 1 / (1 - rate) while training instead. The expected input of the layer
    behind is the same within each of the two; between them it differs by that factor, and so do the gradients that
    its weights get.

    Source: Krizhevsky et al. 2012, §4.2 ("multiply their outputs by 0.5"); HiddenSexLayer of the 2012 program.
    """

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Mask, or scale."""
        if not self.training:
            return x * (1.0 - self.rate)
        return x * torch.empty_like(x).bernoulli_(1.0 - self.rate)

    def extra_repr(self) -> str:
        """Its rate."""
        return f"rate={self.rate}"
