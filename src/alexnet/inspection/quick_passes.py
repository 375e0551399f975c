"""Forward passes in bfloat16 where that is twice as fast and its rounding does not matter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from alexnet.layers.cpu_features import has_fast_bfloat16

__all__ = ["MARGIN", "in_bfloat16", "keeping_rounded_weights", "predicted_classes"]

MARGIN = 0.04
"""Distance of the two largest logits, as a fraction of that between largest and smallest, up to which they are
computed in float32: bfloat16 changes it by 0.01 at most (EXPERIMENTS.md, "The sweep in bfloat16")."""


def in_bfloat16(x: Tensor) -> torch.autocast:
    """Inside the block convolutions and matmuls round to bfloat16, if `x` is on a CPU that is fast at it."""
    return torch.autocast("cpu", torch.bfloat16, enabled=_is_faster(x))


@contextmanager
def keeping_rounded_weights() -> Iterator[None]:
    """Inside the block, weights are rounded to bfloat16 once, not in every pass; they must not change meanwhile.

    autocast keeps them until the outermost block ends, and only outside of inference mode.
    """
    with torch.autocast("cpu", enabled=False), torch.no_grad():
        yield


def _is_faster(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and has_fast_bfloat16()


def predicted_classes(x: Tensor, logits_of: Callable[[Tensor | None], Float[Tensor, "M K"]]) -> Int[Tensor, " N"]:
    """The class of each image's largest logit, as in float32: images with a close second are computed again.

    Args:
        x: what the logits are computed from; it says where, and in which dtype.
        logits_of: gives the logits of the images of some rows, or of all for None.
    """
    with in_bfloat16(x):
        logits = logits_of(None).float()
    predicted = logits.argmax(1)
    if _is_faster(x) and logits.shape[1] > 1:
        first, second = logits.topk(2, 1).values.T
        rows = torch.nonzero(first - second <= MARGIN * (first - logits.amin(1))).flatten()
        if len(rows):
            with torch.autocast("cpu", enabled=False):
                predicted[rows] = logits_of(rows).argmax(1)
    return predicted
