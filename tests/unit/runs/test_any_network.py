"""A plain VGG and a plain ResNet go through every call that looks inside, and are found as they were."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alexnet.errors import DataError, GeometryError, RecipeError
from alexnet.inspection.attribution import attribute
from alexnet.inspection.receptive_field import receptive_boxes
from alexnet.model.checkpoint import Classifier
from alexnet.model.wrap_network import wrap_network
from alexnet.runs.ablate import ablate
from alexnet.runs.ablate_units import ablate_units
from alexnet.runs.edit import edit
from alexnet.runs.explain import explain
from alexnet.runs.inside import inside
from alexnet.runs.map_images import map_images
from alexnet.runs.similar import features, neighbours
from alexnet.runs.unit import unit

CLASSES = ("across", "down", "rings")


class Block(nn.Module):
    """A residual block whose one ReLU runs twice, in place."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(inner + self.shortcut(x))


def small_resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2), Block(8, 8, 1), Block(8, 16, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip


def small_vgg() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(inplace=True),
        nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * 64, 32), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(32, 3),
    )  # fmt: skip


NETWORKS = {"vgg": (small_vgg, "5", 10), "resnet": (small_resnet, "3.conv2", 21)}
"""Network, a late convolution, and that one's receptive field by the formula for chains."""


@pytest.fixture(params=NETWORKS)
def wrapped(request: pytest.FixtureRequest) -> tuple[Classifier, str, int]:
    make, layer, field = NETWORKS[request.param]
    torch.manual_seed(0)
    network = make().train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.3)
    network[0].weight.grad = torch.ones_like(network[0].weight)
    return wrap_network(network, CLASSES, size=32), layer, field


def state_of(network: nn.Module) -> list[object]:
    """Everything that must not change."""
    return [
        {name: value.tolist() for name, value in network.state_dict().items()},
        [module.training for module in network.modules()],
        [None if weight.grad is None else weight.grad.tolist() for weight in network.parameters()],
        [weight.requires_grad for weight in network.parameters()],
        [getattr(module, "inplace", None) for module in network.modules()],
        [len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
         for module in network.modules()],
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    ]  # fmt: skip


@pytest.mark.slow
def test_every_call_works_and_leaves_the_network_as_it_was(
    wrapped: tuple[Classifier, str, int], image_folder: Path
) -> None:
    classifier, layer, field = wrapped
    test = image_folder / "test"
    image = test / "down" / "down_1000.png"
    before = state_of(classifier.network)
    assert features(classifier, layer, data=test).values.shape[0] == 21
    (similar,) = neighbours(classifier, image, layer=layer, k=3, data=test)
    assert len(similar.neighbours) == 3
    assert "down/down_1000.png" not in {near.file for near in similar.neighbours}
    view = unit(classifier, f"{layer}/3", data=test, synthesized=True)
    assert (view.num_images, view.field) == (21, (field, field))
    assert view.synthesized is not None and view.synthesized.activation > view.synthesized.start
    assert map_images(classifier, layer=layer, method="pca", data=test).places.shape == (21, 2)
    decision = inside(classifier, image, data=test).path.decision
    assert decision.total + decision.bias_difference == pytest.approx(decision.logit_difference, abs=1e-4)
    assert edit(classifier, image, "turn").curves[0].amounts[0] == -180.0
    sweep = ablate(classifier, layer, data=test)
    assert [each.unit for each in sweep.units] == [f"{layer}/{n}" for n in range(len(sweep.units))]
    assert ablate_units(classifier, {layer: [3]}, data=test).error == sweep.units[3].error
    assert state_of(classifier.network) == before


@pytest.mark.parametrize(
    "method", ["grad-cam", "hires-cam", "occlusion", "integrated-gradients", "guided-backprop", "deconvolution"]
)
def test_every_kind_of_heat_map_works(wrapped: tuple[Classifier, str, int], image_folder: Path, method: str) -> None:
    pytest.importorskip("captum")
    classifier = wrapped[0]
    before = state_of(classifier.network)
    (each,) = explain(classifier, image_folder / "test" / "down" / "down_1000.png", target="rings", method=method)
    assert each.map.values.shape == (32, 32)
    assert each.map.layer in (("0",) if method == "hires-cam" else ("5", "4.conv2", None))
    assert state_of(classifier.network) == before


