"""Update rules: torch's own, and orthogonalized updates for the kernels."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from alexnet.layers.cpu_features import has_fast_bfloat16
from alexnet.model.alexnet import AlexNet
from alexnet.recipe import Recipe
from alexnet.training.schedule import Rates

__all__ = ["Muon", "Optimizers", "PaperSGD", "orthogonalize"]

LARGEST_SIDE = 512
"""Matrices whose shorter side is longer are left to AdamW: orthogonalizing them costs more than it saves."""


def orthogonalize(matrix: Tensor, *, iterations: int = 5) -> Tensor:
    """A matrix with the singular vectors of `matrix` and singular values near 1 (0.7 to 1.2), in its dtype.

    A Newton-Schulz iteration of an odd quintic, X ← a X + (b A + c A²) X with A = X Xᵀ, whose coefficients are
    chosen for speed near 0 instead of for convergence to exactly 1. X itself is multiplied once at the end: every
    factor is a polynomial of X Xᵀ, so they are gathered in that smaller square (half to a third of the operations
    for kernels, whose matrices are 6 to 14 times as wide as high). In bfloat16 at most three are gathered: five raise
    the weakest directions 500 times, and their rounding would outweigh the strong ones (EXPERIMENTS.md).

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers", coefficients 3.4445, -4.7750, 2.0315.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    most = 3 if matrix.dtype == torch.bfloat16 else iterations
    while iterations > 0:
        x = _gathered(x @ x.T, min(most, iterations)) @ x
        iterations -= most
    return x if wide else x.T


def _gathered(gram: Tensor, iterations: int) -> Tensor:
    """The product of so many factors a + b A + c A², the first with A = gram, each next one with A made by it."""
    a, b, c = 3.4445, -4.7750, 2.0315
    product: Tensor | None = None
    for left in reversed(range(iterations)):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if left:
            gram = factor @ gram @ factor
    assert product is not None
    return product


def _bare(method: Any) -> Any:
    """A method of torch's optimizers without what loads torch's compiler: a second and a half of every start.

    The wrappers around it matter to compiled and differentiable updates only. Where there is none, itself.
    """
    return getattr(method, "__wrapped__", method)


