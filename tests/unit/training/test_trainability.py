"""The trainability check: its numbers against finite differences, its words, and the network left as found."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.training.advice import Situation, explain_plateau
from alexnet.training.optimizer import OPTIMIZERS, parameters_of, rule_for, sharpness_limit
from alexnet.training.step_budget import StepBudget
from alexnet.training.trainability import (
    Trainability,
    check_trainability,
    describe_situation,
    measure_layers,
)

SGD = {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "step", "warmup": 0.0}


def batch(count: int = 24, size: int = 67, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise whose mean and grain depend on the class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    x = torch.randn(count, 3, size, size, generator=generator)
    coarse = F.interpolate(torch.randn(count, 3, 9, 9, generator=generator), [size] * 2, mode="bilinear")
    x = torch.where((labels == 1).view(-1, 1, 1, 1), coarse * 1.5, x) + (labels - 1).view(-1, 1, 1, 1) * 0.5
    return x * scale, labels


def start(recipe: Recipe, variant: str = "narrow", **switches: object) -> AlexNet:
    network = AlexNet(get_variant(variant, **switches), size=67, num_classes=3, dropout=0.0)
    initialize(
        network, recipe.initialization, seed=0, hidden_bias=recipe.hidden_bias, kernel_std=recipe.kernel_std,
        head_std=recipe.head_std,
    )  # fmt: skip
    return network


def situation(
    network: AlexNet, recipe: Recipe, *, steps: float = 300.0, unit_input: bool = True, images: int = 4800
) -> Situation:
    return describe_situation(
        network,
        recipe,
        StepBudget(images, 128, 8),
        full_steps=steps,
        chance=math.log(3),
        chance_formula="ln 3 = 1.099",
        unit_input=unit_input,
    )


def check(recipe: Recipe, *, scale: float = 1.0, variant: str = "seminar", **changes: object) -> Trainability:
    (x, labels), network = batch(scale=scale), start(recipe, variant)
    return check_trainability(network, x, labels, situation(network, recipe, unit_input=scale == 1.0, **changes))


def test_signals_are_those_of_the_layers_outputs() -> None:
    recipe = Recipe(**SGD)
    network, (x, labels) = start(recipe).eval(), batch()
    with torch.no_grad():
        first = network["conv1"](x)
    _, layers = measure_layers(network, x, labels, recipe)
    conv1 = layers[0]
    assert conv1.scale == pytest.approx(first.square().mean().sqrt().item(), rel=1e-5)
    std = first.flatten(1).std(0, unbiased=False).square().mean().sqrt()
    assert conv1.variation == pytest.approx((std / first.square().mean().sqrt()).item(), rel=1e-4)
    assert conv1.dead == pytest.approx((first.amax((0, 2, 3)) <= 0).float().mean().item())
    assert [layer.layer for layer in layers] == [f"conv{i}" for i in range(1, 6)] + ["fc6", "fc7", "fc8"]
    assert layers[-1].dead is None, "no ReLU follows"


def test_only_that_part_of_the_gradient_counts_which_tells_images_apart() -> None:
    """With equal images there is nothing to tell apart, whatever the frequencies of the classes."""
    recipe = Recipe(**SGD)
    network = start(recipe)
    x, _ = batch()
    same = x[:1].expand(24, -1, -1, -1).contiguous()
    _, layers = measure_layers(network, same, torch.zeros(24, dtype=torch.int64), recipe)
    assert max(layer.relative_gradient for layer in layers) < 1e-4
    assert max(layer.variation for layer in layers) < 1e-4


@pytest.mark.parametrize("factor", [1.0, 0.0])
def test_sharpness_is_rate_times_the_curvature_along_the_update(factor: float) -> None:
    """Against the second difference of the loss; frozen kernels are no part of the update."""
    recipe = Recipe(**SGD, kernel_learning_rate_factor=factor)
    network, (x, labels) = start(recipe).double(), batch()
    x = x.double()
    result = check_trainability(network, x, labels, situation(network, recipe))
    moving = list(network.parameters()) if factor else list(network.classifier.parameters())
    weights = [weight.detach().clone() for weight in moving]
    gradients = torch.autograd.grad(F.cross_entropy(network(x), labels), moving)
    squared = sum(float(g.square().sum()) for g in gradients)

    def loss_at(step: float) -> float:
        with torch.no_grad():
            for weight, value, gradient in zip(moving, weights, gradients, strict=True):
                weight.copy_(value - step * gradient)
            return float(F.cross_entropy(network(x), labels))

    step = 0.02 / squared
    second = (loss_at(step) - 2 * loss_at(0.0) + loss_at(-step)) / step**2 / squared
    assert result.sharpness == pytest.approx(0.01 * second, rel=0.05)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_measured_by_its_own_rule(name: str, momentum: float) -> None:
    """Where all that the gradient says distinguishes images, the relative update is that of the rule."""
    recipe = Recipe(optimizer=name, learning_rate=1e-3, momentum=momentum)
    network, (x, labels) = start(recipe), batch(scale=60.0)
    loss, layers = measure_layers(network, x, labels, recipe)
    network.requires_grad_(True)
    F.cross_entropy(network.eval()(x), labels).backward()
    for parameter, info in parameters_of(network):
        if not info.is_bias:
            layer = next(layer for layer in layers if layer.layer == info.layer)
            whole, norm = float(parameter.grad.norm()), float(parameter.detach().norm())
            fraction = layer.relative_gradient * norm / whole
            step = rule_for(info, recipe).step_norm(info, whole, recipe)
            assert layer.relative_update == pytest.approx(step * min(fraction, 1.0) / norm, rel=1e-3), info.layer
    result = check_trainability(network, x, labels, situation(network, recipe, unit_input=False))
    assert math.isfinite(result.steps_needed) and result.loss == pytest.approx(loss)
    assert (result.sharpness is None) is (sharpness_limit(recipe) is None)
    assert (result.sharpness_limit is None) is (sharpness_limit(recipe) is None)


@pytest.mark.slow
def test_vanishing_signal_stalls_and_is_named() -> None:
    result = check(Recipe(**SGD, initialization="gaussian"))
    assert result.verdict == "stalls"
    assert "steps are needed before the loss falls, and the training has 300" in str(result)
    assert "expect the loss to stay at that of guessing, ln 3 = 1.099" in str(result)
    assert "use raw-scale input (normalization=mean)" in str(result)


@pytest.mark.slow
def test_images_that_look_alike_are_named_with_their_layer() -> None:
    result = check(Recipe(**SGD, initialization="gaussian", hidden_bias=1.0).replace(learning_rate=1e-4))
    assert result.verdict == "stalls"
    assert str(result).startswith("the outputs of conv5 vary by only 0.")
    assert "% between images" in str(result)


@pytest.mark.slow
def test_sharp_head_diverges() -> None:
    result = check(Recipe(**SGD, initialization="fan_in", head_std=0.1, hidden_bias=3.0))
    assert result.verdict == "diverges"
    assert result.sharpness > result.sharpness_limit == pytest.approx(3.8)
    assert "the loss is too sharply curved for the learning rate" in str(result)
    assert "set learning_rate=" in str(result)


@pytest.mark.slow
def test_rate_of_adam_far_too_large_diverges() -> None:
    result = check(Recipe(optimizer="adamw", learning_rate=0.3))
    assert result.verdict == "diverges"
    assert "of their norm" in str(result)
    assert "set learning_rate=0.0" in str(result)


def test_outputs_that_are_not_finite_are_named_with_their_layer() -> None:
    network, (x, labels) = start(Recipe(**SGD)), batch()
    with torch.no_grad():
        network["conv4"].weight.fill_(3e38)
    result = check_trainability(network, x, labels, situation(network, Recipe(**SGD)))
    assert result.verdict == "diverges"
    assert str(result).startswith("the outputs of conv4 are not finite: nothing can be learned; use a smaller init")


@pytest.mark.parametrize("preset", ["fast", "seminar"])
def test_presets_are_expected_to_train(preset: str) -> None:
    result = check(PRESETS[preset].replace(size=67, start_size=None))
    assert result.verdict == "trains"
    assert str(result) == "expected to train"


def test_pretrained_kernels_need_not_move() -> None:
    recipe = PRESETS["finetune"].replace(variant="seminar", weights="somewhere", learning_rate=1e-6)
    assert check(recipe).verdict == "trains"


@pytest.mark.parametrize("fails", [False, True])
def test_network_is_left_as_found(fails: bool) -> None:
    recipe = Recipe(**SGD)
    network, (x, labels) = start(recipe), batch(6)
    network["conv1"].weight.requires_grad_(False)
    network["fc8"].bias.grad = torch.ones(3)
    network.features.eval()
    before = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    if fails:
        with pytest.raises(IndexError, match="out of bounds"):
            check_trainability(network, x, labels + 7, situation(network, recipe))
    else:
        check_trainability(network, x, labels, situation(network, recipe))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert not network["conv1"].weight.requires_grad
    assert torch.equal(network["fc8"].bias.grad, torch.ones(3))
    assert network["fc7"].weight.grad is None
    assert not any(module._forward_hooks for module in network.modules())


def test_plateau_of_dead_units_is_explained() -> None:
    recipe = Recipe(**SGD)
    network, (x, labels) = start(recipe), batch()
    with torch.no_grad():
        network["fc7"].bias.fill_(-100.0)
    _, layers = measure_layers(network, x, labels, recipe)
    text = explain_plateau(layers, situation(network, recipe), steps_left=300.0)
    assert text.startswith(
        "100 % of the units of fc7 are dead: the first steps were too large; start again with learning_rate=0.002"
    )


def test_plateau_of_a_slow_start_is_explained_by_the_steps_that_are_left() -> None:
    recipe = Recipe(**SGD, initialization="gaussian")
    network, (x, labels) = start(recipe), batch()
    _, layers = measure_layers(network, x, labels, recipe)
    text = explain_plateau(layers, situation(network, recipe), steps_left=20.0)
    assert "steps are needed before the loss falls, and 20 are left; start again: use raw-scale input" in text
    assert "should fall within" in explain_plateau(layers, situation(network, recipe), steps_left=math.inf)


@pytest.mark.slow
def test_advice_does_not_ask_for_what_is_there_already() -> None:
    """`program` starts conv3 to conv5 at 0.03, and who runs paper-small is not told to."""
    slow = PRESETS["program"].replace(size=67, learning_rate=1e-7, name="paper-small")
    x, labels = batch(scale=60.0)
    network = start(slow, "program")
    result = check_trainability(network, x, labels, situation(network, slow, unit_input=False))
    assert result.verdict == "stalls"
    assert "kernel_std" not in str(result)
    assert "preset paper-small" not in str(result)
