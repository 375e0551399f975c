"""The update rule of the paper: stochastic gradient descent whose momentum contains the learning rate."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from alexnet.training.torch_optimizers import SGD

__all__ = ["PaperSGD"]


class PaperSGD(SGD):
    """Stochastic gradient descent as the paper prints it.

        v ← momentum v - weight_decay lr w - lr g        w ← w + v

    PyTorch's SGD keeps b = momentum b + g + weight_decay w and subtracts lr b, so that a new learning rate applies at
    once to everything in b. As long as the learning rate is constant, both are the same (v = -lr b); at a step where
    it changes to lr', PyTorch's momentum is lr'/lr times the paper's. Here b is scaled by lr/lr' at that step, and
    PyTorch's fused update does the rest.

    Source: Krizhevsky et al. 2012, §5; src/weights.cu of the 2012 program.
    """

    def __init__(self, params: Any, *, lr: float, momentum: float) -> None:
        super().__init__(params, lr=lr, momentum=momentum, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient; at learning rate 0 neither weights nor momentum change."""
        moving = [group for group in self.param_groups if group["lr"] > 0.0]
        for group in moving:
            for weight in group["params"]:
                self._keep_velocity(weight, group["lr"])
        groups, self.param_groups = self.param_groups, moving
        try:
            return super().step(closure)  # type: ignore[no-any-return]
        finally:
            self.param_groups = groups

    def _keep_velocity(self, weight: Tensor, learning_rate: float) -> None:
        """Scale b where the learning rate has changed, so that v stays as it is."""
        state = self.state[weight]
        buffer, previous = state.get("momentum_buffer"), state.get("rate")
        if buffer is not None and previous is not None and float(previous) != learning_rate:
            buffer.mul_(float(previous) / learning_rate)
        if previous is None:
            previous = state["rate"] = torch.empty((), dtype=torch.float64)
        previous.fill_(learning_rate)
