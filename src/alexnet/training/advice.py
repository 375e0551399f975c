"""What the numbers of the trainability check mean, in words: what is wrong, what to expect, and what to do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.growth import steps_until_it_falls
from alexnet.training.layer_signal import LayerSignal
from alexnet.training.optimizer import UpdateRule, sharpness_limit
from alexnet.training.step_budget import ENOUGH_STEPS, StepBudget

__all__ = ["Finding", "Judgment", "Situation", "explain_plateau", "judge"]

PATIENCE = 1.8
"""How many times more steps than the training has the estimate may ask for before the verdict is `stalls`: settings
that did train, late, had up to 1.7 times, those that never did 2.0 and more (same place)."""

LARGEST_UPDATE = 0.3
"""Relative update of a layer above which a step of an adaptive optimizer replaces the weights instead of adjusting
them."""

WARMUP_TOLERANCE = 3.0
"""How many times the limit of sharpness a warm-up allows: the loss flattens while the learning rate rises."""

LEAST_VARIATION = 0.01
"""Variation between images below which a convolutional layer is named as the cause."""

MANY_DEAD = 0.9
"""Fraction of dead units from which on a layer is named as the cause."""


@dataclass(frozen=True)
class Situation:
    """What a network is trained with, as far as the verdict and the advice depend on it.

    Args:
        recipe: all settings, with nothing left open.
        budget: the steps of the training.
        full_steps: the same, each weighted by its fraction of the peak learning rate.
        chance: the training loss of guessing by class frequency, nats.
        chance_formula: the same for people, for example `ln 8 = 2.079`.
        unit_input: the images are scaled to unit standard deviation.
        small_kernels: conv3 to conv5 are initialized with a standard deviation of 0.01 or less.
        rules: the update rule of each layer's weights.
    """

    recipe: Recipe
    budget: StepBudget
    full_steps: float
    chance: float
    chance_formula: str
    unit_input: bool
    small_kernels: bool
    rules: Mapping[str, UpdateRule]

    @property
    def is_adaptive(self) -> bool:
        """Whether the optimizer's steps do not grow with the gradient (Adam, Muon)."""
        return sharpness_limit(self.recipe) is None

    @property
    def learns_kernels(self) -> bool:
        """Whether the kernels have to be learned by this training."""
        return self.recipe.weights is None and self.recipe.kernel_learning_rate_factor > 0.0

    @property
    def stays_at_chance(self) -> str:
        """What to expect of a training that does not learn."""
        return f"expect the loss to stay at that of guessing, {self.chance_formula}"

    def rate_setting(self, layer: str = "conv1") -> str:
        """The recipe's field with the learning rate of a layer."""
        return self.rules[layer].rate_setting

    def other_preset(self) -> str:
        """Advice to use a preset that is known to train, from weights or from scratch as this training does."""
        if self.recipe.weights is not None:
            names = ["finetune"]
        else:
            names = ["fast"] if self.is_adaptive else ["paper-small", "fast"]
        names = [name for name in names if name != self.recipe.name]
        if names:
            return f"use preset {' or '.join(names)}"
        return f"use preset {self.recipe.name} with its own learning rates and initialization"


@dataclass(frozen=True)
class Finding(Record):
    """A reason why training may fail. problem: what was measured. consequence: what to expect. advice: what to do."""

    problem: str
    consequence: str
    advice: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.problem}: {self.consequence}; {self.advice}"


@dataclass(frozen=True)
class Judgment:
    """The verdict (`trains`, `stalls` or `diverges`), the numbers that it rests on, and the findings against it."""

    verdict: str
    steps_needed: float
    sharpness_limit: float | None
    findings: tuple[Finding, ...] = ()


def judge(layers: Sequence[LayerSignal], situation: Situation, *, loss: float, sharpness: float | None) -> Judgment:
    """Whether a training will diverge, stall, or train; see `check_trainability`."""
    limit = _limit(situation.recipe)
    needed = steps_until_it_falls(layers)
    findings = _find_divergence(layers, situation, loss, sharpness, limit)
    if findings:
        return Judgment("diverges", needed, limit, tuple(findings))
    stall = _find_stall(layers, situation, needed, limit / sharpness if limit and sharpness else math.inf)
    return Judgment("stalls", needed, limit, (stall,)) if stall else Judgment("trains", needed, limit)


