"""From logits and probabilities to scores."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alexnet.records import ClassScore

__all__ = ["TOP5_FROM", "class_scores", "confusion_matrix", "num_wrong"]

TOP5_FROM = 6
"""Number of classes from which a top-5 error means something."""


def num_wrong(scores: Float[Tensor, "N K"], labels: Int64[Tensor, " N"], *, k: int = 1) -> Tensor:
    """Number of images whose class is not among the `k` highest scores; among equal scores the first class wins.

    >>> num_wrong(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])).item()
    1
    """
    own = scores.gather(1, labels[:, None])
    earlier = torch.arange(scores.shape[1], device=scores.device) < labels[:, None]
    rank = ((scores > own) | ((scores == own) & earlier)).sum(1)
    return ((rank >= k) | own[:, 0].isnan()).sum()


def confusion_matrix(
    labels: Int64[Tensor, " N"], predicted: Int64[Tensor, " N"], num_classes: int
) -> Int64[Tensor, "K K"]:
    """Counts by true class (row) and predicted class (column)."""
    return torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(num_classes, num_classes)


def class_scores(classes: tuple[str, ...], confusion: Int64[Tensor, "K K"]) -> tuple[ClassScore, ...]:
    """The counts of each class, from which precision and recall follow."""
    rows, columns, correct = confusion.sum(1).tolist(), confusion.sum(0).tolist(), confusion.diagonal().tolist()
    return tuple(ClassScore(*row) for row in zip(classes, rows, columns, correct, strict=True))
