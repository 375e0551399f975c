"""Update rules against hand-computed and torch's own."""

import copy
import subprocess
import sys

import pytest
import torch

from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.training import optimizer
from alexnet.training.optimizer import Muon, Optimizers, PaperSGD, orthogonalize
from alexnet.training.schedule import Rates


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_orthogonalized_has_the_same_directions_and_equal_strengths(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    ours = orthogonalize(matrix)
    strengths = (left.T @ ours @ right.T).diagonal()
    assert strengths.min() > 0.6
    assert strengths.max() < 1.3
    off = left.T @ ours @ right.T - strengths.diag()
    assert off.abs().max() < 1e-6


@pytest.mark.parametrize("shape", [(96, 363), (64, 600), (300, 40)])
def test_gathered_products_equal_the_iteration_as_it_is_written(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    x = matrix.double() if shape[0] <= shape[1] else matrix.double().T
    x = x / x.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    expected = x if shape[0] <= shape[1] else x.T
    torch.testing.assert_close(orthogonalize(matrix).double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(96, 363), (256, 640)])
@pytest.mark.parametrize("decades", [1, 2])
def test_orthogonalized_in_bfloat16_stays_near_float32(shape: tuple[int, int], decades: int) -> None:
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = (left @ torch.logspace(0, -decades, shape[0]).diag() @ right).bfloat16()
    found, expected = orthogonalize(matrix), orthogonalize(matrix.float())
    assert found.dtype == torch.bfloat16
    apart = ((found.float() - expected).norm() / expected.norm()).item()
    assert apart < 0.06, apart


@pytest.mark.parametrize("kernel", [True, False])
def test_muon_orthogonalizes_in_the_dtype_it_is_given(kernel: bool) -> None:
    torch.manual_seed(0)
    start = torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last) if kernel else torch.randn(8, 20)
    gradient, steps = torch.randn_like(start), {}
    for dtype in (torch.float32, torch.bfloat16):
        weight = torch.nn.Parameter(start.clone())
        muon = copy.deepcopy(Muon([weight], lr=0.1, dtype=dtype))
        (weight,) = muon.param_groups[0]["params"]
        weight.grad = gradient.clone()
        muon.step()
        assert muon.state[weight]["momentum"].dtype == torch.float32
        steps[dtype] = weight.detach() - start
    apart = (steps[torch.bfloat16] - steps[torch.float32]).norm() / steps[torch.float32].norm()
    assert 0 < apart < 0.06, apart


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
    monkeypatch.setattr(optimizer, "orthogonalize", lambda matrix: (seen.add(matrix.dtype), orthogonalize(matrix))[1])
    network = small_network()
    learn(network, Optimizers(network, PRESETS["fast"], dtype=dtype), steps=1)
    assert seen == {expected}


def test_muon_step_is_the_formula() -> None:
    weight = torch.torch.nn.Parameter(torch.randn(4, 2, 3, 3))
    start, gradient = weight.detach().clone(), torch.randn(4, 2, 3, 3)
    weight.grad = gradient.clone()
    Muon([weight], lr=0.1, momentum=0.9, weight_decay=0.5).step()
    average = 0.1 * gradient
    update = orthogonalize((0.1 * gradient + 0.9 * average).reshape(4, 18)).reshape(4, 2, 3, 3)
    torch.testing.assert_close(weight.detach(), start * (1 - 0.05) - 0.1 * update)


def small_network() -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(VARIANTS["seminar"], size=67, num_classes=3)


def learn(network: AlexNet, optimizers: Optimizers, steps: int = 2) -> None:
    x = torch.randn(4, 3, 67, 67, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        torch.manual_seed(7)
        torch.nn.functional.cross_entropy(network(x), torch.tensor([0, 1, 2, 0])).backward()
        optimizers.step(Rates(1.0, 1.0))


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


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "adam", "sgd", "sgd_2012"])
def test_state_put_back_goes_on_the_same(optimizer: str) -> None:
    recipe = PRESETS["fast"].replace(optimizer=optimizer, learning_rate=1e-3)
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


def printed_rule(rates: list[float], gradients: list[torch.Tensor], start: torch.Tensor) -> torch.Tensor:
    """The paper's §5, number by number: v ← 0.9 v - 0.0005 e w - e g; w ← w + v."""
    w, v = start.clone(), torch.zeros_like(start)
    for rate, gradient in zip(rates, gradients, strict=True):
        if rate == 0.0:  # src/weights.cu of the 2012 program: no update at all
            continue
        v = 0.9 * v - 0.0005 * rate * w - rate * gradient
        w = w + v
    return w


@pytest.mark.parametrize(
    "rates",
    [[0.01] * 6, [0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001], [0.001, 0.01, 0.0, 0.0, 0.005], [0.01, 0.01, 0.0, 0.01]],
)
def test_paper_sgd_is_the_printed_rule(rates: list[float]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    gradients = [torch.randn(7, 5, generator=generator, dtype=torch.float64) for _ in rates]
    weight = torch.nn.Parameter(start.clone())
    optimizer = PaperSGD([{"params": [weight], "weight_decay": 5e-4}], lr=rates[0], momentum=0.9)
    for rate, gradient in zip(rates, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(weight.detach(), printed_rule(rates, gradients, start), rtol=1e-12, atol=1e-14)


def test_torch_sgd_differs_from_the_printed_rule_where_the_rate_drops() -> None:
    """On the step of the drop torch's momentum is a tenth of the paper's; before it both are the same."""
    for rates, same in (([0.01] * 3, True), ([0.01, 0.01, 0.001], False)):
        weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        optimizer = torch.optim.SGD([weight], lr=0.01, momentum=0.9, weight_decay=5e-4)
        gradients = [torch.full((3,), float(i + 1), dtype=torch.float64) for i in range(3)]
        for rate, gradient in zip(rates, gradients, strict=True):
            optimizer.param_groups[0]["lr"] = rate
            weight.grad = gradient.clone()
            optimizer.step()
        expected = printed_rule(rates, gradients, torch.ones(3, dtype=torch.float64))
        assert torch.allclose(weight.detach(), expected, rtol=1e-12) is same


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
    torch.testing.assert_close(moved["fc7"].bias.detach(), torch.full((4096,), 1.0 - 2 * 0.01))
    torch.testing.assert_close(shrunk["fc7"].bias.detach(), torch.full((4096,), 1.0 - 2 * 0.01 * 0.5))


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


def test_no_update_rule_loads_the_compiler() -> None:
    ended = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
