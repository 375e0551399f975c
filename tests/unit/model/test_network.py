"""Tables and the networks built from them, against torch layers and published counts."""

import pytest
import torch
from torch import nn

from alexnet.errors import GeometryError, RecipeError
from alexnet.layers.dropout import ClassicDropout, Dropout
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
    [
        ("torchvision", 224, 61_100_840),
        ("caffe", 227, 60_965_224),
        ("caffenet", 227, 60_965_224),
        ("seminar", 227, 62_378_344),
        ("paper", 224, 60_965_224),
        ("program", 224, 60_965_224),
        ("one-gpu", 224, 59_798_312),
    ],
)
def test_parameters_equal_the_published_counts(variant: str, size: int, parameters: int) -> None:
    assert summarize(variant, size=size, num_classes=1000).parameters == parameters
    assert sum(p.numel() for p in build(variant, size, 1000).parameters()) == parameters


WITH_TOWERS = {  # layer: parameters, multiply-adds, receptive field; worked out by hand from §3.5
    "conv1": (34_944, 105_415_200, 11),  # 55² x 96 x 363
    "conv2": (307_456, 223_948_800, 51),  # 27² x 256 x 1200
    "conv3": (885_120, 149_520_384, 99),  # 13² x 384 x 2304
    "conv4": (663_936, 112_140_288, 131),  # 13² x 384 x 1728
    "conv5": (442_624, 74_760_192, 163),  # 13² x 256 x 1728
    "fc6": (37_752_832, 37_748_736, None),
    "fc7": (16_781_312, 16_777_216, None),
    "fc8": (4_097_000, 4_096_000, None),
}
ONE_TOWER = WITH_TOWERS | {  # 48, 128, 192, 192 and 256 kernels
    "conv1": (17_472, 52_707_600, 11),
    "conv2": (153_728, 111_974_400, 51),
    "conv3": (221_376, 37_380_096, 99),
    "conv4": (331_968, 56_070_144, 131),
    "conv5": (442_624, 74_760_192, 163),
}
TORCHVISION = {
    "conv1": (23_296, 70_276_800, 11),
    "conv2": (307_392, 223_948_800, 51),
    "conv3": (663_936, 112_140_288, 99),
    "conv4": (884_992, 149_520_384, 131),
    "conv5": (590_080, 99_680_256, 163),
    "fc6": (37_752_832, 37_748_736, None),
    "fc7": (16_781_312, 16_777_216, None),
    "fc8": (4_097_000, 4_096_000, None),
}
SEMINAR_96 = {  # the talk's network: 96 px, 8 classes; 22, 10 and 4 px maps
    "conv1": (34_944, 16_866_432, 11),
    "conv2": (614_656, 61_440_000, 51),
    "conv3": (885_120, 14_155_776, 99),
    "conv4": (1_327_488, 21_233_664, 131),
    "conv5": (884_992, 14_155_776, 163),
    "fc6": (1_052_672, 1_048_576, None),
    "fc7": (16_781_312, 16_777_216, None),
    "fc8": (32_776, 32_768, None),
}


@pytest.mark.parametrize(
    ("variant", "size", "classes", "golden"),
    [
        ("paper", 224, 1000, WITH_TOWERS),
        ("program", 224, 1000, WITH_TOWERS),
        ("caffe", 227, 1000, WITH_TOWERS),
        ("caffenet", 227, 1000, WITH_TOWERS),
        ("one-gpu", 224, 1000, ONE_TOWER),
        ("torchvision", 224, 1000, TORCHVISION),
        ("seminar", 96, 8, SEMINAR_96),
    ],
)
def test_golden_table(variant: str, size: int, classes: int, golden: dict[str, tuple[int, int, int | None]]) -> None:
    rows = summarize(variant, size=size, num_classes=classes).layers
    result = {row.name: (row.parameters, row.multiply_adds, row.receptive_field) for row in rows if row.kernel}
    assert result == golden


@pytest.mark.parametrize(("variant", "size"), [("paper", 224), ("program", 224), ("caffe", 227)])
def test_neurons_of_the_paper_come_out(variant: str, size: int) -> None:
    """650,000 in the abstract. Figure 2's caption gives 253,440 for layer 1; 55 x 55 x 96 = 290,400 adds up."""
    summary = summarize(variant, size=size, num_classes=1000)
    assert summary.activations == 659_272
    first = next(row for row in summary.layers if row.name == "conv1").output
    assert first[0] * first[1] * first[2] == 290_400
    assert summary.activations - 290_400 + 253_440 == 622_312