def test_grad_cam_equals_the_formula(wrapped: tuple[Classifier, str, int]) -> None:
    """Maps weighed by the mean gradient of the logit, negative sums cut off; Selvaraju et al. 2017."""
    pytest.importorskip("captum")
    classifier, layer, _ = wrapped
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    heat = attribute(classifier, image, "down", layer=layer).values
    network = classifier.network.eval()
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    kept: list[Tensor] = []
    handle = dict(network.named_modules())[layer].register_forward_hook(lambda _m, _i, output: kept.append(output))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (classifier.preprocessing.mean, classifier.preprocessing.std))
    logits = network(((torch.from_numpy(image).permute(2, 0, 1) - mean) / std)[None])
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, 1], kept[0])
    maps = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True).relu()
    expected = nn.functional.interpolate(maps, (32, 32), mode="bilinear")[0, 0].detach().numpy()
    np.testing.assert_allclose(heat, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_measured_fields_equal_the_gradient_of_one_output(name: str) -> None:
    """With positive weights and average pooling, every pixel that is read has a gradient."""
    make, layer, _ = NETWORKS[name]
    network = make().eval().double()
    for path, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            network[int(path)] = nn.AvgPool2d(module.kernel_size)
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    boxes = receptive_boxes(network.float(), layer, 32)
    x = torch.ones(1, 3, 32, 32, requires_grad=True)
    kept: list[Tensor] = []
    handle = dict(network.named_modules())[layer].register_forward_hook(lambda _m, _i, output: kept.append(output))
    network(x)
    handle.remove()
    width = kept[0].shape[3]
    for row, column in ((0, 0), (1, 2), (width - 1, width - 1)):
        (gradient,) = torch.autograd.grad(kept[0][0, 0, row, column], x, retain_graph=True)
        rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
        box = boxes.box(row * width + column)
        assert (int(rows.min()), int(rows.max()) + 1) == box.read_rows
        assert (int(columns.min()), int(columns.max()) + 1) == box.read_columns


class Twice(nn.Module):
    """One convolution that runs twice, on the image and on its mirror image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.conv(view).relu().mean((2, 3)) for view in (x, x.flip(3) * 2)]
        return self.last(torch.cat(parts, 1))


def test_module_that_runs_twice_counts_with_its_largest_output_and_is_off_both_times(image_folder: Path) -> None:
    torch.manual_seed(1)
    classifier = wrap_network(Twice(), CLASSES, size=32)
    test = image_folder / "test"
    view = unit(classifier, "conv/1", data=test)
    images = unit(classifier, "conv/1", data=test, most=21).strips[0].patches
    network = classifier.network
    from alexnet.evaluation.predict import read_image
    from alexnet.inspection.network_layers import network_input

    x = network_input(classifier, [read_image(test / images[0].file, classifier)])
    with torch.no_grad():
        both = [network.conv(part)[0, 1].max() for part in (x, x.flip(3) * 2)]
        assert view.maximum == pytest.approx(float(max(both)), rel=1e-5)
        network.conv.weight[1], network.conv.bias[1] = 0.0, 0.0
        without = ablate_units(classifier, {"conv": []}, data=test).error
    torch.manual_seed(1)
    assert ablate_units(wrap_network(Twice(), CLASSES, size=32), {"conv": [1]}, data=test).error == without


def test_heat_map_of_a_layer_that_runs_twice_is_refused(image_folder: Path) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    with pytest.raises(GeometryError, match="layer conv: runs 2 times in a forward pass"):
        explain(wrap_network(Twice(), CLASSES, size=32), image)
    with pytest.raises(GeometryError, match=r"changes how gradients pass nn\.ReLU modules, and the network has none"):
        explain(wrap_network(Twice(), CLASSES, size=32), image, method="guided-backprop")
    with pytest.raises(RecipeError, match=r"layer conv: only grad-cam and hires-cam look at a layer"):
        explain(wrap_network(Twice(), CLASSES, size=32), image, method="occlusion", layer="conv")


def test_network_without_a_convolution_is_followed_to_its_answer(image_folder: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 8), nn.ReLU(), nn.Linear(8, 3))
    image = image_folder / "test" / "down" / "down_1000.png"
    assert inside(wrap_network(network, CLASSES, size=32), image).draw().axes


def test_network_without_a_convolution_gets_one_line(image_folder: Path) -> None:
    test, image = image_folder / "test", image_folder / "test" / "down" / "down_1000.png"
    classifier = wrap_network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3)), CLASSES, size=32)
    calls: list[Callable[[], object]] = [
        lambda: explain(classifier, image),
        lambda: unit(classifier, "conv1/0", data=test),
        lambda: ablate(classifier, "1", data=test),
    ]
    messages = ("has no convolution", "has no such layer; choose one of 0, 1", "choose a layer with weights before")
    for call, message in zip(calls, messages, strict=True):
        with pytest.raises(GeometryError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
    assert unit(classifier, "1/2", data=test).num_images == 21, "its outputs are units as well"
    assert features(classifier, "1", data=test).values.shape == (21, 3)
    with pytest.raises(DataError, match="has no images of its own; give a folder as data"):
        features(classifier, "1")


class Broken(nn.Module):
    """Fails in the middle of a forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.conv(x)
        raise ZeroDivisionError


def test_network_that_fails_inside_is_found_as_it_was(image_folder: Path) -> None:
    classifier = wrap_network(Broken().train(), CLASSES, size=32)
    test, image = image_folder / "test", image_folder / "test" / "down" / "down_1000.png"
    pixels = np.zeros((32, 32, 3), np.uint8)
    before = state_of(classifier.network)
    calls: list[Callable[[], object]] = [
        lambda: features(classifier, "conv", data=test),
        lambda: unit(classifier, "conv/0", data=test),
        lambda: unit(classifier, "last/0", data=test),
        lambda: inside(classifier, image, data=test),
        lambda: edit(classifier, image),
        lambda: ablate(classifier, "conv", data=test),
        lambda: attribute(classifier, pixels, "down"),
    ]
    for call in calls:
        with pytest.raises(ZeroDivisionError):
            call()
        assert state_of(classifier.network) == before
