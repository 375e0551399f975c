"""Why a network prefers one class to another: softmax in numbers, and the units that push either logit."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.records import Record

__all__ = ["Decision", "Push", "Softmax", "decide", "softmax_terms"]


@dataclass(frozen=True)
class Push(Record):
    """What one unit adds to the difference between two logits: its activation times the difference of its weights."""

    unit: str
    activation: float
    weight_difference: float
    contribution: float


@dataclass(frozen=True)
class Decision(Record):
    """Why one class is ahead of another, by the units of the last hidden layer.

        logit difference = sum of contributions + bias difference

    Args:
        layer: the layer that decides; its inputs are the units.
        winner, runner_up: the classes with the largest and the second largest logit, or two that were chosen.
        logit_difference, bias_difference: of the winner minus the runner-up.
        total: sum of the contributions of all units.
        towards_winner, towards_runner_up: the units that contribute most to either side, largest first.
        num_units: inputs of the layer; num_active: those that are not 0.
    """

    layer: str
    winner: str
    runner_up: str
    logit_difference: float
    bias_difference: float
    total: float
    towards_winner: tuple[Push, ...]
    towards_runner_up: tuple[Push, ...]
    num_units: int
    num_active: int


@dataclass(frozen=True)
class Softmax(Record):
    """Logits turned into probabilities.

        probability = exp(logit - largest logit) / total

    logits, exponentials, probabilities: by class, in the network's order. total: sum of the exponentials.

    >>> softmax_terms([1.0, 1.0, 0.0]).total
    2.3678794411714423
    """

    logits: tuple[float, ...]
    exponentials: tuple[float, ...]
    total: float
    probabilities: tuple[float, ...]


def softmax_terms(logits: Sequence[float]) -> Softmax:
    """Softmax of at least one logit, written out."""
    values = torch.tensor(logits, dtype=torch.float64)
    exponentials = (values - values.max()).exp()
    total = exponentials.sum()
    return Softmax(tuple(logits), tuple(exponentials.tolist()), float(total), tuple((exponentials / total).tolist()))


def decide(
    module: nn.Linear,
    inputs: Float[Tensor, " n"],
    logits: Float[Tensor, " K"],
    classes: Sequence[str],
    *,
    layer: str,
    hidden: str,
    most: int,
    between: tuple[int, int] | None = None,
) -> Decision:
    """The decision between two classes: the two most probable ones, or `between` two numbers.

    Args:
        module: the last layer. inputs: what it gets; logits: what it gives.
        layer, hidden: names of the last layer and of the one whose units it reads.
        most: units on each side, >= 1.

    Raises:
        GeometryError: there is no class of such a number, or it is the same twice.
    """
    if between is None:
        first, second = torch.argsort(logits, descending=True, stable=True)[:2].tolist()
    else:
        first, second = between
        if first == second or not all(0 <= number < len(classes) for number in between):
            raise GeometryError(
                f"classes {first} and {second}: choose two different ones from 0 to {len(classes) - 1}"
            )
    rows = module.weight.detach()[[first, second]].double()  # only these: of a thousand classes the rest takes long
    difference = rows[0] - rows[1]
    activations = inputs.double()
    contributions = activations * difference
    bias_difference = 0.0
    if isinstance(module.bias, Tensor):  # not where the layer was made without
        bias_difference = float(module.bias[first].detach().double() - module.bias[second].detach().double())
    order = torch.argsort(contributions, descending=True, stable=True).tolist()

    def pushes(numbers: list[int], sign: float) -> tuple[Push, ...]:
        return tuple(
            Push(f"{hidden}/{n}", float(activations[n]), float(difference[n]), float(contributions[n]))
            for n in numbers
            if sign * float(contributions[n]) > 0.0
        )

    return Decision(
        layer=layer,
        winner=classes[first],
        runner_up=classes[second],
        logit_difference=float(logits[first] - logits[second]),
        bias_difference=bias_difference,
        total=float(contributions.sum()),
        towards_winner=pushes(order[:most], 1.0),
        towards_runner_up=pushes(order[::-1][:most], -1.0),
        num_units=len(activations),
        num_active=int((activations != 0).sum()),
    )
