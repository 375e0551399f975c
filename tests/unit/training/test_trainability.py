"""The trainability check: its numbers against finite differences and hand-made networks, its words, its manners."""

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
from alexnet.training.advice import OBSERVED, Situation, explain_plateau, steps_until_it_falls
from alexnet.training.layer_signal import LayerSignal
from alexnet.training.trainability import (
    Trainability,
    check_trainability,
    describe_situation,
    measure_layers,
    model_left_as_found,
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


def start(recipe: Recipe, variant: str = "seminar", **switches: object) -> AlexNet:
    network = AlexNet(get_variant(variant, **switches), size=67, num_classes=3, dropout=0.0)
    initialize(
        network, recipe.initialization, seed=0, hidden_bias=recipe.hidden_bias, kernel_std=recipe.kernel_std,
        head_std=recipe.head_std,
    )  # fmt: skip
    return network


def check(recipe: Recipe, *, steps: float = 300.0, scale: float = 1.0, variant: str = "seminar") -> Trainability:
    x, labels = batch(scale=scale)
    return check_trainability(start(recipe, variant), x, labels, recipe, full_steps=steps, unit_input=scale == 1.0)


def situation(network: AlexNet, recipe: Recipe) -> Situation:
    return describe_situation(network, recipe, full_steps=300.0, unit_input=True)


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
    found = check_trainability(network, x, labels, recipe, full_steps=300.0, unit_input=True)
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
    assert found.sharpness == pytest.approx(0.01 * second, rel=0.05)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_relative_update_is_what_a_step_changes(optimizer: str) -> None:
    """The first step changes the weights by what the check says, the part that tells nothing counted in."""
    from alexnet.training.optimizer import Optimizers
    from alexnet.training.schedule import Rates

    recipe = Recipe(optimizer=optimizer, learning_rate=1e-3, momentum=0.0)
    network, (x, labels) = start(recipe), batch(scale=60.0)
    _, layers = measure_layers(network, x, labels, recipe)
    before = {layer.layer: network[layer.layer].weight.detach().clone() for layer in layers}
    whole = {name: float(network[name].weight.grad.norm() / weight.norm()) for name, weight in before.items()}
    optimizers = Optimizers(network, recipe)
    optimizers.step(Rates(1.0, 1.0))
    for layer in layers:
        weight = before[layer.layer]
        change = float((network[layer.layer].weight.detach() - weight).norm() / weight.norm())
        expected = layer.relative_update * whole[layer.layer] / layer.relative_gradient
        # orthogonalized updates have singular values of 0.7 to 1.2, and Adam leaves weights without a gradient alone
        assert change == pytest.approx(expected, rel=1e-3 if optimizer == "sgd" else 0.5), layer.layer


def test_vanishing_signal_stalls_and_is_named() -> None:
    found = check(Recipe(**SGD, initialization="gaussian"))
    assert found.verdict == "stalls"
    assert "steps are needed before the loss falls, and there are 300" in str(found)
    assert "expect the loss to stay at ln 3 = 1.099" in str(found)
    assert "feed raw-scale input (normalization=mean)" in str(found)


def test_images_that_look_alike_are_named_with_their_layer() -> None:
    found = check(Recipe(**SGD, initialization="gaussian", hidden_bias=1.0).replace(learning_rate=1e-4))
    assert found.verdict == "stalls"
    assert str(found).startswith("conv5 differs by 0.")
    assert "% between images" in str(found)


def test_sharp_head_bursts() -> None:
    found = check(Recipe(**SGD, initialization="fan_in", head_std=0.1, hidden_bias=3.0))
    assert found.verdict == "bursts"
    assert found.sharpness > found.sharpness_limit == pytest.approx(3.8)
    assert "bends too sharply for the rate" in str(found)
    assert "set learning_rate=" in str(found)


def test_rate_of_adam_far_too_large_bursts() -> None:
    found = check(Recipe(optimizer="adamw", learning_rate=0.3))
    assert found.verdict == "bursts"
    assert "of its size" in str(found)


def test_numbers_that_are_not_finite_are_said() -> None:
    found = check(Recipe(**SGD), scale=1e38)
    assert found.verdict == "bursts"
    assert "not finite" in str(found)


@pytest.mark.parametrize("preset", ["fast", "seminar"])
def test_presets_are_expected_to_train(preset: str) -> None:
    found = check(PRESETS[preset].replace(size=67, start_size=None))
    assert found.verdict == "trains"
    assert str(found) == "expected to train"


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
            check_trainability(network, x, labels + 7, recipe, full_steps=9.0, unit_input=True)
    else:
        check_trainability(network, x, labels, recipe, full_steps=9.0, unit_input=True)
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
    with model_left_as_found(network):
        _, layers = measure_layers(network, x, labels, recipe)
    said = explain_plateau(layers, situation(network, recipe), steps_left=300.0)
    assert said.startswith("100 % of the units of fc7 are dead: a burst has killed them; start again with")


def test_plateau_of_a_slow_start_is_explained_by_the_steps_that_are_left() -> None:
    recipe = Recipe(**SGD, initialization="gaussian")
    network, (x, labels) = start(recipe), batch()
    with model_left_as_found(network):
        _, layers = measure_layers(network, x, labels, recipe)
    said = explain_plateau(layers, situation(network, recipe), steps_left=20.0)
    assert "steps are needed before the loss falls, and 20 are left; start again: feed raw-scale input" in said
    assert "should fall within" in explain_plateau(layers, situation(network, recipe), steps_left=math.inf)


def test_steps_until_it_falls_equal_the_solution_of_a_chain_of_one_speed() -> None:
    """n layers that grow alike: dg/dt = r exp((n - 2) g), so that t = (1 - exp(-(n - 2) g)) / ((n - 2) r)."""
    layers = [LayerSignal(f"conv{i}", 1.0, 0.01, 1e-3, 1e-3, 0.0) for i in range(5)]
    each = math.log(100.0) / 5
    expected = OBSERVED * (1 - math.exp(-3 * each)) / (3 * 1e-3)
    assert steps_until_it_falls(layers) == pytest.approx(expected, rel=0.05)


def test_steps_until_it_falls_know_never_and_at_once() -> None:
    still = [LayerSignal("conv1", 1.0, 0.0, 0.0, 0.0, 0.0)]
    assert steps_until_it_falls(still) == math.inf
    assert steps_until_it_falls([LayerSignal("fc8", 2.0, 0.9, 0.1, 0.1, None)]) == 0.0


def test_advice_does_not_ask_for_what_is_there_already() -> None:
    """`program` starts conv3 to conv5 at 0.03, and who runs paper-small is not told to."""
    slow = PRESETS["program"].replace(size=67, learning_rate=1e-7, name="paper-small")
    x, labels = batch(scale=60.0)
    network = start(slow, "program")
    found = check_trainability(network, x, labels, slow, full_steps=300.0, unit_input=False)
    assert found.verdict == "stalls"
    assert "kernel_std" not in str(found)
    assert "preset paper-small" not in str(found)
