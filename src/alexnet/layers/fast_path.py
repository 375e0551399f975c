"""Layers that training may compute in another way than torch's own, where that is faster."""

import torch
from torch import Tensor, nn

__all__ = ["FastPath", "allow_fast_paths"]


class FastPath:
    """Mixin for a layer of torch that training may compute another way.

    That can be differentiated once, and is for training on a CPU, step by step. Testing and everything
    else that looks into a network takes torch's own.

    detours: whether it may.
    """

    fast_path: bool = False
    training: bool

    def takes_fast_path(self, x: Tensor) -> bool:
        """Whether it may, and trains on a CPU, step by step."""
        return (
            self.fast_path
            and self.training
            and torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
            and x.device.type == "cpu"
        )


def allow_fast_paths(network: nn.Module, allowed: bool) -> None:
    """Let every layer of a network be computed in the way that is fastest in training, or none."""
    for module in network.modules():
        if isinstance(module, FastPath):
            module.fast_path = allowed
