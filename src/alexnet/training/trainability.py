"""Will it train? What one batch, forward and backward, says about the steps to come."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from alexnet.inspection.recording import preserved, recorded
from alexnet.layers.dropout import ClassicDropout, Dropout, set_dropout_generator
from alexnet.model.alexnet import AlexNet
from alexnet.model.specs import Conv
from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.advice import Finding, Situation, judge
from alexnet.training.layer_signal import LayerSignal
from alexnet.training.optimizer import ParameterInfo, parameters_of, rule_for, sharpness_limit
from alexnet.training.step_budget import StepBudget

__all__ = ["Trainability", "check_trainability", "describe_situation", "measure_layers"]

FALL = 0.02
"""Nats by which the loss is to fall along the step that measures its curvature."""


@dataclass(frozen=True)
class Trainability(Record):
    """The result of the check.

    Args:
        verdict: `trains`, `stalls` (the weights move too little) or `diverges` (they move too much).
        loss: of the batch, nats.
        chance: training loss of guessing by class frequency, nats; ln K where the K classes are equally frequent.
        steps_needed: about how many steps at the peak learning rate it takes before the loss falls.
        steps: steps of the training, each weighted by its fraction of the peak learning rate.
        num_steps: steps of the training.
        sharpness: peak learning rate times the curvature of the loss along the update; None for adaptive optimizers.
        sharpness_limit: its largest stable value, likewise.
        largest_update: largest relative update of a layer by one step.
        layers: what the batch says of every layer with weights.
        findings: what may keep the network from learning, in words, with what to do.
        seconds: duration of the check.
    """

    verdict: str
    loss: float
    chance: float
    steps_needed: float
    steps: float
    num_steps: int
    sharpness: float | None
    sharpness_limit: float | None
    largest_update: float
    layers: tuple[LayerSignal, ...]
    findings: tuple[Finding, ...] = field(default=())
    seconds: float = 0.0

    def __str__(self) -> str:
        """One line for people."""
        return "; ".join(map(str, self.findings)) or "expected to train"


def check_trainability(
    network: AlexNet, x: Float[Tensor, "N 3 S S"], labels: Int64[Tensor, " N"], situation: Situation
) -> Trainability:
    """Judge from one batch whether a network will train; the network is left as found.

    The first pass measures every layer, without dropout, whose masks would count as differences between images. Two
    more passes in training mode, the second a small step along the gradient, measure the curvature of the loss:
    gradient descent with momentum m diverges where learning rate times curvature exceeds 2 (1 + m).

    Args:
        x: normalized images, augmented as in training.
        labels: their classes.
        situation: the recipe, and how long it trains.

    Source: the limit: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; its role in training: Cohen et al. 2021,
    arXiv:2103.00065.
    """
    started = time.perf_counter()
    recipe = situation.recipe
    loss, layers = measure_layers(network, x, labels, recipe)
    sharpness = None if sharpness_limit(recipe) is None else _sharpness(network, x, labels, recipe)
    judged = judge(layers, situation, loss=loss, sharpness=sharpness)
    return Trainability(
        verdict=judged.verdict,
        loss=loss,
        chance=situation.chance,
        steps_needed=judged.steps_needed,
        steps=situation.full_steps,
        num_steps=situation.budget.num_steps,
        sharpness=sharpness,
        sharpness_limit=judged.sharpness_limit,
        largest_update=max(layer.relative_update for layer in layers),
        layers=layers,
        findings=judged.findings,
        seconds=time.perf_counter() - started,
    )


def describe_situation(
    network: AlexNet,
    recipe: Recipe,
    budget: StepBudget,
    *,
    full_steps: float,
    chance: float,
    chance_formula: str,
    unit_input: bool,
) -> Situation:
    """What verdict and advice depend on besides the layers' signals, see `Situation`."""
    std = {spec.name: spec.weight_std for spec in network.spec.layers if isinstance(spec, Conv)}.get("conv4")
    from_table = recipe.initialization == "table" and std is not None and std <= 0.01
    small_kernels = recipe.kernel_std is None and (from_table or recipe.initialization in ("gaussian", "seminar"))
    rules = {info.layer: rule_for(info, recipe) for _, info in parameters_of(network) if not info.is_bias}
    return Situation(
        recipe=recipe,
        budget=budget,
        full_steps=full_steps,
        chance=chance,
        chance_formula=chance_formula,
        unit_input=unit_input,
        small_kernels=small_kernels,
        rules=rules,
    )


def measure_layers(
    network: AlexNet, x: Float[Tensor, "N 3 S S"], labels: Int64[Tensor, " N"], recipe: Recipe
) -> tuple[float, tuple[LayerSignal, ...]]:
    """The loss of a batch in nats, and the signal of every layer with weights, in eval mode.

    The network is left as found.
    """
    weights = [(weight, info) for weight, info in parameters_of(network) if not info.is_bias]
    with recorded(network, [info.layer for _, info in weights], grad=True) as outputs:
        network.requires_grad_(True)
        logits = network(x)
        loss = F.cross_entropy(logits, labels)
        wanted = [weight for weight, _ in weights]
        distinguishing = torch.autograd.grad(
            (logits * _distinguishing_part(logits, labels)).sum(), wanted, retain_graph=True
        )
        whole = torch.autograd.grad(loss, wanted)
        norms = [
            (float(part.norm()), float(all_of.norm())) for part, all_of in zip(distinguishing, whole, strict=True)
        ]
    rectified = _rectified(network)
    return float(loss.detach()), tuple(
        _signal(weight, info, outputs[info.layer], norm, recipe, has_relu=info.layer in rectified)
        for (weight, info), norm in zip(weights, norms, strict=True)
    )