MAPS = {  # size: conv1, pool1, pool2, pool5 by the 2012 program (rounding up, no padding)
    63: (14, 7, 3, 1), 64: (15, 7, 3, 1), 96: (23, 11, 5, 2), 128: (31, 15, 7, 3), 224: (55, 27, 13, 6),
    227: (55, 27, 13, 6),
}  # fmt: skip


@pytest.mark.parametrize("variant", ["paper", "program", "one-gpu"])
@pytest.mark.parametrize("size", MAPS)
def test_maps_are_as_large_as_in_2012(variant: str, size: int) -> None:
    rows = {row.name: row.output for row in VARIANTS[variant].geometry(size, 8)}
    assert tuple(rows[name][1] for name in ("conv1", "pool1", "pool2", "pool5")) == MAPS[size]


def test_rounding_up_lays_zeros_on_the_far_side() -> None:
    """conv1 at 224 px equals the same kernels on an image of 227 px whose last three rows and columns are 0."""
    network = AlexNet(VARIANTS["paper"], size=224, num_classes=2)
    x = torch.randn(1, 3, 224, 224)
    larger = torch.nn.functional.pad(x, (0, 3, 0, 3))
    plain = torch.nn.functional.conv2d(larger, network["conv1"].weight, network["conv1"].bias, stride=4)
    torch.testing.assert_close(network["conv1"](x), plain)
    assert plain.shape[2:] == (55, 55)