def _limit(recipe: Recipe) -> float | None:
    limit = sharpness_limit(recipe)
    if limit is None:
        return None
    return limit * WARMUP_TOLERANCE if recipe.warmup > 0.0 else limit


# --- too much moves


def _find_divergence(
    layers: Sequence[LayerSignal], situation: Situation, loss: float, sharpness: float | None, limit: float | None
) -> list[Finding]:
    if not math.isfinite(loss):
        return [_not_finite(layers, situation)]
    largest = max(layers, key=lambda layer: layer.relative_update)
    if limit is not None and sharpness is not None and sharpness > limit:
        findings = [_too_sharp(sharpness, limit, situation)]
    elif situation.is_adaptive and largest.relative_update > LARGEST_UPDATE:
        findings = [_too_large(largest, situation)]
    else:
        return []
    alike = _alike(layers)
    if alike is not None:
        consequence = f"{situation.stays_at_chance}, at a lower learning rate too"
        findings.append(Finding(_describe_alike(alike), consequence, _stronger_signal(situation)))
    return findings


def _not_finite(layers: Sequence[LayerSignal], situation: Situation) -> Finding:
    broken = next((layer.layer for layer in layers if not math.isfinite(layer.scale)), None)
    problem = f"the outputs of {broken} are not finite" if broken else "the first loss is not finite"
    advice = f"use a smaller initialization or smaller inputs, or {situation.other_preset()}"
    return Finding(problem, "nothing can be learned", advice)


def _too_sharp(sharpness: float, limit: float, situation: Situation) -> Finding:
    problem = (
        "the loss is too sharply curved for the learning rate "
        f"(learning rate x curvature = {sharpness:.1f}, stable up to {limit:.1f})"
    )
    consequence = (
        "expect the first steps to diverge and to kill units, and the loss to stay at that of guessing "
        f"({situation.chance_formula}) afterwards"
    )
    rate = _rounded(situation.recipe.learning_rate * limit / sharpness / 3)
    if rate <= 0.0:
        return Finding(problem, consequence, situation.other_preset())
    return Finding(
        problem,
        consequence,
        f"set learning_rate={rate:g}, or a warm-up (warmup=0.1) with smaller biases (hidden_bias=0.1), "
        f"or {situation.other_preset()}",
    )


def _too_large(layer: LayerSignal, situation: Situation) -> Finding:
    setting = situation.rate_setting(layer.layer)
    rate = _rounded(getattr(situation.recipe, setting) * 0.02 / layer.relative_update)
    return Finding(
        f"one step changes the weights of {layer.layer} by {100 * layer.relative_update:.0f} % of their norm",
        f"expect the first steps to diverge, and the loss to stay at that of guessing ({situation.chance_formula})",
        f"set {setting}={rate:g}" if rate > 0.0 else situation.other_preset(),
    )


# --- too little moves


def _find_stall(
    layers: Sequence[LayerSignal], situation: Situation, needed: float, headroom: float
) -> Finding | None:
    if not situation.learns_kernels:
        return None
    if situation.budget.is_small and needed <= ENOUGH_STEPS:
        return _too_few_steps(situation, needed)
    if needed <= PATIENCE * situation.full_steps:
        return None
    problem = f"{_slow(layers, needed, situation)}, and the training has {situation.full_steps:,.0f}"
    return Finding(problem, situation.stays_at_chance, _faster(layers, needed, situation, headroom))


def _too_few_steps(situation: Situation, needed: float) -> Finding:
    wanted = max(ENOUGH_STEPS, 2 * needed * _steps_per_full_step(situation))
    advice = situation.budget.advice(wanted) or "add images"
    return Finding(
        f"the training has only {situation.budget}", "expect it to end before the network has learned much", advice
    )


def _steps_per_full_step(situation: Situation) -> float:
    """Steps for each step at the peak learning rate."""
    return situation.budget.num_steps / situation.full_steps if situation.full_steps > 0.0 else 1.0


