"""Dropout: torch's, with its mask drawn faster on a CPU, and that of the authors' 2012 program."""

import torch
from torch import Tensor, nn

__all__ = ["ClassicDropout", "Dropout"]


class Dropout(nn.Dropout):
    """torch's dropout: zero each unit with probability `p` while training, and scale the others by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        """Mask and scale, or nothing in testing."""
        simply = input.device.type == "cpu" and not torch.compiler.is_compiling()
        if not (self.training and simply and 0.0 < self.p < 1.0):
            return super().forward(input)
        return input * _kept(input, self.p).div_(1.0 - self.p)


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
        return x * _kept(x, self.rate)

    def extra_repr(self) -> str:
        """Its rate."""
        return f"rate={self.rate}"


def _kept(x: Tensor, rate: float) -> Tensor:
    """1 with probability 1 - rate, else 0; shape and dtype of x.

    By uniform numbers, which torch draws on a CPU in a quarter of `bernoulli_`'s time (EXPERIMENTS.md).
    """
    if x.device.type != "cpu":
        return torch.empty_like(x).bernoulli_(1.0 - rate)
    return torch.empty_like(x, dtype=torch.float32).uniform_().ge_(rate).to(x.dtype)
