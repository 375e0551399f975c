"""The one switch of the faster paths: layers that training may compute in another way than torch does."""

import torch
from torch import Tensor, nn

__all__ = ["FastPath", "allow_fast_paths"]


class FastPath:
    """Mixin for layers with a faster path for training on a CPU.

    A fast path is differentiable once and may round differently. Evaluation, and everything else that looks into a
    network, uses the plain computation.

    fast_path: whether the layer may use it; off at first, see `allow_fast_paths`.
    """

    fast_path: bool = False
    training: bool

    def uses_fast_path(self, x: Tensor) -> bool:
        """Whether the layer may, and this is a training step on a CPU outside of `torch.compile`."""
        return (
            self.fast_path
            and self.training
            and torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
            and x.device.type == "cpu"
        )


def allow_fast_paths(network: nn.Module, allowed: bool) -> None:
    """Switch the fast paths of all layers of a network on or off; the recipe's `convolution` decides."""
    for module in network.modules():
        if isinstance(module, FastPath):
            module.fast_path = allowed