def test_paper_and_program_are_in_the_order_of_their_sources() -> None:
    order = {name: [layer.name for layer in VARIANTS[name].features[:9]] for name in ("paper", "program")}
    assert order["paper"] == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2", "conv3"]
    assert order["program"] == ["conv1", "norm1", "pool1", "relu1", "conv2", "relu2", "norm2", "mapnorm2", "pool2"]
    assert [layer.name for layer in VARIANTS["caffenet"].features[:4]] == ["conv1", "relu1", "pool1", "norm1"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_number_of_a_table_has_a_source(variant: str) -> None:
    spec = VARIANTS[variant]
    for part in (*spec.layers, spec.inputs):
        assert [name for name in part.values() if not part.source_of(name)] == [], part


def test_towers_do_not_see_each_other() -> None:
    """The first half of conv2's maps stays as it is when the second half of its input changes; not so in conv3."""
    network = AlexNet(VARIANTS["program"], size=67, num_classes=2)
    x, y = torch.randn(1, 96, 7, 7), None
    y = x.clone()
    y[:, 48:] += 1
    first, second = network["conv2"](x), network["conv2"](y)
    assert torch.equal(first[:, :128], second[:, :128])
    assert not torch.equal(first[:, 128:], second[:, 128:])
    assert (network["conv3"].groups, network["conv4"].groups, network["conv5"].groups) == (1, 2, 2)


@pytest.mark.parametrize(
    ("variant", "switches", "expected"),
    [
        ("paper", {"activation": "tanh"}, {"relu1": "Tanh()", "relu7": "Tanh()"}),
        ("paper", {"lrn": "divided"}, {"norm1": "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"}),
        ("seminar", {"lrn": "undivided"},
         {"norm2": "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0, alpha_divided=False)"}),
        ("torchvision", {"lrn": "undivided"},
         {"norm1": "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0, alpha_divided=False)"}),
        ("paper", {"dropout_form": "inverted"}, {"drop6": "Dropout(p=0.5, inplace=False)"}),
        ("torchvision", {"dropout_form": "2012"}, {"drop7": "ClassicDropout(rate=0.5)"}),
    ],
)  # fmt: skip
def test_switches_change_layers(variant: str, switches: dict[str, object], expected: dict[str, str]) -> None:
    network = AlexNet(get_variant(variant, **switches), size=96, num_classes=3)
    assert {name: repr(network[name]) for name in expected} == expected
    assert network.spec.switches == switches


def test_switches_take_away_and_move_layers() -> None:
    off = get_variant("program", lrn="off")
    assert not [layer.name for layer in off.layers if "norm" in layer.name]
    flat = get_variant("paper", pooling="2/2")
    assert {(p.kernel_size, p.stride) for p in flat.features if p.name.startswith("pool")} == {(2, 2)}
    names = [layer.name for layer in get_variant("torchvision", dropout_place="after").classifier]
    assert names == ["fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]
    names = [layer.name for layer in get_variant("paper", dropout_place="before").classifier]
    assert names == ["drop6", "fc6", "relu6", "drop7", "fc7", "relu7", "fc8"]
    one = get_variant("program", towers=False)
    assert {layer.groups for layer in one.features if hasattr(layer, "groups")} == {1}
    assert sum(row.parameters for row in one.geometry(227, 1000)) == 62_378_344


@pytest.mark.parametrize("switches", [{"activation": "step"}, {"pooling": "5/1"}, {"lrn": "on"}])
def test_switch_that_is_not_there_is_named(switches: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match="choose one of"):
        get_variant("paper", **switches)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_masks_as_often_and_scales_as_torch_does(dtype: torch.dtype) -> None:
    layer, x = Dropout(0.75), torch.ones(40_000, dtype=dtype, requires_grad=True)
    y = layer(x)
    assert set(y.tolist()) == {0.0, 4.0}
    assert (y == 0).double().mean().item() == pytest.approx(0.75, abs=0.02)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())
    assert torch.equal(layer.eval()(x), x)
    for rate in (0.0, 1.0):
        assert set(Dropout(rate)(x).tolist()) == {1.0 - rate}


def test_classic_dropout_masks_while_training_and_scales_in_testing() -> None:
    layer, x = ClassicDropout(0.25), torch.ones(20_000)
    torch.manual_seed(0)
    masked = layer(x)
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert masked.mean().item() == pytest.approx(0.75, abs=0.02)
    assert torch.equal(layer.eval()(x), x * 0.75)


def test_mean_image_is_subtracted_from_every_input() -> None:
    network = AlexNet(VARIANTS["paper"], size=64, num_classes=2, mean_image=True).eval()
    x, mean = torch.randn(2, 3, 64, 64), torch.randn(3, 64, 64)
    plain = network(x - mean)
    network.mean_image.copy_(mean)
    torch.testing.assert_close(network(x), plain)
    network.mean_image.fill_(2.0)
    larger = torch.randn(1, 3, 100, 100)
    torch.testing.assert_close(network.first_input(larger), larger - 2.0)
    network.mean_image = None
    assert network.first_input(x) is x


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


@pytest.mark.slow
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


def test_too_small_images_name_the_layer() -> None:
    with pytest.raises(GeometryError, match=r"66 px are too small at pool5 .*; use a larger size"):
        summarize("seminar", size=66)
    assert VARIANTS["seminar"].smallest_size() == 67
    assert VARIANTS["torchvision"].smallest_size() == 63


def test_unknown_variant_lists_those_there_are() -> None:
    with pytest.raises(RecipeError, match=f"of {', '.join(VARIANTS)}"):
        get_variant("resnet")


@pytest.mark.slow
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
def test_initial_weights_have_the_std_of_the_scheme(scheme: str, conv2: float, fc7: float) -> None:
    network = AlexNet(VARIANTS["seminar"], size=67, num_classes=3)
    initialize(network, scheme, seed=0)
    assert network["conv2"].weight.std().item() == pytest.approx(conv2, rel=0.02)  # type: ignore[union-attr,operator]
    assert network["fc7"].weight.std().item() == pytest.approx(fc7, rel=0.02)  # type: ignore[union-attr,operator]
    assert network["conv5"].bias.abs().max() == 0  # type: ignore[union-attr,operator]


@pytest.mark.slow
def test_empty_network_is_filled_as_any_other_and_leaves_torchs_stream_alone() -> None:
    before = torch.get_rng_state()
    made = AlexNet.empty(VARIANTS["paper"], size=67, num_classes=3, mean_image=True)
    assert torch.equal(torch.get_rng_state(), before)
    usual = AlexNet(VARIANTS["paper"], size=67, num_classes=3, mean_image=True)
    for network in (made, usual):
        initialize(network, "table", seed=5)
    for name, value in usual.state_dict().items():
        assert torch.equal(made.state_dict()[name], value), name
