"""The optimizers that a recipe can name: which rule updates a parameter, what it remembers, how far it moves.

To add an optimizer, write its `UpdateRule`, enter it in `OPTIMIZERS`, and add its name to `Recipe.optimizer`. The
plan, the trainability check and saved states ask here, and a test runs every optimizer through all three.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alexnet.layers.cpu_features import has_fast_bfloat16
from alexnet.model.alexnet import AlexNet
from alexnet.model.specs import LayerGeometry
from alexnet.recipe import Recipe
from alexnet.training.muon import Muon
from alexnet.training.paper_sgd import PaperSGD
from alexnet.training.schedule import Rates
from alexnet.training.torch_optimizers import SGD, Adam, AdamW

__all__ = [
    "OPTIMIZERS",
    "Optimizers",
    "ParameterInfo",
    "UpdateRule",
    "num_remembered",
    "parameters_in_table",
    "parameters_of",
    "rule_for",
    "sharpness_limit",
]

LARGEST_SIDE = 512
"""Shorter side of the largest matrix that Muon updates. AdamW gets larger ones: to orthogonalize them costs more time
than it saves."""

Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class ParameterInfo:
    """What decides how a parameter is updated.

    layer: its layer's name. shape: of the tensor. is_kernel: it belongs to a convolutional layer (kernels and their
    biases). is_last: it belongs to the last layer.
    """

    layer: str
    shape: tuple[int, ...]
    is_kernel: bool
    is_last: bool

    @property
    def is_bias(self) -> bool:
        """Whether it is a vector of biases."""
        return len(self.shape) == 1

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of the weights as a matrix, one row for each output."""
        return self.shape[0], math.prod(self.shape[1:])

    def rate_factor(self, recipe: Recipe) -> float:
        """Factor on the learning rate; 0 where the recipe freezes the parameter."""
        return recipe.rate_factor(is_kernel=self.is_kernel, is_bias=self.is_bias)


@dataclass(frozen=True)
class UpdateRule:
    """How an optimizer updates the parameters that it is given.

    Args:
        name: for messages.
        build: make torch's optimizer from parameter groups, the recipe, and the machine's dtype.
        num_remembered: how many numbers it keeps for each weight from step to step.
        step_norm: the norm of a step at the peak learning rate, momentum included, from the parameter, the norm of
            its gradient, and the recipe; without the recipe's factors on the learning rate.
        sharpness_limit: the largest stable product of learning rate and curvature of the loss; None for adaptive
            rules, whose steps do not grow with the gradient.
        rate_setting: the recipe's field that holds the peak learning rate.
        accepts: whether it can update a parameter; by default all.
        cost: time of an update for each weight, in units of AdamW's.
    """

    name: str
    build: Callable[[Groups, Recipe, torch.dtype], torch.optim.Optimizer]
    num_remembered: Callable[[Recipe], int]
    step_norm: Callable[[ParameterInfo, float, Recipe], float]
    sharpness_limit: Callable[[Recipe], float] | None
    rate_setting: str = "learning_rate"
    accepts: Callable[[ParameterInfo], bool] = lambda _parameter: True
    cost: float = 1.0

    @property
    def is_adaptive(self) -> bool:
        """Whether the size of a step is independent of the size of the gradient."""
        return self.sharpness_limit is None

    def peak_rate(self, recipe: Recipe) -> float:
        """The peak learning rate, without the recipe's factors."""
        return float(getattr(recipe, self.rate_setting))


def _one_with_momentum(recipe: Recipe) -> int:
    return 1 if recipe.momentum > 0.0 else 0


def _descent_step(_parameter: ParameterInfo, gradient_norm: float, recipe: Recipe) -> float:
    """Momentum adds up 1 / (1 - momentum) gradients."""
    return recipe.learning_rate / (1.0 - recipe.momentum) * gradient_norm


def _descent_limit(recipe: Recipe) -> float:
    """Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5."""
    return 2.0 * (1.0 + recipe.momentum)


def _adam_step(parameter: ParameterInfo, _gradient_norm: float, recipe: Recipe) -> float:
    """Every weight moves by about the learning rate."""
    return recipe.learning_rate * math.sqrt(math.prod(parameter.shape))


