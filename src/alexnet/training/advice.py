"""What the numbers of the trainability check mean, in words: what to expect, why, and what to do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.layer_signal import LayerSignal

__all__ = ["OBSERVED", "Finding", "Judgement", "Situation", "explain_plateau", "judge", "steps_until_it_falls"]

OBSERVED = 1 / 3
"""Share of the steps that a chain of linear layers takes after which losses were seen to fall (EXPERIMENTS.md, "The
trainability check": between 0.2 and 0.6)."""

PATIENCE = 1.8
"""By how much the estimated steps may exceed those of the training before it is said to stall: settings that were
seen to train, late, had up to 1.7, those that stood still 2.0 and more."""

LARGEST_UPDATE = 0.3
"""Relative update of a layer by one step of Adam or Muon above which weights are replaced rather than learned."""

WARMED = 3.0
"""By how much a warm-up may exceed the limit of sharpness: the loss flattens while the rate rises."""

LEAST_VARIATION = 0.01
"""Variation between images of a convolutional layer below which it is named as the cause."""

MANY_DEAD = 0.9
"""Share of dead units of a layer from which on it is named as the cause."""


@dataclass(frozen=True)
class Situation:
    """What a network is trained with. full_steps: steps of the training, each by its share of the peak rate.

    unit_input: the images are scaled to unit deviation. small_kernels: conv3 to conv5 start as N(0, 0.01²) or less.
    """

    recipe: Recipe
    num_classes: int
    full_steps: float
    unit_input: bool
    small_kernels: bool

    @property
    def chance(self) -> str:
        """The loss of blind guessing, as people write it."""
        return f"ln {self.num_classes} = {math.log(self.num_classes):.3f}"

    @property
    def adaptive(self) -> bool:
        """Whether the size of a step does not follow the gradient's (Adam, Muon)."""
        return self.recipe.optimizer not in ("sgd", "sgd_2012")

    @property
    def rate_field(self) -> str:
        """The setting that says how fast the kernels move."""
        return "muon_learning_rate" if self.recipe.optimizer == "muon" else "learning_rate"

    def presets(self) -> str:
        """Presets that are known to train, other than the recipe itself."""
        return " or ".join(name for name in ("paper-small", "fast") if name != self.recipe.name)


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


def judge(layers: Sequence[LayerSignal], situation: Situation, *, loss: float, sharpness: float) -> Judgement:
    """Whether a training will burst, stall, or train; see `check_trainability`."""
    recipe = situation.recipe
    limit = 2.0 * (1.0 + recipe.momentum) * (WARMED if recipe.warmup > 0.0 else 1.0)
    needed = steps_until_it_falls(layers)
    findings: list[Finding] = []
    if not math.isfinite(loss):
        advice = f"use smaller start values or inputs: preset {situation.presets()}"
        findings.append(Finding("the first loss is not finite", "nothing is learned", advice))
        return Judgement("bursts", needed, limit, tuple(findings))
    largest = max(layers, key=lambda layer: layer.relative_update)
    if sharpness > limit:
        findings.append(_too_sharp(sharpness, limit, situation))
    elif situation.adaptive and largest.relative_update > LARGEST_UPDATE:
        findings.append(_too_large(largest, situation))
    alike = _alike(layers)
    if findings and alike is not None:
        said = f"{alike.layer} differs by {100 * alike.variation:.2g} % between images"
        expect = f"expect the loss to stay at {situation.chance} at a lower rate too"
        findings.append(Finding(said, expect, _larger_signal(situation)))
    if findings:
        return Judgement("bursts", needed, limit, tuple(findings))
    learns_kernels = recipe.weights is None and recipe.kernel_learning_rate_factor > 0.0
    if learns_kernels and needed > PATIENCE * situation.full_steps:
        said = f"{_slow(layers, needed, situation)}, and there are {situation.full_steps:,.0f}"
        expect = f"expect the loss to stay at {situation.chance}"
        findings.append(Finding(said, expect, _faster(layers, needed, situation, sharpness / limit)))
        return Judgement("stalls", needed, limit, tuple(findings))
    return Judgement("trains", needed, limit, ())


def _too_sharp(sharpness: float, limit: float, situation: Situation) -> Finding:
    said = f"the loss bends too sharply for the rate (rate x curvature = {sharpness:.1f}, the limit is {limit:.1f})"
    expect = (
        f"expect a burst in the first steps that kills units, and then a loss that stays at {situation.chance} "
        "for epochs or for good"
    )
    rate = _rounded(situation.recipe.learning_rate * limit / sharpness / 3)
    if rate <= 0.0:
        return Finding(said, expect, f"use preset {situation.presets()}")
    return Finding(
        said, expect,
        f"set learning_rate={rate:g}, or a warm-up (warmup=0.1) with smaller biases (hidden_bias=0.1), "
        f"or use preset {situation.presets()}",
    )  # fmt: skip


def _too_large(layer: LayerSignal, situation: Situation) -> Finding:
    field = situation.rate_field if layer.layer.startswith("conv") else "learning_rate"
    rate = _rounded(getattr(situation.recipe, field) * 0.02 / layer.relative_update)
    return Finding(
        f"one step changes {layer.layer} by {100 * layer.relative_update:.0f} % of its size",
        f"expect a burst in the first steps, and then a loss that stays at {situation.chance}",
        f"set {field}={rate:g}" if rate > 0.0 else f"use preset {situation.presets()}",
    )


def _slow(layers: Sequence[LayerSignal], needed: float, situation: Situation) -> str:
    """That too little moves, and what is known of why."""
    kernels = [layer.relative_update for layer in layers if layer.layer.startswith("conv")]
    each = 100 * sum(kernels) / max(1, len(kernels))
    said = _cause(layers) or f"a step changes the kernels by {each:.2g} % of their size"
    many = needed > 100 * max(1.0, situation.full_steps)
    there = "far more steps are needed" if many else f"about {needed:,.0f} steps are needed"
    return f"{said}; {there} before the loss falls"


def _faster(layers: Sequence[LayerSignal], needed: float, situation: Situation, sharp: float) -> str:
    """What to do where too little moves. sharp: share of the limit of sharpness that the rate takes up."""
    recipe, field = situation.recipe, situation.rate_field
    starts_small = recipe.initialization in ("gaussian", "seminar", "table", "pytorch")
    if (situation.unit_input and starts_small) or situation.small_kernels:
        return _larger_signal(situation)
    factor = 2 * needed / max(1.0, situation.full_steps)
    largest = max(layer.relative_update for layer in layers)
    harmless = factor * largest < LARGEST_UPDATE / 3 if situation.adaptive else factor * sharp < 0.5
    rate = _rounded(getattr(recipe, field) * factor) if math.isfinite(factor) else math.inf
    if harmless and factor <= 1000:
        return f"set {field}={rate:g}, or train longer"
    return f"use preset {situation.presets()}"


def _larger_signal(situation: Situation) -> str:
    other = f"use preset {situation.presets()}"
    if situation.unit_input:
        return f"feed raw-scale input (normalization=mean), or {other}"
    if situation.small_kernels:
        return f"start conv3 to conv5 larger (kernel_std=0.03), or {other}"
    return other


def _alike(layers: Sequence[LayerSignal]) -> LayerSignal | None:
    """The last convolutional layer to which all images look alike, None if they do to none."""
    kernels = [layer for layer in layers if layer.layer.startswith("conv")]
    return next((layer for layer in reversed(kernels) if layer.variation < LEAST_VARIATION), None)


def _cause(layers: Sequence[LayerSignal]) -> str | None:
    """The layer at which the images are lost, in words, if there is one."""
    for layer in layers:
        if layer.dead is not None and layer.dead >= MANY_DEAD:
            return f"{100 * layer.dead:.0f} % of the units of {layer.layer} are dead"
    alike = _alike(layers)
    return None if alike is None else f"{alike.layer} differs by {100 * alike.variation:.2g} % between images"


def steps_until_it_falls(layers: Sequence[LayerSignal]) -> float:
    """About how many steps at the peak rate it takes until the logits of two images differ by 1.

    Each layer l grows at its relative update r_l, and what it gets grows with all the others: in a chain of layers
    whose gains multiply, trained by gradient descent,

        d g_l / dt = r_l exp(G - 2 g_l)        G = sum of all g_l        until  v exp(G) = 1

    with g_l the logarithm of a layer's growth and v what the logits differ by at the start. The growth is slow at
    first and then sudden, as losses that sit at ln K and then fall show. Steps of Adam and Muon do not grow with the
    gradient, but the part of them that tells images apart does; for them the same law is a rule of thumb.
    `OBSERVED` sets the scale for both, and is what was measured.

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


def explain_plateau(layers: Sequence[LayerSignal], situation: Situation, *, steps_left: float) -> str:
    """In a training whose loss sits at chance: what keeps it there, by the layers' present numbers, and what to do.

    Args:
        steps_left: of the training, each by its share of the peak rate.
    """
    cause, needed = _cause(layers), steps_until_it_falls(layers)
    if cause and "dead" in cause:
        rate = _rounded(situation.recipe.learning_rate / 5)
        other = f"start again with learning_rate={rate:g}, or use preset {situation.presets()}"
        return f"{cause}: a burst has killed them; {other}"
    if needed > steps_left:
        advice = _faster(layers, needed, situation, 0.0)
        return f"{_slow(layers, needed, situation)}, and {steps_left:,.0f} are left; start again: {advice}"
    soon = f"the loss should fall within about {max(1.0, needed):,.0f} steps"
    return f"{cause}; {soon}" if cause else soon


def _rounded(value: float) -> float:
    """To one digit."""
    return float(f"{value:.1g}") if math.isfinite(value) else value
