"""Update rules against hand-computed and torch's own."""

import pytest
import torch

from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import VARIANTS
from alexnet.recipe import PRESETS
from alexnet.training.optimizer import Muon, Optimizers, orthogonalize


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


def test_muon_step_is_the_formula() -> None:
    weight = torch.nn.Parameter(torch.randn(4, 2, 3, 3))
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
        optimizers.step(1.0)


def test_seminar_recipe_steps_as_torchs_adam() -> None:
    ours, theirs = small_network(), small_network()
    learn(ours, Optimizers(ours, PRESETS["seminar"]))
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-4)
    x = torch.randn(4, 3, 67, 67, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        torch.manual_seed(7)
        adam.zero_grad()
        torch.nn.functional.cross_entropy(theirs(x), torch.tensor([0, 1, 2, 0])).backward()
        adam.step()
    for (name, first), second in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(first, second, msg=name, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "adam", "sgd"])
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
    optimizers.step(1.0)
    assert bool((network["conv1"].bias == 1).all())  # type: ignore[union-attr]
    assert network["fc7"].weight.abs().sum().item() < weight  # type: ignore[union-attr,operator]