def _muon_step(parameter: ParameterInfo, _gradient_norm: float, recipe: Recipe) -> float:
    """Every singular value of the update is about the learning rate."""
    rows, columns = parameter.matrix
    return recipe.muon_learning_rate * math.sqrt(max(1.0, rows / columns)) * math.sqrt(min(rows, columns))


def _build_muon(groups: Groups, recipe: Recipe, dtype: torch.dtype) -> torch.optim.Optimizer:
    on_cpu = groups[0]["params"][0].device.type == "cpu"
    is_fast = dtype == torch.bfloat16 and on_cpu and has_fast_bfloat16()
    return Muon(groups, lr=recipe.muon_learning_rate, dtype=dtype if is_fast else torch.float32)


DESCENT = UpdateRule(
    "sgd",
    build=lambda groups, recipe, _: SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True),
    num_remembered=_one_with_momentum,
    step_norm=_descent_step,
    sharpness_limit=_descent_limit,
)
PAPER_DESCENT = UpdateRule(
    "sgd_2012",
    build=lambda groups, recipe, _: PaperSGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum),
    num_remembered=_one_with_momentum,
    step_norm=_descent_step,
    sharpness_limit=_descent_limit,
)
ADAM = UpdateRule(
    "adam",
    build=lambda groups, recipe, _: Adam(groups, lr=recipe.learning_rate, fused=True),
    num_remembered=lambda _recipe: 2,
    step_norm=_adam_step,
    sharpness_limit=None,
)
ADAMW = UpdateRule(
    "adamw",
    build=lambda groups, recipe, _: AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.99), fused=True),
    num_remembered=lambda _recipe: 2,
    step_norm=_adam_step,
    sharpness_limit=None,
)
MUON = UpdateRule(
    "muon",
    build=_build_muon,
    num_remembered=lambda _recipe: 1,
    step_norm=_muon_step,
    sharpness_limit=None,
    rate_setting="muon_learning_rate",
    accepts=lambda info: not info.is_bias and not info.is_last and min(info.matrix) <= LARGEST_SIDE,
    cost=5.0,
)

OPTIMIZERS: dict[str, tuple[UpdateRule, ...]] = {
    "adam": (ADAM,),
    "adamw": (ADAMW,),
    "sgd": (DESCENT,),
    "sgd_2012": (PAPER_DESCENT,),
    "muon": (MUON, ADAMW),
}
"""The values of `Recipe.optimizer`, each with its update rules. A parameter goes to the first rule that accepts it;
the last rule accepts all."""


def rule_for(parameter: ParameterInfo, recipe: Recipe) -> UpdateRule:
    """The rule that updates a parameter with a recipe's optimizer."""
    return next(rule for rule in OPTIMIZERS[recipe.optimizer] if rule.accepts(parameter))


def sharpness_limit(recipe: Recipe) -> float | None:
    """The limit of a recipe's optimizer, see `UpdateRule`; None if a rule of it is adaptive."""
    limits = [rule.sharpness_limit for rule in OPTIMIZERS[recipe.optimizer]]
    return min(limit(recipe) for limit in limits if limit) if all(limits) else None


def num_remembered(parameters: Iterable[ParameterInfo], recipe: Recipe) -> int:
    """How many numbers a recipe's optimizer keeps from step to step; none for frozen parameters."""
    moving = [parameter for parameter in parameters if parameter.rate_factor(recipe) > 0.0]
    return sum(
        rule_for(parameter, recipe).num_remembered(recipe) * math.prod(parameter.shape) for parameter in moving
    )