def _distinguishing_part(logits: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the loss by the logits, without its mean over the batch, which teaches class frequencies."""
    gradient = logits.detach().softmax(1) - F.one_hot(labels, logits.shape[1])
    return (gradient - gradient.mean(0, keepdim=True)) / len(labels)


def _rectified(network: AlexNet) -> set[str]:
    """Layers whose output goes through a ReLU, directly or after pooling or normalization."""
    names, last = set(), ""
    for name, layer in network.named_layers():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            last = name
        elif isinstance(layer, nn.ReLU):
            names.add(last)
    return names


def _signal(
    weight: Tensor,
    info: ParameterInfo,
    output: Tensor,
    gradient_norms: tuple[float, float],
    recipe: Recipe,
    *,
    has_relu: bool,
) -> LayerSignal:
    flat = output.float().flatten(1)
    largest = float(flat.abs().max())
    flat = flat / largest if largest else flat  # squares of large outputs would overflow
    relative_scale = float(flat.square().mean().sqrt())
    spread = float(flat.var(0, unbiased=False).mean().sqrt())
    # a unit of a convolutional layer is a map: dead if it is negative everywhere
    units = output.amax((0, 2, 3)) if output.ndim == 4 else output.amax(0)
    norm = float(weight.detach().norm())
    return LayerSignal(
        layer=info.layer,
        scale=relative_scale * largest,
        variation=spread / relative_scale if relative_scale else 0.0,
        relative_gradient=gradient_norms[0] / norm if norm else 0.0,
        relative_update=_step_norm(info, gradient_norms, recipe) / norm if norm else math.inf,
        dead=float((units <= 0).float().mean()) if has_relu else None,
    )


def _step_norm(info: ParameterInfo, gradient_norms: tuple[float, float], recipe: Recipe) -> float:
    """Norm of the part of a step that distinguishes images, taken to be the same fraction as of the gradient."""
    distinguishing, whole = gradient_norms
    rule = rule_for(info, recipe)
    fraction = distinguishing / whole if whole > 0.0 else 0.0
    if rule.is_adaptive:
        fraction = min(1.0, fraction)
    return info.rate_factor(recipe) * rule.step_norm(info, whole, recipe) * fraction


def _sharpness(network: AlexNet, x: Tensor, labels: Tensor, recipe: Recipe) -> float:
    """Peak learning rate times the curvature of the loss along the update, from the gradient a small step further on.

    With a factor f on the learning rate of each weight the update goes along d = f g. What counts is the curvature
    d·H d / g·d; H d is the difference of two gradients.
    """
    moving = [
        (parameter, info.rate_factor(recipe))
        for parameter, info in parameters_of(network)
        if info.rate_factor(recipe) > 0.0
    ]
    with preserved(network), _dropout_repeated(network) as repeat, torch.enable_grad():
        network.train().requires_grad_(True)
        before = _gradients(network, x, labels, moving)
        repeat()
        slope = sum(factor * float(g.square().sum()) for (_, factor), g in zip(moving, before, strict=True))
        if not math.isfinite(slope) or slope == 0.0:
            return math.inf if slope else 0.0
        step = FALL / slope
        with _moved(moving, before, step):
            after = _gradients(network, x, labels, moving)
    bend = sum(
        factor * float((g * (g - further)).sum())
        for (_, factor), g, further in zip(moving, before, after, strict=True)
    )
    if not math.isfinite(bend):
        return math.inf
    return recipe.learning_rate * max(0.0, bend) / (step * slope)


Moving = list[tuple[nn.Parameter, float]]


def _gradients(network: AlexNet, x: Tensor, labels: Tensor, moving: Moving) -> list[Tensor]:
    loss = F.cross_entropy(network(x), labels)
    return list(torch.autograd.grad(loss, [parameter for parameter, _ in moving]))


@contextmanager
def _dropout_repeated(network: AlexNet) -> Iterator[Callable[[], object]]:
    """Inside, calling the yielded function makes dropout draw the same masks again; its own generators come back."""
    layers = [layer for layer in network.modules() if isinstance(layer, Dropout | ClassicDropout)]
    before = [(layer.generator, layer.part) for layer in layers]
    generator = torch.Generator(next(network.parameters()).device).manual_seed(0)
    set_dropout_generator(network, generator)
    try:
        yield lambda: generator.manual_seed(0)
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.generator, layer.part = own


@contextmanager
def _moved(moving: Moving, gradients: list[Tensor], step: float) -> Iterator[None]:
    """Inside, the weights are a step further along the gradients; afterwards they are as before, bit for bit."""
    kept = [parameter.detach().clone() for parameter, _ in moving]
    try:
        with torch.no_grad():
            for (parameter, factor), gradient in zip(moving, gradients, strict=True):
                parameter.sub_(gradient, alpha=step * factor)
        yield
    finally:
        with torch.no_grad():
            for (parameter, _), value in zip(moving, kept, strict=True):
                parameter.copy_(value)
