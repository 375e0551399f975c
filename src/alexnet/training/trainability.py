"""Will it train? One batch forward and backward, and what the numbers of each layer say about the steps to come."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from alexnet.model.alexnet import AlexNet
from alexnet.model.specs import Conv
from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.advice import Finding, Situation, judge
from alexnet.training.layer_signal import LayerSignal

__all__ = ["Trainability", "check_trainability", "describe_situation", "measure_layers", "model_left_as_found"]


@dataclass(frozen=True)
class Trainability(Record):
    """What the check found. verdict: `trains`, `stalls` (too little moves) or `bursts` (too much).

    loss, chance: nats, of the batch and of blind guessing (ln K). steps_needed: about how many steps at the peak rate
    it takes before the loss falls, see `steps_until_it_falls`; steps: how many there are, so counted. sharpness: peak
    rate times the curvature of the loss along the update, 0 where the update rule has no such limit.
    sharpness_limit: what it may be. largest_update: the largest relative update of a step.
    findings: what speaks against it, in words, with what to do. seconds: of the check.
    """

    verdict: str
    loss: float
    chance: float
    steps_needed: float
    steps: float
    sharpness: float
    sharpness_limit: float
    largest_update: float
    layers: tuple[LayerSignal, ...]
    findings: tuple[Finding, ...] = field(default=())
    seconds: float = 0.0

    def __str__(self) -> str:
        """For people: one line."""
        if self.verdict == "trains":
            return "expected to train"
        return "; ".join(f"{finding.said}: {finding.expect}; {finding.advice}" for finding in self.findings)


def check_trainability(
    network: AlexNet,
    x: Float[Tensor, "N 3 S S"],
    labels: Int64[Tensor, " N"],
    recipe: Recipe,
    *,
    full_steps: float,
    unit_input: bool,
) -> Trainability:
    """Judge from one batch whether a recipe will train a network; the network is left as found.

    The first pass measures every layer, without dropout, whose masks would pass for differences between images. Two
    more, as in training, the second a small step further down the gradient, measure how sharply the loss bends there:
    gradient descent with momentum m bursts where rate times curvature exceeds 2 (1 + m).

    Args:
        x: normalized images as the training makes them. labels: their classes.
        full_steps: steps of the training, each counted by its share of the peak rate.
        unit_input: whether the images are scaled to unit deviation; only the advice depends on it.

    Source: the limit: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; its role in training: Cohen et al. 2021,
    arXiv:2103.00065.
    """
    started = time.perf_counter()
    with model_left_as_found(network):
        loss, layers = measure_layers(network, x, labels, recipe)
        network.train()
        sharpness = _sharpness(network, x, labels, recipe) if recipe.optimizer in ("sgd", "sgd_2012") else 0.0
    situation = describe_situation(network, recipe, full_steps=full_steps, unit_input=unit_input)
    judged = judge(layers, situation, loss=loss, sharpness=sharpness)
    return Trainability(
        verdict=judged.verdict,
        loss=loss,
        chance=math.log(network.num_classes),
        steps_needed=judged.steps_needed,
        steps=full_steps,
        sharpness=sharpness,
        sharpness_limit=judged.sharpness_limit,
        largest_update=max(layer.relative_update for layer in layers),
        layers=layers,
        findings=judged.findings,
        seconds=time.perf_counter() - started,
    )


def describe_situation(network: AlexNet, recipe: Recipe, *, full_steps: float, unit_input: bool) -> Situation:
    """What the words of the check depend on besides the layers' numbers."""
    start = {spec.name: spec.weight_std for spec in network.spec.layers if isinstance(spec, Conv)}.get("conv4")
    from_table = recipe.initialization == "table" and start is not None and start <= 0.01
    small = recipe.kernel_std is None and (from_table or recipe.initialization in ("gaussian", "seminar"))
    return Situation(recipe, network.num_classes, full_steps, unit_input, small)


@contextmanager
def model_left_as_found(network: AlexNet) -> Iterator[None]:
    """Afterwards modes, gradients, buffers and torch's random state are as before, also when something fails."""
    modes = [(module, module.training) for module in network.modules()]
    gradients = [(weight, weight.grad, weight.requires_grad) for weight in network.parameters()]
    devices = [weight.device for weight in network.parameters() if weight.device.type == "cuda"][:1]
    with torch.random.fork_rng(devices=devices):
        for weight in network.parameters():
            weight.grad = None
            weight.requires_grad_(True)
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for weight, gradient, required in gradients:
                weight.grad = gradient
                weight.requires_grad_(required)


def measure_layers(
    network: AlexNet, x: Float[Tensor, "N 3 S S"], labels: Int64[Tensor, " N"], recipe: Recipe
) -> tuple[float, tuple[LayerSignal, ...]]:
    """The loss of a batch in nats, and what it makes of every layer with weights, in eval mode.

    The network is left in eval mode, with gradients: see `model_left_as_found`.
    """
    network.eval()
    weighted = [(name, layer) for name, layer in network.named_layers() if isinstance(layer, nn.Conv2d | nn.Linear)]
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs[name] = output.detach().clone()  # an activation may work in place

        return hook

    handles = [layer.register_forward_hook(keep(name)) for name, layer in weighted]  # type: ignore[arg-type]
    try:
        logits = network(x)
    finally:
        for handle in handles:
            handle.remove()
    loss = F.cross_entropy(logits, labels)
    telling = _telling_part(logits, labels)
    weights = [layer.weight for _, layer in weighted]
    told = torch.autograd.grad((logits * telling).sum(), weights, retain_graph=True)
    loss.backward()  # type: ignore[no-untyped-call]
    rectified = _rectified(network)
    return float(loss.detach()), tuple(
        _signal(
            name, layer, outputs[name], gradient, recipe, has_relu=name in rectified, is_last=name == weighted[-1][0]
        )
        for (name, layer), gradient in zip(weighted, told, strict=True)
    )


