"""Tables and the networks built from them, against torch layers and published counts."""

import pytest
import torch
from torch import nn

from alexnet.errors import GeometryError, RecipeError
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.summary import summarize
from alexnet.model.variants import VARIANTS, get_variant

TORCHVISION_SHAPES = {  # torchvision.models.alexnet().state_dict()
    "features.0.weight": (64, 3, 11, 11), "features.0.bias": (64,),
    "features.3.weight": (192, 64, 5, 5), "features.3.bias": (192,),
    "features.6.weight": (384, 192, 3, 3), "features.6.bias": (384,),
    "features.8.weight": (256, 384, 3, 3), "features.8.bias": (256,),
    "features.10.weight": (256, 256, 3, 3), "features.10.bias": (256,),
    "classifier.1.weight": (4096, 9216), "classifier.1.bias": (4096,),
    "classifier.4.weight": (4096, 4096), "classifier.4.bias": (4096,),
    "classifier.6.weight": (1000, 4096), "classifier.6.bias": (1000,),
}  # fmt: skip


def build(variant: str, size: int = 96, num_classes: int = 8) -> AlexNet:
    with torch.device("meta"):
        return AlexNet(VARIANTS[variant], size=size, num_classes=num_classes)


def test_torchvision_variant_has_its_keys_and_shapes() -> None:
    state = build("torchvision", 224, 1000).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == TORCHVISION_SHAPES


@pytest.mark.parametrize(
    ("variant", "size", "parameters"),
    [("torchvision", 224, 61_100_840), ("caffe", 227, 60_965_224), ("seminar", 227, 62_378_344)],
)
def test_parameters_equal_the_published_counts(variant: str, size: int, parameters: int) -> None:
    assert summarize(variant, size=size, num_classes=1000).parameters == parameters
    assert sum(p.numel() for p in build(variant, size, 1000).parameters()) == parameters


def test_caffe_counts_layer_by_layer() -> None:
    rows = {row.name: row.parameters for row in summarize("caffe", size=227, num_classes=1000).layers if row.kernel}
    assert list(rows.values()) == [34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000]


def test_neurons_of_the_paper_come_out() -> None:
    assert summarize("caffe", size=227, num_classes=1000).activations == 659_272


def test_seminar_is_the_talks_network_layer_for_layer() -> None:
    printed = [str(layer) for layer in build("seminar").features]
    assert printed[0] == "Conv2d(3, 96, kernel_size=(11, 11), stride=(4, 4))"
    assert printed[2] == "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"
    assert printed[4] == "Conv2d(96, 256, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
    assert printed[12] == "Conv2d(384, 256, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"
    classifier = [type(layer).__name__ for layer in build("seminar").classifier]
    assert classifier == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    first = build("seminar").classifier[1]
    assert (first.in_features, first.out_features) == (256, 4096)


def test_seminar_forward_equals_plain_torch_layers() -> None:
    network = AlexNet(VARIANTS["seminar"], size=96, num_classes=8).eval()
    plain = [nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0) if "Response" in str(m) else m for m in network.features]
    x = torch.randn(2, 3, 96, 96) * 2
    with torch.no_grad():
        expected = network.classifier(torch.flatten(nn.Sequential(*plain)(x), 1))
        torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [67, 96, 128])
def test_geometry_equals_what_the_network_gives(variant: str, size: int) -> None:
    network = AlexNet(VARIANTS[variant], size=size, num_classes=3).eval()
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_layers():
        layer.register_forward_hook(lambda _m, _i, out, name=name: shapes.__setitem__(name, tuple(out.shape[1:])))
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    for row in summarize(variant, size=size, num_classes=3).layers:
        if len(shapes[row.name]) == len(row.output):
            assert shapes[row.name] == row.output, row.name


def test_layers_by_name_and_by_index_are_the_same() -> None:
    network = build("seminar")
    assert network["conv3"] is network.features[8]
    assert network[0] is network["conv1"]
    assert network[-1] is network["fc8"]
    assert network.layer_names[3] == "pool1"


@pytest.mark.parametrize("key", ["conv9", 99])
def test_layer_that_is_not_there_is_named(key: object) -> None:
    with pytest.raises(GeometryError, match=r"choose one of conv1, relu1"):
        build("seminar")[key]  # type: ignore[index]


def test_too_small_pictures_name_the_layer() -> None:
    with pytest.raises(GeometryError, match="66 px are too small at pool5"):
        summarize("seminar", size=66)
    assert VARIANTS["seminar"].smallest_size() == 67
    assert VARIANTS["torchvision"].smallest_size() == 63


def test_unknown_variant_lists_those_there_are() -> None:
    with pytest.raises(RecipeError, match="choose one of seminar, torchvision, caffe"):
        get_variant("resnet")


def test_start_values_depend_on_the_seed_alone() -> None:
    first, second, other = (AlexNet(VARIANTS["seminar"], size=67, num_classes=3) for _ in range(3))
    state = torch.get_rng_state()
    initialize(first, "fan_in", seed=1)
    initialize(second, "fan_in", seed=1)
    initialize(other, "fan_in", seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first["conv2"].weight, second["conv2"].weight)  # type: ignore[arg-type]
    assert not torch.equal(first["conv2"].weight, other["conv2"].weight)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scheme", "conv2", "fc7"),
    [
        ("seminar", 0.01, (1 / 3 / 4096) ** 0.5),
        ("gaussian", 0.01, 0.01),
        ("fan_in", (2 / 2400) ** 0.5, (2 / 4096) ** 0.5),
    ],
)
def test_start_values_have_the_scheme_s_deviation(scheme: str, conv2: float, fc7: float) -> None:
    network = AlexNet(VARIANTS["seminar"], size=67, num_classes=3)
    initialize(network, scheme, seed=0)
    assert network["conv2"].weight.std().item() == pytest.approx(conv2, rel=0.02)  # type: ignore[union-attr,operator]
    assert network["fc7"].weight.std().item() == pytest.approx(fc7, rel=0.02)  # type: ignore[union-attr,operator]
    assert network["conv5"].bias.abs().max() == 0  # type: ignore[union-attr,operator]
