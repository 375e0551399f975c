"""Every optimizer of a recipe: who updates what, how far, what is remembered; frozen and decaying parameters."""

import math
import subprocess
import sys
from typing import get_args

import pytest
import torch

from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.training import muon, optimizer
from alexnet.training.muon import orthogonalize
from alexnet.training.optimizer import (
    OPTIMIZERS,
    Optimizers,
    ParameterInfo,
    UpdateRule,
    parameters_in_table,
    parameters_of,
    rule_for,
    sharpness_limit,
)
from alexnet.training.schedule import Rates


@pytest.mark.parametrize(
    ("is_fast", "dtype", "expected"),
    [
        (True, torch.bfloat16, torch.bfloat16),
        (False, torch.bfloat16, torch.float32),
        (True, torch.float32, torch.float32),
    ],
)
def test_kernels_are_orthogonalized_in_bfloat16_where_its_products_are_fast(
    monkeypatch: pytest.MonkeyPatch, is_fast: bool, dtype: torch.dtype, expected: torch.dtype
) -> None:
    seen: set[torch.dtype] = set()
    monkeypatch.setattr(optimizer, "has_fast_bfloat16", lambda: is_fast)
    monkeypatch.setattr(muon, "orthogonalize", lambda matrix: (seen.add(matrix.dtype), orthogonalize(matrix))[1])
    network = small_network()
    learn(network, Optimizers(network, PRESETS["fast"], dtype=dtype), steps=1)
    assert seen == {expected}


def small_network() -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(VARIANTS["narrow"], size=67, num_classes=3)