def _telling_part(logits: Tensor, labels: Tensor) -> Tensor:
    """What the loss wants of each logit, less its mean over the batch, which teaches how frequent classes are."""
    wanted = logits.detach().softmax(1) - F.one_hot(labels, logits.shape[1])
    return (wanted - wanted.mean(0, keepdim=True)) / len(labels)


def _rectified(network: AlexNet) -> set[str]:
    """Layers whose output goes through a ReLU, be it behind pooling or normalization."""
    found, last = set(), ""
    for name, layer in network.named_layers():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            last = name
        elif isinstance(layer, nn.ReLU):
            found.add(last)
    return found


def _signal(
    name: str,
    layer: nn.Conv2d | nn.Linear,
    output: Tensor,
    gradient: Tensor,
    recipe: Recipe,
    *,
    has_relu: bool,
    is_last: bool,
) -> LayerSignal:
    flat = output.float().flatten(1)
    scale = float(flat.square().mean().sqrt())
    spread = float(flat.var(0, unbiased=False).mean().sqrt())
    # a unit of a convolutional layer is a map: dead if it is negative everywhere
    units = output.amax((0, 2, 3)) if output.ndim == 4 else output.amax(0)
    norm = float(layer.weight.detach().norm())
    own = layer.weight.grad
    share = float(gradient.norm() / own.norm()) if own is not None and float(own.norm()) > 0 else 0.0
    relative = float(gradient.norm()) / norm if norm else 0.0
    return LayerSignal(
        layer=name,
        scale=scale,
        variation=spread / scale if scale else 0.0,
        relative_gradient=relative,
        relative_update=_relative_update(layer.weight, relative, min(1.0, share), recipe, is_last=is_last),
        dead=float((units <= 0).float().mean()) if has_relu else None,
    )


def _relative_update(weight: Tensor, relative: float, share: float, recipe: Recipe, *, is_last: bool) -> float:
    """Size of a step at the peak rate over the size of the weights, as far as it tells images apart.

    Plain descent moves by the gradient; Adam by about the rate in every weight, whatever the gradient; orthogonalized
    updates have singular values of about the rate. In those two `share`, the telling part of the gradient, counts.
    """
    factor = recipe.rate_factor(is_kernel=weight.ndim == 4, is_bias=False)
    norm = float(weight.detach().norm())
    if norm == 0.0:
        return math.inf
    if recipe.optimizer in ("sgd", "sgd_2012"):
        return factor * recipe.learning_rate / (1.0 - recipe.momentum) * relative
    shorter = min(len(weight), weight[0].numel())
    if recipe.optimizer == "muon" and not is_last and shorter <= 512:
        return factor * recipe.muon_learning_rate * math.sqrt(shorter) / norm * share
    return factor * recipe.learning_rate * math.sqrt(weight.numel()) / norm * share


def _sharpness(network: AlexNet, x: Tensor, labels: Tensor, recipe: Recipe) -> float:
    """Peak rate times the curvature of the loss along the update, from the gradient a small step further.

    With a factor f on the rate of each weight the update goes along d = f g, and the curvature that counts is
    d·H d / g·d, with H d taken from two gradients.
    """
    factors = [
        (parameter, recipe.rate_factor(is_kernel=isinstance(layer, nn.Conv2d), is_bias=parameter.ndim == 1))
        for _, layer in network.named_layers()
        for parameter in layer.parameters(recurse=False)
    ]
    moving = [(parameter, factor) for parameter, factor in factors if factor > 0.0]

    def gradients() -> list[Tensor]:
        torch.manual_seed(0)  # the same dropout masks each time
        loss = F.cross_entropy(network(x), labels)
        return list(torch.autograd.grad(loss, [parameter for parameter, _ in moving]))

    before = gradients()
    slope = sum(factor * float(g.square().sum()) for (_, factor), g in zip(moving, before, strict=True))
    if not math.isfinite(slope) or slope == 0.0:
        return math.inf if slope else 0.0
    step = 0.02 / slope  # the loss is to fall by about 0.02 nats
    kept = [parameter.detach().clone() for parameter, _ in moving]
    try:
        with torch.no_grad():
            for (parameter, factor), gradient in zip(moving, before, strict=True):
                parameter.sub_(gradient, alpha=step * factor)
        after = gradients()
    finally:
        with torch.no_grad():
            for (parameter, _), value in zip(moving, kept, strict=True):
                parameter.copy_(value)
    bend = sum(
        factor * float((g * (g - further)).sum())
        for (_, factor), g, further in zip(moving, before, after, strict=True)
    )
    if not math.isfinite(bend):
        return math.inf
    return recipe.learning_rate * max(0.0, bend) / (step * slope)
