"""PyTorch's own optimizers, without what makes them slow to start."""

from typing import Any

import torch

__all__ = ["LBFGS", "SGD", "Adam", "AdamW", "unwrapped"]


def unwrapped(method: Any) -> Any:
    """A method of an optimizer of PyTorch's without the wrapper that loads torch's compiler on its first call.

    Loading it costs 1.5 s at every start; only compiled and differentiable updates need it. A method that has no
    wrapper is returned as it is.
    """
    return getattr(method, "__wrapped__", method)


class Adam(torch.optim.Adam):
    """PyTorch's Adam."""

    add_param_group = unwrapped(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(unwrapped(torch.optim.Adam.step))


class AdamW(torch.optim.AdamW):
    """PyTorch's AdamW."""

    add_param_group = unwrapped(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(unwrapped(torch.optim.AdamW.step))


class SGD(torch.optim.SGD):
    """PyTorch's SGD."""

    add_param_group = unwrapped(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(unwrapped(torch.optim.SGD.step))


class LBFGS(torch.optim.LBFGS):
    """PyTorch's L-BFGS."""

    add_param_group = unwrapped(torch.optim.Optimizer.add_param_group)
