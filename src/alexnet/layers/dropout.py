"""Dropout with random numbers of its own: torch's, and that of the authors' 2012 program."""

import torch
from torch import Tensor, nn

from alexnet.batch_part import BatchPart

__all__ = ["ClassicDropout", "Dropout", "set_dropout_generator"]


class Dropout(nn.Dropout):
    """torch's dropout: zero each unit with probability `p` in training, and scale the others by 1 / (1 - p).

    generator: what the masks are drawn from; None for torch's global generator.
    part: the part of a batch that the input is; None if it is a whole batch.
    """

    generator: torch.Generator | None = None
    part: BatchPart | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Mask and scale in training; in evaluation, the input."""
        if not self.training or self.p == 0.0:
            return input
        mask = _draw_mask(input, self.p, self.generator, self.part)
        return input * (mask.div_(1.0 - self.p) if self.p < 1.0 else mask)


class ClassicDropout(nn.Module):
    """Zero each unit with probability `rate` in training; multiply all by 1 - rate in evaluation.

    `nn.Dropout` scales the kept units up by 1 / (1 - rate) in training instead. Within each of the two forms the
    expected input of the next layer is the same in training and evaluation; between them it differs by that factor,
    and so do the gradients of that layer's weights.

    generator: what the masks are drawn from; None for torch's global generator.
    part: the part of a batch that the input is; None if it is a whole batch.

    Source: Krizhevsky et al. 2012, §4.2 ("multiply their outputs by 0.5"); HiddenSexLayer of the 2012 program.
    """

    generator: torch.Generator | None = None
    part: BatchPart | None = None

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Mask in training; scale in evaluation."""
        if not self.training:
            return x * (1.0 - self.rate)
        return x * _draw_mask(x, self.rate, self.generator, self.part)

    def extra_repr(self) -> str:
        """Its rate."""
        return f"rate={self.rate}"


def set_dropout_generator(
    network: nn.Module, generator: torch.Generator | None, *, part: BatchPart | None = None
) -> None:
    """Let every dropout layer of a network draw its masks from one generator, on the network's device.

    part: the part of each batch that the network gets; None for whole batches.
    """
    for module in network.modules():
        if isinstance(module, Dropout | ClassicDropout):
            module.generator, module.part = generator, part


def _draw_mask(x: Tensor, rate: float, generator: torch.Generator | None, part: BatchPart | None) -> Tensor:
    """1 with probability 1 - rate, else 0; shape and dtype of x."""
    if part is None:
        return torch.empty_like(x).bernoulli_(1.0 - rate, generator=generator)
    whole = x.new_empty(part.whole, *x.shape[1:])
    return whole.bernoulli_(1.0 - rate, generator=generator)[part.places]