class Adam(torch.optim.Adam):
    """torch's Adam, quick to start."""

    add_param_group = _bare(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(_bare(torch.optim.Adam.step))


class AdamW(torch.optim.AdamW):
    """torch's AdamW, quick to start."""

    add_param_group = _bare(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(_bare(torch.optim.AdamW.step))


class SGD(torch.optim.SGD):
    """torch's SGD, quick to start."""

    add_param_group = _bare(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(_bare(torch.optim.SGD.step))


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalized: every direction of a kernel matrix moves at the same speed.

        m ← momentum m + (1 - momentum) g        u = (1 - momentum) g + momentum m
        w ← (1 - lr weight_decay) w - lr sqrt(max(1, rows / columns)) orthogonalize(u)

    A kernel tensor [out, in, k, k] is the matrix [out, in k k]. dtype: in which they are orthogonalized; weights and
    momentum keep their own.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers".
    """

    add_param_group = _bare(torch.optim.Optimizer.add_param_group)

    def __init__(
        self,
        params: Any,
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._dtype = dtype

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes over."""
        return super().__getstate__() | {"_dtype": self._dtype}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = closure() if closure else None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)
        return loss

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = _channels_last(gradient.lerp(average, group["momentum"]))
        update = orthogonalize(ahead.flatten(1).to(self._dtype))
        scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        _channels_last(weight).add_(update.view(ahead.shape), alpha=-group["lr"] * scale)


def _channels_last(weight: Tensor) -> Tensor:
    """Kernels as [out, k, k, in], in which order they lie in memory; the order of columns means nothing to Muon."""
    return weight.permute(0, 2, 3, 1) if weight.ndim == 4 else weight


class PaperSGD(SGD):
    """Stochastic gradient descent as the paper prints it: the rate is part of what the momentum remembers.

        v ← momentum v - weight_decay lr w - lr g        w ← w + v

    torch's SGD keeps b = momentum b + g + weight_decay w and takes lr b off w, so that a new rate holds at once for
    all that b remembers. While the rate stays, both are the same (v = -lr b); on a step where it changes, torch's
    momentum is lr'/lr times the paper's. Here b is scaled by lr/lr' then, and torch's fused update does the rest.

    Source: Krizhevsky et al. 2012, §5; src/weights.cu of the 2012 program.
    """

    def __init__(self, params: Any, *, lr: float, momentum: float) -> None:
        super().__init__(params, lr=lr, momentum=momentum, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                self._carry_over(weight, group)
        moving = [group for group in self.param_groups if group["lr"] > 0.0]
        groups, self.param_groups = self.param_groups, moving
        try:
            return super().step(closure)  # type: ignore[no-any-return]
        finally:
            self.param_groups = groups

    def _carry_over(self, weight: Tensor, group: dict[str, Any]) -> None:
        """Keep v as it is where the rate has changed; at rate 0 the 2012 program leaves weights and v alone."""
        if group["lr"] == 0.0:
            return
        state = self.state[weight]
        average, rate = state.get("momentum_buffer"), state.get("rate")
        if average is not None and rate is not None and float(rate) != group["lr"]:
            average.mul_(float(rate) / group["lr"])
        state["rate"] = torch.tensor(group["lr"], dtype=torch.float64)


class Optimizers:
    """The optimizers of a recipe as one: each with its peak rate, by parameter name.

    dtype: the machine's; a CPU fast at bfloat16's products orthogonalizes in it, everything else in float32.
    """

    def __init__(self, network: AlexNet, recipe: Recipe, *, dtype: torch.dtype = torch.float32) -> None:
        self._parts = _build(network, recipe, dtype)
        self._names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}

    def step(self, rates: Rates) -> None:
        """One update at these shares of the peak rates; gradients are cleared."""
        for optimizer in self._parts:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rates.of(group["layer"], is_bias=group["is_bias"])
            optimizer.step()
        for parameter in self._names:
            parameter.grad = None

    def state_tensors(self) -> dict[str, Tensor]:
        """All that the optimizers remember, by a name of its own."""
        return {
            f"{place}.{self._names[parameter]}.{key}": value
            for place, optimizer in enumerate(self._parts)
            for parameter, state in optimizer.state.items()
            for key, value in state.items()
            if isinstance(value, Tensor)
        }

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Back from `state_tensors`."""
        parameters = {name: parameter for parameter, name in self._names.items()}
        for key, value in tensors.items():
            place, _, rest = key.partition(".")
            name, _, item = rest.rpartition(".")
            parameter = parameters[name]
            value = value.to(parameter.device)
            if value.shape == parameter.shape:  # fused updates walk memory: it must be laid out alike
                value = torch.empty_like(parameter, requires_grad=False).copy_(value)
            self._parts[int(place)].state[parameter][item] = value


def _groups(
    network: AlexNet, recipe: Recipe, *, with_muon: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Parameter groups for Muon and for the other optimizer; frozen layers are left out."""
    muon: list[dict[str, Any]] = []
    other: list[dict[str, Any]] = []
    layers = [(name, m) for name, m in network.named_layers() if isinstance(m, nn.Conv2d | nn.Linear)]
    for name, module in layers:
        for parameter in module.parameters(recurse=False):
            is_bias = parameter.ndim == 1
            factor = recipe.rate_factor(is_kernel=isinstance(module, nn.Conv2d), is_bias=is_bias)
            parameter.requires_grad_(factor > 0)
            if factor == 0:
                continue
            shorter = min(len(parameter), parameter[0].numel())
            by_muon = with_muon and not is_bias and shorter <= LARGEST_SIDE and name != layers[-1][0]
            peak = factor * (recipe.muon_learning_rate if by_muon else recipe.learning_rate)
            decay = recipe.weight_decay if not is_bias or recipe.decay_biases else 0.0
            group = {"params": [parameter], "weight_decay": decay, "lr": peak, "peak": peak}
            (muon if by_muon else other).append(group | {"layer": name, "is_bias": is_bias})
    return muon, other


def _build(network: AlexNet, recipe: Recipe, dtype: torch.dtype) -> list[torch.optim.Optimizer]:
    muon, other = _groups(network, recipe, with_muon=recipe.optimizer == "muon")
    rate = recipe.learning_rate
    if recipe.optimizer == "sgd":
        return [SGD(other, lr=rate, momentum=recipe.momentum, fused=True)]
    if recipe.optimizer == "sgd_2012":
        return [PaperSGD(other, lr=rate, momentum=recipe.momentum)]
    if recipe.optimizer == "adam":
        return [Adam(other, lr=rate, fused=True)]
    parts: list[torch.optim.Optimizer] = [AdamW(other, lr=rate, betas=(0.9, 0.99), fused=True)]
    if muon:
        on_processor = muon[0]["params"][0].device.type == "cpu"
        is_fast = dtype == torch.bfloat16 and on_processor and has_fast_bfloat16()
        parts.append(Muon(muon, lr=recipe.muon_learning_rate, dtype=dtype if is_fast else torch.float32))
    return parts
