"""Heat maps and their test on a network whose answer depends on a colored corner alone, and against torch itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError, RecipeError
from alexnet.inspection import quick_passes
from alexnet.inspection.attribution import METHODS, WARNINGS, AttributionMap, attribute, attribute_all
from alexnet.inspection.faithfulness import check_map
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.model.wrap_network import wrap_network
from alexnet.records import Preprocessing

pytest.importorskip("captum")

PLAIN = Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3)


@pytest.fixture
def random_network() -> Classifier:
    network = AlexNet(VARIANTS["narrow"], size=67, num_classes=3)
    initialize(network, "fan_in", seed=0)
    return Classifier(network.train(), ("a", "b", "c"), PLAIN)


class CornerNetwork(AlexNet):
    """Class `marked` by the mean of the red channel in the upper left sixteenth of the image, and by nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        side = x.shape[-1] // 4
        red = x[:, 0, :side, :side].mean((1, 2))
        return torch.stack([4.0 * red, torch.zeros_like(red)], 1)


def marked_image() -> np.ndarray:
    image = np.random.default_rng(0).integers(90, 166, (67, 67, 3), dtype=np.uint8)
    image[:16, :16] = (255, 0, 255)
    return image


def test_grad_cam_equals_its_formula(random_network: Classifier) -> None:
    image = np.random.default_rng(1).integers(0, 256, (67, 67, 3), dtype=np.uint8)
    heat_map = attribute(random_network, image, "b", layer="conv5")
    network = random_network.network
    assert network.training, "left as found"
    network.eval()
    maps: list[torch.Tensor] = []
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    handle = network["conv5"].register_forward_hook(lambda _m, _i, output: maps.append(output))
    logits = network(normalize(torch.from_numpy(image)[None], PLAIN))
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, 1], maps)
    heat = (gradient.mean((2, 3), keepdim=True) * maps[0]).sum(1, keepdim=True).relu()
    expected = F.interpolate(heat, (67, 67), mode="bilinear")[0, 0].detach().numpy()
    np.testing.assert_allclose(heat_map.values, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("method", ["occlusion", "integrated-gradients"])
def test_colored_corner_is_found_and_the_test_confirms_it(method: str) -> None:
    network = CornerNetwork(VARIANTS["narrow"], size=67, num_classes=2)
    initialize(network, "fan_in", seed=0)
    classifier = Classifier(network, ("marked", "plain"), PLAIN)
    heat_map = attribute(classifier, marked_image(), "marked", method=method)  # type: ignore[arg-type]
    corner = heat_map.values[:22, :22].sum() / heat_map.values.sum()
    assert corner > 0.8
    result = check_map(classifier, heat_map)
    assert result.says_something
    assert "points at what the network uses" in str(result)
    assert result.own.score > result.best_random.score > 0 or result.own.score > result.blob.score
    assert result.own.deletion < result.random.deletion


@pytest.mark.parametrize("against", [None, "c"])
@pytest.mark.parametrize("is_rounded", [False, True])
def test_scores_are_means_over_images_covered_cell_by_cell(
    random_network: Classifier, against: str | None, is_rounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_passes, "has_fast_bfloat16", lambda: is_rounded)
    draw = np.random.default_rng(2)
    image = draw.integers(0, 256, (67, 67, 3), dtype=np.uint8)
    heat_map = AttributionMap("grad-cam", "conv5", "b", image, draw.random((67, 67), np.float32), against=against)
    result = check_map(random_network, heat_map)

    heat = F.adaptive_avg_pool2d(torch.from_numpy(heat_map.values.astype(np.float32))[None], 12)[0].numpy()
    cell = np.arange(67) * 12 // 67
    x = normalize(torch.from_numpy(image)[None], PLAIN)
    classes = [1] if against is None else [1, 2]
    curves = []
    for delete in (True, False):
        curve = []
        for count in range(0, 145, 12):
            first = np.zeros(144, bool)
            first[np.argsort(-heat.ravel())[:count]] = True
            at_pixel = torch.from_numpy(first.reshape(12, 12)[np.ix_(cell, cell)])
            covered = torch.where(at_pixel == delete, 0.0, x)
            logits = random_network.network.eval()(covered)[0].detach()
            curve.append(logits.softmax(0)[1] if against is None else logits[classes].softmax(0)[0])
        curves.append(float(np.mean(curve)))
    assert (result.own.deletion, result.own.insertion) == pytest.approx(
        tuple(curves), abs=1e-3 if is_rounded else 1e-6
    )
    assert result.random.score == pytest.approx(0.0, abs=1e-12)
    assert result.best_random.score > 0.0


def test_map_that_points_elsewhere_says_nothing() -> None:
    network = CornerNetwork(VARIANTS["narrow"], size=67, num_classes=2)
    initialize(network, "fan_in", seed=0)
    classifier = Classifier(network, ("marked", "plain"), PLAIN)
    heat_map = attribute(classifier, marked_image(), "marked", method="occlusion")
    elsewhere = type(heat_map)(
        "occlusion", None, "marked", heat_map.image, np.ascontiguousarray(heat_map.values[::-1, ::-1])
    )
    result = check_map(classifier, elsewhere)
    assert not result.says_something
    assert "no better than" in str(result)
    assert "with random weights" not in str(replace(result, similarity=0.79))
    assert "with random weights it is much the same (correlation 0.96)" in str(replace(result, similarity=0.96))


@pytest.mark.parametrize("method", ["grad-cam", "guided-backprop", "deconvolution"])
def test_network_is_left_as_found_by_every_method(random_network: Classifier, method: str) -> None:
    network = random_network.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    heat_map = attribute(random_network, marked_image(), "a", method=method)  # type: ignore[arg-type]
    check_map(random_network, heat_map)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert network.training
    assert all(not module._forward_hooks and not module._backward_hooks for module in network.modules())
    assert all(module.inplace for module in network.modules() if isinstance(module, torch.nn.ReLU))
    assert (heat_map.warning or "").startswith("each place" if method == "grad-cam" else method.split("-")[0])


def test_what_does_not_exist_is_named(random_network: Classifier) -> None:
    image = marked_image()
    with pytest.raises(RecipeError, match="class d: is not a class of this network; choose one of a, b, c"):
        attribute(random_network, image, "d")
    with pytest.raises(RecipeError, match="method magic: choose one of grad-cam"):
        attribute(random_network, image, "a", method="magic")  # type: ignore[arg-type]
    with pytest.raises(GeometryError, match="pool1: grad-cam needs a convolutional layer"):
        attribute(random_network, image, "a", layer="pool1")
    with pytest.raises(GeometryError, match=r"give uint8 \[67, 67, 3\]"):
        attribute(random_network, image[:60, :60], "a")


@pytest.mark.parametrize("method", METHODS)
def test_many_images_at_once_give_the_maps_of_each_alone(
    random_network: Classifier, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.inspection.attribution.TOGETHER", 2)
    size = random_network.preprocessing.size
    images = list(np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8))
    targets, others = ["a", "b", "c"], [None] * 3 if method in WARNINGS else ["b", None, "a"]
    maps = attribute_all(random_network, images, targets, method=method, against=others)
    for image, target, other, together in zip(images, targets, others, maps, strict=True):
        alone = attribute(random_network, image, target, method=method, against=other)
        assert (together.target, together.against, together.layer) == (target, other, alone.layer)
        assert alone.values.max() > 0.0
        np.testing.assert_allclose(together.values, alone.values, atol=1e-5 * alone.values.max())


@pytest.mark.parametrize(("size", "most"), [(67, 32), (224, 5)])
def test_fewer_large_images_pass_at_once_so_that_the_memory_stays_small(size: int, most: int) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    passed: list[int] = []
    network.register_forward_pre_hook(lambda _module, inputs: passed.append(len(inputs[0])))
    classifier = wrap_network(network, ["a", "b", "c", "d"], size=size)
    images = [np.full((size, size, 3), 9, np.uint8)] * 34
    assert len(attribute_all(classifier, images, ["a"] * 34)) == 34
    assert (max(passed), sum(passed)) == (most, 34)


def test_one_class_rather_than_another_is_the_map_of_the_difference(random_network: Classifier) -> None:
    """Grad-CAM is linear in the gradient before its negative sums are cut off."""
    image = np.random.default_rng(1).integers(0, 256, (67, 67, 3), dtype=np.uint8)
    network = random_network.network.eval()
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    maps: list[torch.Tensor] = []
    handle = network["conv5"].register_forward_hook(lambda _m, _i, output: maps.append(output))
    logits = network(normalize(torch.from_numpy(image)[None], PLAIN))
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, 1] - logits[0, 2], maps)
    heat = (gradient.mean((2, 3), keepdim=True) * maps[0]).sum(1, keepdim=True).relu()
    expected = F.interpolate(heat, (67, 67), mode="bilinear")[0, 0].detach().numpy()
    shown = attribute(random_network, image, "b", layer="conv5", against="c")
    np.testing.assert_allclose(shown.values, expected, rtol=1e-4, atol=1e-7)
    assert shown.against == "c"
    with pytest.raises(RecipeError, match="against b: choose another class than b: a, c"):
        attribute(random_network, image, "b", against="b")
    with pytest.raises(RecipeError, match="guided-backprop: explains one class alone"):
        attribute(random_network, image, "b", against="c", method="guided-backprop")