def _slow(layers: Sequence[LayerSignal], needed: float, situation: Situation) -> str:
    """That too little moves, and why, as far as it is known."""
    kernels = [layer.relative_update for layer in layers if layer.layer.startswith("conv")]
    mean = 100 * sum(kernels) / max(1, len(kernels))
    cause = _cause(layers) or f"a step changes the kernels by {mean:.2g} % of their norm"
    if needed > 100 * max(1.0, situation.full_steps):
        return f"{cause}; far more steps are needed before the loss falls"
    return f"{cause}; about {needed:,.0f} steps are needed before the loss falls"


def _faster(layers: Sequence[LayerSignal], needed: float, situation: Situation, headroom: float) -> str:
    """What to do where too little moves. headroom: the limit of sharpness over the sharpness."""
    recipe, setting = situation.recipe, situation.rate_setting()
    starts_small = recipe.initialization in ("gaussian", "seminar", "table", "pytorch")
    if (situation.unit_input and starts_small) or situation.small_kernels:
        return _stronger_signal(situation)
    factor = 2 * needed / max(1.0, situation.full_steps)
    if factor > 1000 or factor >= _safe_factor(layers, situation, headroom):
        return situation.other_preset()
    faster = f"set {setting}={_rounded(getattr(recipe, setting) * factor):g}"
    longer = situation.budget.advice(2 * needed * _steps_per_full_step(situation))
    return f"{faster}, or {longer}" if longer else faster


def _safe_factor(layers: Sequence[LayerSignal], situation: Situation, headroom: float) -> float:
    """How many times larger the learning rate may become without any risk of divergence."""
    if not situation.is_adaptive:
        return headroom / 2
    largest = max(layer.relative_update for layer in layers)
    return LARGEST_UPDATE / 3 / largest if largest > 0.0 else math.inf


def _stronger_signal(situation: Situation) -> str:
    if situation.unit_input:
        return f"use raw-scale input (normalization=mean), or {situation.other_preset()}"
    if situation.small_kernels:
        return f"initialize conv3 to conv5 larger (kernel_std=0.03), or {situation.other_preset()}"
    return situation.other_preset()


def _alike(layers: Sequence[LayerSignal]) -> LayerSignal | None:
    """The last convolutional layer that gives nearly the same for all images; None if there is none."""
    kernels = [layer for layer in layers if layer.layer.startswith("conv")]
    return next((layer for layer in reversed(kernels) if layer.variation < LEAST_VARIATION), None)


def _describe_alike(layer: LayerSignal) -> str:
    return f"the outputs of {layer.layer} vary by only {100 * layer.variation:.2g} % between images"


def _cause(layers: Sequence[LayerSignal]) -> str | None:
    """The layer where the differences between images are lost, in words; None if there is none."""
    dead, alike = _find_dead(layers), _alike(layers)
    return dead or (None if alike is None else _describe_alike(alike))


def _find_dead(layers: Sequence[LayerSignal]) -> str | None:
    """The first layer with hardly a living unit, in words; None if there is none."""
    for layer in layers:
        if layer.dead is not None and layer.dead >= MANY_DEAD:
            return f"{100 * layer.dead:.0f} % of the units of {layer.layer} are dead"
    return None


def explain_plateau(layers: Sequence[LayerSignal], situation: Situation, *, steps_left: float) -> str:
    """What keeps the loss of a training at that of guessing, by the layers' present numbers, and what to do.

    Args:
        steps_left: of the training, each weighted by its fraction of the peak learning rate.
    """
    cause, needed = _cause(layers), steps_until_it_falls(layers)
    if dead := _find_dead(layers):
        rate = _rounded(situation.recipe.learning_rate / 5)
        return (
            f"{dead}: the first steps were too large; "
            f"start again with learning_rate={rate:g}, or {situation.other_preset()}"
        )
    if needed > steps_left:
        if situation.budget.is_small and needed <= ENOUGH_STEPS:
            few = _too_few_steps(situation, needed)
            return f"{few.problem}; start again: {few.advice}"
        advice = _faster(layers, needed, situation, math.inf)
        return f"{_slow(layers, needed, situation)}, and {steps_left:,.0f} are left; start again: {advice}"
    soon = f"the loss should fall within about {max(1.0, needed):,.0f} steps"
    return f"{cause}; {soon}" if cause else soon


def _rounded(value: float) -> float:
    """To one significant digit."""
    return float(f"{value:.1g}") if math.isfinite(value) else value