def learn(network: AlexNet, optimizers: Optimizers, steps: int = 2) -> None:
    x = torch.randn(4, 3, 67, 67, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        torch.manual_seed(7)
        torch.nn.functional.cross_entropy(network(x), torch.tensor([0, 1, 2, 0])).backward()
        optimizers.step(Rates(1.0, 1.0))


RULES = {rule.name: rule for rules in OPTIMIZERS.values() for rule in rules}

PARAMETERS = [
    ParameterInfo("conv2", (24, 5, 3, 3), is_kernel=True, is_last=False),
    ParameterInfo("fc6", (64, 16), is_kernel=False, is_last=False),
    ParameterInfo("fc7", (600, 600), is_kernel=False, is_last=False),
    ParameterInfo("fc7", (600,), is_kernel=False, is_last=False),
    ParameterInfo("fc8", (10, 64), is_kernel=False, is_last=True),
]


def last_step(rule: UpdateRule, info: ParameterInfo, recipe: Recipe, *, scale: float = 1.0, steps: int = 80) -> float:
    """Norm of the last of some steps along one and the same gradient, whose norm is `scale`."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(info.shape, generator=generator, dtype=torch.float64).float())
    gradient = torch.randn(info.shape, generator=generator)
    gradient *= scale / gradient.norm()
    peak = rule.peak_rate(recipe)
    group = {"params": [weight], "weight_decay": 0.0, "lr": peak, "peak": peak}
    optimizer = rule.build([group], recipe, torch.float32)
    for _ in range(steps):
        before = weight.detach().clone()
        weight.grad = gradient.clone()
        optimizer.step()
    return float((weight.detach() - before).norm())


def test_recipe_names_the_optimizers_that_there_are() -> None:
    assert set(get_args(Recipe.model_fields["optimizer"].annotation)) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_parameter_gets_a_rule_and_moves(name: str) -> None:
    recipe = PRESETS["fast"].replace(optimizer=name)
    network = small_network()
    before = {key: value.detach().clone() for key, value in network.named_parameters()}
    optimizers = Optimizers(network, recipe)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizers.step(Rates(1.0, 1.0))
    assert [key for key, value in network.named_parameters() if torch.equal(value, before[key])] == []
    assert all(OPTIMIZERS[name][-1].accepts(info) for info in PARAMETERS), "the last rule takes what is left"


@pytest.mark.parametrize("size", [67, 96, 224])
@pytest.mark.parametrize("variant", VARIANTS)
def test_table_and_network_have_the_same_parameters(variant: str, size: int) -> None:
    spec = VARIANTS[variant]
    network = AlexNet.empty(spec, size=size, num_classes=3)
    built = [info for _, info in parameters_of(network)]
    assert list(parameters_in_table(spec.geometry(size, 3))) == built
    assert [parameter for parameter, _ in parameters_of(network)] == list(network.parameters())


@pytest.mark.parametrize(("rule", "info"), [(r, i) for r in RULES.values() for i in PARAMETERS if r.accepts(i)])
def test_step_is_as_large_as_the_rule_says(rule: UpdateRule, info: ParameterInfo) -> None:
    """Along a gradient that stays the same; orthogonalized updates have singular values of 0.7 to 1.2."""
    recipe = Recipe(learning_rate=1e-3, muon_learning_rate=1e-3, momentum=0.9)
    for scale in (1.0, 1000.0):
        expected = rule.step_norm(info, scale, recipe)
        assert last_step(rule, info, recipe, scale=scale) == pytest.approx(expected, rel=0.2)
    grows = rule.step_norm(info, 1000.0, recipe) > rule.step_norm(info, 1.0, recipe)
    assert grows != rule.is_adaptive


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rule_remembers_as_much_as_it_says(rule: UpdateRule, momentum: float) -> None:
    recipe = Recipe(momentum=momentum)
    for info in PARAMETERS:
        if rule.accepts(info):
            weight = torch.nn.Parameter(torch.ones(info.shape))
            group = {"params": [weight], "weight_decay": 0.0, "lr": 0.1, "peak": 0.1}
            optimizer = rule.build([group], recipe, torch.float32)
            weight.grad = torch.ones_like(weight)
            optimizer.step()
            kept = sum(
                value.numel() for value in optimizer.state[weight].values() if value is not None and value.ndim
            )
            assert kept == rule.num_remembered(recipe) * math.prod(info.shape)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.sharpness_limit], ids=lambda rule: rule.name
)
def test_descent_diverges_above_its_limit_and_converges_below_it(rule: UpdateRule, momentum: float) -> None:
    """On a parabola of curvature 1, whose gradient is the weight itself."""
    recipe = Recipe(momentum=momentum)
    assert rule.sharpness_limit is not None
    for excess in (0.95, 1.05):
        rate = excess * rule.sharpness_limit(recipe)
        weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        group = {"params": [weight], "weight_decay": 0.0, "lr": rate, "peak": rate}
        optimizer = rule.build([group], recipe, torch.float32)
        for _ in range(500):
            weight.grad = weight.detach().clone()
            optimizer.step()
        assert (abs(weight.item()) > 100.0) is (excess > 1.0)


@pytest.mark.parametrize(
    ("name", "limit"), [("sgd", 3.8), ("sgd_2012", 3.8), ("adam", None), ("adamw", None), ("muon", None)]
)
def test_only_descent_has_a_limit_of_sharpness(name: str, limit: float | None) -> None:
    assert sharpness_limit(Recipe(optimizer=name, momentum=0.9)) == limit


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [("conv1", (96, 3, 11, 11), "muon"), ("fc6", (4096, 256), "muon"), ("fc7", (4096, 4096), "adamw"),
     ("conv1", (96,), "adamw"), ("fc8", (8, 4096), "adamw")],
)  # fmt: skip
def test_muon_updates_kernels_and_small_matrices_and_adamw_the_rest(
    layer: str, shape: tuple[int, ...], expected: str
) -> None:
    info = ParameterInfo(layer, shape, is_kernel=layer.startswith("conv"), is_last=layer == "fc8")
    assert rule_for(info, PRESETS["fast"]).name == expected


def test_state_of_a_frozen_parameter_is_refused() -> None:
    network = small_network()
    learn(network, before := Optimizers(network, PRESETS["fast"]), steps=1)
    frozen = Optimizers(network, PRESETS["fast"].replace(kernel_learning_rate_factor=0.0))
    with pytest.raises(KeyError):
        frozen.load_state_tensors(before.state_tensors())


def test_seminar_recipe_steps_as_torchs_adam() -> None:
    ours, theirs = small_network(), small_network()
    optimizers, adam = Optimizers(ours, PRESETS["seminar"]), torch.optim.Adam(theirs.parameters(), lr=1e-4)
    x = torch.randn(4, 3, 67, 67, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        torch.nn.functional.cross_entropy(ours(x), torch.tensor([0, 1, 2, 0])).backward()
        for first, second in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert first.grad is not None
            second.grad = first.grad.clone()  # the same to the last bit, which Adam makes much of where it is near 0
        optimizers.step(Rates(1.0, 1.0))
        adam.step()
    for (name, first), second in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(first, second, msg=name, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_put_back_goes_on_the_same(name: str) -> None:
    recipe = PRESETS["fast"].replace(optimizer=name, learning_rate=1e-3)
    straight = small_network()
    learn(straight, Optimizers(straight, recipe), steps=2)
    first = small_network()
    before = Optimizers(first, recipe)
    learn(first, before, steps=1)
    second = small_network()
    after = Optimizers(second, recipe)
    second.load_state_dict(first.state_dict())
    after.load_state_tensors({name: value.clone() for name, value in before.state_tensors().items()})
    learn(second, after, steps=1)
    for (name, one), two in zip(straight.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two), name


def test_frozen_kernels_do_not_move() -> None:
    network = small_network()
    kernel, head = network["conv2"].weight.detach().clone(), network["fc8"].weight.detach().clone()  # type: ignore[union-attr,operator]
    learn(network, Optimizers(network, PRESETS["fast"].replace(kernel_learning_rate_factor=0.0)))
    assert torch.equal(network["conv2"].weight, kernel)  # type: ignore[arg-type]
    assert not torch.equal(network["fc8"].weight, head)  # type: ignore[arg-type]


def test_biases_do_not_decay() -> None:
    network = small_network()
    with torch.no_grad():
        for layer in (network["conv1"], network["fc7"]):
            layer.bias.fill_(1.0)  # type: ignore[union-attr,operator]
    optimizers = Optimizers(network, PRESETS["fast"].replace(weight_decay=0.5))
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    weight = network["fc7"].weight.abs().sum().item()  # type: ignore[union-attr,operator]
    optimizers.step(Rates(1.0, 1.0))
    assert bool((network["conv1"].bias == 1).all())  # type: ignore[union-attr]
    assert network["fc7"].weight.abs().sum().item() < weight  # type: ignore[union-attr,operator]


def test_biases_decay_and_move_faster_where_the_recipe_says_so() -> None:
    """Of equal gradients 1 without decay the bias moves twice as far; with decay and no gradient it shrinks."""
    moved, shrunk = small_network(), small_network()
    recipe = PRESETS["program"].replace(variant="seminar", weight_decay=0.5)
    for network, gradient, decays in ((moved, 1.0, False), (shrunk, 0.0, True)):
        with torch.no_grad():
            network["fc7"].bias.fill_(1.0)
        for parameter in network.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        Optimizers(network, recipe.replace(decay_biases=decays)).step(Rates(1.0, 1.0))
    torch.testing.assert_close(moved["fc7"].bias.detach(), torch.full((128,), 1.0 - 2 * 0.01))
    torch.testing.assert_close(shrunk["fc7"].bias.detach(), torch.full((128,), 1.0 - 2 * 0.01 * 0.5))


def test_conv1_stands_still_at_rate_0() -> None:
    network = small_network()
    optimizers = Optimizers(network, PRESETS["program"].replace(variant="seminar"))
    learn(network, optimizers, steps=2)
    before = network["conv1"].weight.detach().clone(), network["conv2"].weight.detach().clone()
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizers.step(Rates(1.0, 1.0, conv1=0.0))
    assert torch.equal(network["conv1"].weight, before[0])
    assert not torch.equal(network["conv2"].weight, before[1])


STARTED = """
import sys, torch
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import get_variant
from alexnet.presets import PRESETS
from alexnet.training import optimizer
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Rates

network = AlexNet(get_variant("seminar"), size=67, num_classes=2)
for preset in ("fast", "seminar", "paper"):
    optimizers = Optimizers(network, PRESETS[preset])
    network(torch.randn(2, 3, 67, 67)).sum().backward()
    optimizers.step(Rates(1.0, 1.0))
    assert all(parameter.grad is None for parameter in network.parameters())
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.slow
def test_no_update_rule_loads_the_compiler() -> None:
    ended = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
