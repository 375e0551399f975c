"""One output written out equals what PyTorch computes, and the named kernel finds its like."""

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.convolution.gallery import named_kernel
from alexnet.errors import GeometryError
from alexnet.inspection.applied_kernel import apply_learned_kernel
from alexnet.inspection.kernel_matching import rank_matches
from alexnet.inspection.layer_trace import trace_layer, trace_module
from alexnet.layers.lrn import LocalResponseNorm
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.variants import get_variant
from alexnet.records import Preprocessing


@pytest.fixture(scope="module", params=["seminar", "caffe"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    torch.manual_seed(0)
    network = AlexNet(get_variant(request.param), size=96, num_classes=3)
    channels = "BGR" if request.param == "caffe" else "RGB"
    preprocessing = Preprocessing(96, "crop", True, channels, (100.0, 110.0, 120.0), (50.0, 51.0, 52.0))
    return Classifier(network, ("a", "b", "c"), preprocessing)


IMAGE = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)


@pytest.mark.parametrize("layer", ["conv1", "norm1", "pool1", "conv2", "conv4", "pool5"])
def test_output_of_a_layer_equals_what_the_network_gives(classifier: Classifier, layer: str) -> None:
    shape = {row.name: row.output for row in classifier.network.spec.geometry(96, 3)}[layer]
    for place in ((0, 0, 0), tuple(side - 1 for side in shape), tuple(side // 2 for side in shape)):
        step = trace_layer(classifier, IMAGE, layer, map=place[0], row=place[1], column=place[2])
        assert step.value == pytest.approx(step.layer_value, rel=1e-4, abs=1e-5)


def test_network_is_left_as_found(classifier: Classifier) -> None:
    classifier.network.train()
    state = torch.random.get_rng_state()
    trace_layer(classifier, IMAGE, "conv1", map=0, row=0, column=0)
    with pytest.raises(GeometryError):
        trace_layer(classifier, IMAGE, "relu1", map=0, row=0, column=0)
    assert classifier.network.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(module._forward_hooks for module in classifier.network.modules())
    classifier.network.eval()


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 3, 2), ((1, 3), (2, 0), (1, 2))])
def test_any_convolution_equals_pytorch(groups: int, stride: object, padding: object, dilation: object) -> None:
    torch.manual_seed(1)
    layer = nn.Conv2d(6, 12, (3, 2), stride, padding, dilation, groups)  # type: ignore[arg-type]
    inputs = torch.randn(6, 9, 11)
    outputs = layer(inputs[None])[0].detach()
    for place in np.ndindex(*outputs.shape):
        step = trace_module(layer, inputs, outputs, "conv", map=place[0], row=place[1], column=place[2])
        assert step.value == pytest.approx(step.layer_value, abs=1e-5)
        assert step.channel_sums.sum() + step.bias == pytest.approx(step.value)


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2, 2),
        nn.MaxPool2d(3, 2),
        nn.MaxPool2d(3, 2, padding=1),
        nn.MaxPool2d(2, 1, dilation=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.LocalResponseNorm(5, 1e-2),
        nn.LocalResponseNorm(4, 1e-2),
        LocalResponseNorm(5, 1e-2, 0.75, 2.0, alpha_divided=False),
    ],
)
def test_any_pooling_and_normalization_equals_pytorch(layer: nn.Module) -> None:
    inputs = torch.randn(7, 8, 8, generator=torch.Generator().manual_seed(2))
    outputs = layer(inputs[None])[0]
    for place in np.ndindex(*outputs.shape):
        step = trace_module(layer, inputs, outputs, "layer", map=place[0], row=place[1], column=place[2])
        assert step.value == pytest.approx(step.layer_value, abs=1e-5)
    assert step.to_dict()["layer"] == "layer"
    assert "by the layer" in step._repr_html_()


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_learned_kernel_summed_over_channels_is_the_layers_map(classifier: Classifier, layer: str) -> None:
    number = classifier.network[layer].out_channels - 1  # type: ignore[union-attr]
    result = apply_learned_kernel(classifier, IMAGE, layer, int(number))  # type: ignore[arg-type]
    np.testing.assert_allclose(result.summed, result.layer_map, rtol=1e-3, atol=1e-4)
    assert len(result.channel_maps) == len(result.weights)


def test_bad_places_and_layers_are_refused(classifier: Classifier) -> None:
    for layer, place, words in (
        ("conv1", (96, 0, 0), "0 to 95"),
        ("fc6", (0, 1, 0), "fc6: has no row 1"),
        ("fc6", (4096, 0, 0), "fc6: has no unit 4096; choose 0 to 4095"),
        ("relu6", (0, 0, 0), "not maps"),
        ("relu1", (0, 0, 0), "ReLU"),
    ):
        with pytest.raises(GeometryError, match=words):
            trace_layer(classifier, IMAGE, layer, map=place[0], row=place[1], column=place[2])
    with pytest.raises(GeometryError, match="kernels 0 to 95"):
        apply_learned_kernel(classifier, IMAGE, "conv1", 96)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_hidden_kernel_is_found_with_its_place_sign_and_scale(sign: int, scale: int) -> None:
    sobel = named_kernel("sobel-y").weights
    weights = np.random.default_rng(0).normal(0, 0.05, (20, 3, 11, 11))
    laid = np.kron(sobel[::-1, ::-1], np.ones((scale, scale)))
    weights[7, :, 2 : 2 + 3 * scale, 0 : 3 * scale] += sign * laid
    best = rank_matches(weights, sobel)[0]
    assert (best.number, best.scale, np.sign(best.correlation)) == (7, scale, sign)
    assert abs(best.correlation) > 0.9
    assert best.shift[0] == round(2 + (3 * scale - 11) / 2)
