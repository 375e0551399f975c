"""What the numbers of the trainability check mean, in words: what to expect, why, and what to do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.inspection.layer_signal import LayerSignal
from alexnet.recipe import Recipe
from alexnet.records import Record

__all__ = ["OBSERVED", "Finding", "Judgement", "explain_plateau", "judge", "steps_until_it_falls"]

OBSERVED = 1 / 3
"""Share of the steps that a chain of linear layers takes after which losses were seen to fall (EXPERIMENTS.md, "The
trainability check": between 0.2 and 0.5)."""

PATIENCE = 2.5
"""By how much the estimated steps may exceed those of the training before it is said to stall: settings that were
seen to train had at most 1.7, those that stood still at least 3.3."""

LARGEST_UPDATE = 0.3
"""Relative update of a layer by one step of Adam or Muon above which weights are replaced rather than learned."""

WARMED = 3.0
"""By how much a warm-up may exceed the limit of sharpness: the loss flattens while the rate rises."""

LEAST_VARIATION = 0.01
"""Variation between pictures of the last convolutional layer below which it is named as the cause."""

MANY_DEAD = 0.9
"""Share of dead units of a layer from which on it is named as the cause."""


@dataclass(frozen=True)
class Finding(Record):
    """said: what was measured. expect: what comes of it. advice: what to do."""

    said: str
    expect: str
    advice: str


@dataclass(frozen=True)
class Judgement:
    """The verdict, what it rests on, and the findings that speak against training."""

    verdict: str
    steps_needed: float
    sharpness_limit: float
    findings: tuple[Finding, ...]


def judge(
    layers: Sequence[LayerSignal],
    recipe: Recipe,
    *,
    loss: float,
    num_classes: int,
    full_steps: float,
    sharpness: float,
    unit_input: bool,
) -> Judgement:
    """Whether a training will burst, stall, or train; see `check_trainability`."""
    limit = 2.0 * (1.0 + recipe.momentum) * (WARMED if recipe.warmup > 0.0 else 1.0)
    kernels = [layer for layer in layers if layer.layer.startswith("conv")]
    needed = steps_until_it_falls(layers)
    chance = f"ln {num_classes} = {math.log(num_classes):.3f}"
    findings: list[Finding] = []
    if not math.isfinite(loss):
        findings.append(
            Finding(
                "the first loss is not finite",
                "nothing is learned",
                "use smaller start values or inputs: the preset fast",
            )
        )
        return Judgement("bursts", needed, limit, tuple(findings))
    largest = max(layers, key=lambda layer: layer.relative_update)
    adaptive = recipe.optimizer not in ("sgd", "sgd_2012")
    if sharpness > limit:
        findings.append(_too_sharp(sharpness, limit, recipe, chance))
    elif adaptive and largest.relative_update > LARGEST_UPDATE:
        findings.append(_too_large(largest, recipe, chance))
    alike = next((layer for layer in reversed(kernels) if layer.variation < LEAST_VARIATION), None)
    if findings and alike is not None:
        findings.append(_alike(alike, chance))
    if findings:
        return Judgement("bursts", needed, limit, tuple(findings))
    if recipe.weights is None and recipe.kernel_learning_rate_factor > 0.0 and needed > PATIENCE * full_steps:
        findings.append(_too_little(layers, recipe, needed, chance, full_steps, unit_input))
        return Judgement("stalls", needed, limit, tuple(findings))
    return Judgement("trains", needed, limit, ())


def _too_sharp(sharpness: float, limit: float, recipe: Recipe, chance: str) -> Finding:
    rate = _rounded(recipe.learning_rate * limit / sharpness / 3)
    return Finding(
        f"the loss bends too sharply for the rate (rate x curvature = {sharpness:.1f}, the limit is {limit:.1f})",
        f"expect a burst in the first steps that kills units, and then a loss that stays at {chance}",
        f"set learning_rate={rate:g}, or a warm-up (warmup=0.1) with smaller biases (hidden_bias=0.1), "
        "or use preset paper-small",
    )


def _alike(layer: LayerSignal, chance: str) -> Finding:
    return Finding(
        f"{layer.layer} differs by {100 * layer.variation:.2g} % between pictures",
        f"expect the loss to stay at {chance} at a lower rate too",
        "feed raw-scale input (normalization=mean), or use preset paper-small or fast",
    )


def _too_large(layer: LayerSignal, recipe: Recipe, chance: str) -> Finding:
    field = "muon_learning_rate" if recipe.optimizer == "muon" and layer.layer.startswith("conv") else "learning_rate"
    rate = _rounded(getattr(recipe, field) * 0.02 / layer.relative_update)
    return Finding(
        f"one step changes {layer.layer} by {100 * layer.relative_update:.0f} % of its size",
        f"expect a burst in the first steps, and then a loss that stays at {chance}",
        f"set {field}={rate:g}",
    )


def _too_little(
    layers: Sequence[LayerSignal],
    recipe: Recipe,
    needed: float,
    chance: str,
    full_steps: float,
    unit_input: bool,
) -> Finding:
    kernels = [layer.relative_update for layer in layers if layer.layer.startswith("conv")]
    said = _cause(layers) or f"a step changes the kernels by {100 * sum(kernels) / len(kernels):.2g} % of their size"
    there = f"about {needed:,.0f} steps are needed" if needed < 100 * full_steps else "far more steps are needed"
    said += f"; {there} before the loss falls, and there are {full_steps:,.0f}"
    rate = _rounded(recipe.learning_rate * 2 * needed / max(1.0, full_steps))
    if unit_input and recipe.initialization in ("gaussian", "seminar", "table", "pytorch"):
        advice = "feed raw-scale input (normalization=mean), or use preset paper-small or fast"
    elif recipe.initialization in ("gaussian", "seminar", "table") and recipe.kernel_std is None:
        advice = "start conv3 to conv5 larger (kernel_std=0.03), or use preset paper-small"
    elif rate <= 100 * recipe.learning_rate:
        advice = f"set learning_rate={rate:g}, or train longer"
    else:
        advice = "use preset fast"
    return Finding(said, f"expect the loss to stay at {chance}", advice)


def steps_until_it_falls(layers: Sequence[LayerSignal]) -> float:
    """About how many steps at the peak rate it takes until the logits of two pictures differ by 1.

    Each layer l grows at its relative update r_l, and what it gets grows with all the others: in a chain of layers
    whose gains multiply,

        d g_l / dt = r_l exp(G - 2 g_l)        G = sum of all g_l        until  v exp(G) = 1

    with g_l the logarithm of a layer's growth and v what the logits differ by at the start. The growth is slow at
    first and then sudden, as losses that sit at ln K and then fall show. `OBSERVED` sets the scale.

    Source: gains of deep linear chains: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120, §2.
    """
    last = layers[-1]
    apart = last.scale * last.variation
    if apart <= 0.0 or not math.isfinite(apart):
        return math.inf
    growth, steps = [0.0] * len(layers), 0.0
    while apart * math.exp(min(sum(growth), 700.0)) < 1.0:
        total = sum(growth)
        speeds = [
            layer.relative_update * math.exp(min(total - 2 * own, 50.0))
            for layer, own in zip(layers, growth, strict=True)
        ]
        fastest = max(speeds)
        if fastest <= 0.0 or steps > 1e12:
            return math.inf
        stride = max(1.0, 0.02 / fastest)
        growth = [own + min(1.0, speed * stride) for own, speed in zip(growth, speeds, strict=True)]
        steps += stride
    return OBSERVED * steps


def _cause(layers: Sequence[LayerSignal]) -> str | None:
    """The layer at which the pictures are lost, in words, if there is one."""
    for layer in layers:
        if layer.dead is not None and layer.dead >= MANY_DEAD:
            return f"{100 * layer.dead:.0f} % of the units of {layer.layer} are dead"
    kernels = [layer for layer in layers if layer.layer.startswith("conv")]
    for layer in reversed(kernels):
        if layer.variation < LEAST_VARIATION:
            return f"{layer.layer} differs by {100 * layer.variation:.2g} % between pictures"
    return None


def explain_plateau(layers: Sequence[LayerSignal], recipe: Recipe, *, num_classes: int, full_steps: float) -> str:
    """In a training whose loss sits at chance: what keeps it there, by the layers' present numbers, and what to do.

    full_steps: steps that are left, each counted by its share of the peak rate.
    """
    cause = _cause(layers)
    if cause and "dead" in cause:
        rate = _rounded(recipe.learning_rate / 5)
        return f"{cause}: a burst has killed them; start again with learning_rate={rate:g}, or use preset paper-small"
    needed = steps_until_it_falls(layers)
    if needed > full_steps:
        found = _too_little(layers, recipe, needed, f"ln {num_classes}", full_steps, unit_input=False)
        return f"{found.said}; {found.advice}"
    soon = f"the loss should fall within about {needed:,.0f} steps"
    return f"{cause}; {soon}" if cause else soon


def _rounded(value: float) -> float:
    """To one digit."""
    return float(f"{value:.1g}") if math.isfinite(value) else value