@pytest.mark.parametrize("method", ["occlusion", "integrated-gradients"])
def test_corner_speaks_for_marked_rather_than_plain_and_not_the_reverse(method: str) -> None:
    network = CornerNetwork(VARIANTS["narrow"], size=67, num_classes=2)
    initialize(network, "fan_in", seed=0)
    classifier = Classifier(network, ("marked", "plain"), PLAIN)
    image = marked_image()
    towards = attribute(classifier, image, "marked", method=method, against="plain")  # type: ignore[arg-type]
    assert towards.values[:22, :22].sum() > 0.9 * towards.values.sum() > 0.0
    assert check_map(classifier, towards).says_something
    away = attribute(classifier, image, "plain", method=method, against="marked")  # type: ignore[arg-type]
    assert away.values[:14, :14].max() < 0.1 * towards.values.max()


def test_hires_cam_lands_on_the_place_that_the_last_layer_reads_where_a_mean_gradient_does_not() -> None:
    network = nn.Sequential(nn.Conv2d(3, 1, 8, 8), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        network[0].weight.fill_(0.01)
        network[3].weight[0] = -1.0
        network[3].weight[0, 3] = 1.0  # the upper right of 4 x 4 places
    classifier = wrap_network(network.requires_grad_(False), ["marked", "plain"], size=32, mean=(0.0,) * 3)
    image = np.full((32, 32, 3), 200, np.uint8)
    empty = attribute(classifier, image, "marked")
    assert empty.is_empty
    test = check_map(classifier, empty)
    assert str(test) == "this map says nothing: no pixel supports the class" and not test.says_something
    heat = attribute(classifier, image, "marked", method="hires-cam")
    assert heat.layer == "0"
    assert (heat.values[:4, 28:] > 0.99 * heat.values.max()).all()
    assert heat.values[12:].sum() == heat.values[:, :19].sum() == 0.0
    outputs = network[0](normalize(torch.from_numpy(image)[None], classifier.preprocessing))
    assert heat.values.max() == pytest.approx(float(outputs[0, 0, 0, 3]), rel=1e-5), "activation times gradient"
    reverse = attribute(classifier, image, "marked", method="hires-cam", against="plain")
    assert not np.array_equal(reverse.values, heat.values)


def test_hires_cam_lies_where_the_receptive_fields_are(random_network: Classifier) -> None:
    image = np.random.default_rng(1).integers(0, 256, (67, 67, 3), dtype=np.uint8)
    heat = attribute(random_network, image, "b", method="hires-cam")
    assert heat.layer == "conv1"
    network = random_network.network.eval()
    x = normalize(torch.from_numpy(image)[None], PLAIN)
    kept: list[torch.Tensor] = []
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    handle = network["conv1"].register_forward_hook(lambda _m, _i, output: kept.append(output))
    logits = network(x)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, 1], kept)
    expected = (gradient * kept[0]).sum(1)[0].relu().detach().numpy()
    places = np.arange(15) * 4 + 5  # the middle of 11 px, every 4 px
    np.testing.assert_allclose(heat.values[np.ix_(places, places)], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("size", "is_coarse"), [(67, True), (224, False)])
def test_grad_cam_of_places_that_see_the_whole_image_says_so(size: int, is_coarse: bool) -> None:
    network = AlexNet(VARIANTS["narrow"], size=size, num_classes=3)
    initialize(network, "fan_in", seed=0)
    classifier = Classifier(network, ("a", "b", "c"), replace(PLAIN, size=size))
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    warning = attribute(classifier, image, "a").warning
    assert (warning is not None and "each place of conv5 sees the whole image" in warning) is is_coarse
    assert attribute(classifier, image, "a", layer="conv1").warning is None
