"""Layers that training may compute in another way than torch's own, where that is faster."""

import torch
from torch import Tensor, nn

__all__ = ["MayDetour", "allow_detours"]


class MayDetour:
    """Mixin for a layer of torch that training may compute another way.

    That can be differentiated once, and is for training on a processor, step by step. Testing and everything
    else that looks into a network takes torch's own.

    detours: whether it may.
    """

    detours: bool = False
    training: bool

    def may_detour_now(self, x: Tensor) -> bool:
        """Whether it may, and trains on a processor, step by step."""
        return (
            self.detours
            and self.training
            and torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
            and x.device.type == "cpu"
        )


def allow_detours(network: nn.Module, allowed: bool) -> None:
    """Let every layer of a network be computed in the way that is fastest in training, or none."""
    for module in network.modules():
        if isinstance(module, MayDetour):
            module.detours = allowed
