"""Looking inside: right values, and the model left as found."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import feature_maps
from alexnet.inspection.fine_maps import enlarged_maps, strided_maps
from alexnet.inspection.kernels import kernels
from alexnet.inspection.recording import recorded
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.specs import Activation
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing


def make(variant: str = "seminar", channels: str = "RGB") -> Classifier:
    torch.manual_seed(1)
    network = AlexNet(VARIANTS[variant], size=67, num_classes=3)
    return Classifier(network, ("a", "b", "c"), Preprocessing(67, "squash", True, channels, (9.0,) * 3, (60.0,) * 3))


IMAGE = np.random.default_rng(0).integers(0, 256, (67, 67, 3), dtype=np.uint8)


@pytest.mark.parametrize("layer", ["conv1", "conv3", "conv4", "conv5"])
def test_maps_are_those_of_the_named_layer(layer: str) -> None:
    """conv3, 4 and 5 crashed in the notebook: an index was passed where a layer was meant."""
    classifier = make()
    maps = feature_maps(classifier, IMAGE, layer)
    x = normalize(torch.from_numpy(IMAGE)[None], classifier.preprocessing)
    with torch.no_grad():
        for name, module in classifier.network.named_layers():
            x = module(x)
            if name == layer:
                break
        else:
            raise AssertionError
    np.testing.assert_allclose(maps.before, x[0].numpy(), rtol=1e-4, atol=1e-5)
    assert maps.after is not None
    np.testing.assert_array_equal(maps.after, np.maximum(maps.before, 0))
    assert maps.kernels is not None
    assert len(maps.kernels) == len(maps.before)


def test_maps_name_the_activation_that_follows() -> None:
    spec = VARIANTS["seminar"]
    features = tuple(
        replace(layer, function="leaky_relu") if isinstance(layer, Activation) else layer for layer in spec.features
    )
    network = AlexNet(replace(spec, features=features), size=67, num_classes=3)
    classifier = Classifier(network, ("a", "b", "c"), make().preprocessing)
    for maps in (
        feature_maps(classifier, IMAGE, "conv1"),
        strided_maps(classifier, IMAGE, "conv1", stride=2),
        enlarged_maps(classifier, IMAGE, "conv1"),
    ):
        assert [axes.get_title() for axes in maps.draw([0]).axes[2:4]] == ["before leaky ReLU", "after leaky ReLU"]
        assert "after leaky ReLU" in maps.draw_all().get_suptitle()
    assert feature_maps(make(), IMAGE, "conv1").activation == "ReLU"


def test_first_map_is_a_correlation_with_the_kernel() -> None:
    classifier = make()
    maps, result = feature_maps(classifier, IMAGE, "conv1"), kernels(classifier, "conv1")
    x = normalize(torch.from_numpy(IMAGE)[None], classifier.preprocessing)
    bias = classifier.network["conv1"].bias.detach()  # type: ignore[union-attr,operator]
    expected = F.conv2d(x, torch.from_numpy(result.weights), bias, stride=4)  # type: ignore[arg-type]
    np.testing.assert_allclose(maps.before, expected[0].numpy(), rtol=1e-4, atol=1e-5)


def test_maps_of_pooling_and_norm_have_no_kernels() -> None:
    maps = feature_maps(make(), IMAGE, "norm1")
    assert maps.kernels is None
    assert maps.after is None
    assert maps.strongest(2)[0] == int(maps.before.reshape(96, -1).max(1).argmax())


def test_layer_without_maps_is_refused() -> None:
    with pytest.raises(GeometryError, match="not maps"):
        feature_maps(make(), IMAGE, "fc6")


def test_image_of_another_size_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"uint8 \[67, 67, 3\]"):
        feature_maps(make(), IMAGE[:50, :50], "conv1")


def test_bgr_networks_show_their_kernels_in_rgb() -> None:
    classifier = make("caffe", "BGR")
    stored = classifier.network["conv1"].weight.detach().numpy()  # type: ignore[union-attr,operator]
    np.testing.assert_array_equal(kernels(classifier, "conv1").weights, stored[:, ::-1])
    assert kernels(classifier, "conv2").groups == 2


def test_kernels_are_a_copy() -> None:
    classifier = make()
    kernels(classifier, "conv1").weights[:] = 0
    assert classifier.network["conv1"].weight.abs().max() > 0  # type: ignore[union-attr,operator]


def test_layer_without_kernels_lists_those_with() -> None:
    with pytest.raises(GeometryError, match="choose one of conv1, conv2, conv3, conv4, conv5"):
        kernels(make(), "pool1")


@pytest.mark.parametrize("fails", [False, True])
def test_model_is_left_as_found(fails: bool) -> None:
    network = make().network
    network.train()
    network.features[3].eval()
    network["conv1"].weight.grad = torch.ones_like(network["conv1"].weight)  # type: ignore[arg-type,union-attr]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    random = torch.get_rng_state()
    try:
        with recorded(network, ["conv1", "relu1"]) as outputs:
            network(torch.randn(1, 3, 67, 67, generator=torch.Generator().manual_seed(0)))
            if fails:
                raise ValueError("inside")
    except ValueError:
        assert fails
    assert set(outputs) == {"conv1", "relu1"}
    assert outputs["conv1"].min() < 0, "the ReLU behind it worked on the recorded maps"
    assert [module.training for module in network.modules()] == modes
    assert all(not module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert bool((network["conv1"].weight.grad == 1).all())  # type: ignore[union-attr]
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.is_grad_enabled()