def parameters_of(network: AlexNet) -> Iterator[tuple[nn.Parameter, ParameterInfo]]:
    """Every parameter of a network's convolutional and fully connected layers, in order."""
    layers = [(name, layer) for name, layer in network.named_layers() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for name, layer in layers:
        for parameter in layer.parameters(recurse=False):
            is_kernel, is_last = isinstance(layer, nn.Conv2d), name == layers[-1][0]
            yield parameter, ParameterInfo(name, tuple(parameter.shape), is_kernel, is_last)


def parameters_in_table(rows: Sequence[LayerGeometry]) -> Iterator[ParameterInfo]:
    """The same from a network's table, without building the network."""
    layers = [row for row in rows if row.kernel]
    for row in layers:
        for shape in (row.kernel, row.kernel[:1]):
            yield ParameterInfo(row.name, shape, is_kernel=len(row.kernel) == 4, is_last=row is layers[-1])


class Optimizers:
    """The optimizers of a recipe as one: updates every parameter of a network that the recipe does not freeze.

    Args:
        dtype: the machine's. On a CPU with fast bfloat16 matmul Muon orthogonalizes in it; all else is float32.
    """

    def __init__(self, network: AlexNet, recipe: Recipe, *, dtype: torch.dtype = torch.float32) -> None:
        groups = _group_by_rule(network, recipe)
        self._parts = [rule.build(group, recipe, dtype) for rule, group in groups.items()]
        self._cost_of = {
            group["params"][0]: rule.cost * group["params"][0].numel() for rule in groups for group in groups[rule]
        }
        self._part_of = {
            parameter: part
            for part in self._parts
            for group in part.param_groups
            for parameter in group["params"]
        }  # fmt: skip
        self._parameters = dict(network.named_parameters())

    def step(self, rates: Rates) -> None:
        """Make one update at these fractions of the peak learning rates, and clear the gradients."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = group["peak"] * rates.of(group["layer"], is_bias=group["is_bias"])
            part.step()
        for parameter in self._parameters.values():
            parameter.grad = None

    def update_only(self, parameters: Sequence[nn.Parameter]) -> None:
        """Leave the other parameters to other processes; what is remembered of them stays."""
        own = set(parameters)
        for part in self._parts:
            part.param_groups = [group for group in part.param_groups if group["params"][0] in own]

    def cost_of(self, parameter: nn.Parameter) -> float:
        """How long the update of a parameter takes, in units of one weight's with AdamW."""
        return float(self._cost_of[parameter])

    def move_state(self, key: str, place: Tensor) -> None:
        """Keep one of the `state_tensors` at another place in memory, which holds its value already."""
        name, _, item = key.rpartition(".")
        parameter = self._parameters[name]
        self._part_of[parameter].state[parameter][item] = place

    def state_tensors(self) -> dict[str, Tensor]:
        """All that the optimizers remember, by `parameter.key`."""
        return {
            f"{name}.{key}": value
            for name, parameter in self._parameters.items()
            if parameter in self._part_of
            for key, value in self._part_of[parameter].state[parameter].items()
            if isinstance(value, Tensor)
        }

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state_tensors` gave.

        Raises:
            KeyError: a tensor belongs to no parameter that these optimizers update.
        """
        for key, tensor in tensors.items():
            name, _, item = key.rpartition(".")
            parameter = self._parameters[name]
            value = tensor.to(parameter.device)
            if value.shape == parameter.shape:  # a fused update needs the same layout in memory
                value = torch.empty_like(parameter, requires_grad=False).copy_(value)
            self._part_of[parameter].state[parameter][item] = value


def _group_by_rule(network: AlexNet, recipe: Recipe) -> dict[UpdateRule, Groups]:
    """A parameter group for each parameter that the recipe does not freeze, by the rule that updates it."""
    groups: dict[UpdateRule, Groups] = {}
    for parameter, info in parameters_of(network):
        factor = info.rate_factor(recipe)
        parameter.requires_grad_(factor > 0.0)
        if factor > 0.0:
            rule = rule_for(info, recipe)
            peak = factor * rule.peak_rate(recipe)
            decay = recipe.weight_decay if recipe.decay_biases or not info.is_bias else 0.0
            group = {"params": [parameter], "weight_decay": decay, "lr": peak, "peak": peak}
            group |= {"layer": info.layer, "is_bias": info.is_bias}
            group |= {"is_smooth": recipe.smooth_conv1 and info.layer == "conv1"}
            groups.setdefault(rule, []).append(group)
    return groups
