"""Weights from elsewhere: matched to layers, partly loaded, reported, refused."""

import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from alexnet.data.decode import decode_image, normalize
from alexnet.errors import WeightsError
from alexnet.inspection.recording import recorded
from alexnet.model.alexnet import AlexNet
from alexnet.model.specs import Conv
from alexnet.model.variants import VARIANTS
from alexnet.model.weights import fitting_variant, layer_weights, load_weights, read_weights
from alexnet.records import Preprocessing

SMALL = {"conv1.weight": torch.ones(96, 3, 11, 11), "conv1.bias": torch.zeros(96)}


def network(variant: str = "seminar", size: int = 67, num_classes: int = 3) -> AlexNet:
    return AlexNet(VARIANTS[variant], size=size, num_classes=num_classes)


@pytest.fixture(scope="module")
def imagenet_like() -> dict[str, torch.Tensor]:
    """A state dict with torchvision's keys and shapes for 1000 classes."""
    torch.manual_seed(0)
    return network("torchvision", 224, 1000).state_dict()


@pytest.mark.slow
def test_pretrained_torchvision_keeps_all_but_the_last_layer_at_96_px(imagenet_like: dict[str, torch.Tensor]) -> None:
    small = network("torchvision", 96, 8)
    report = load_weights(small, imagenet_like, "file")
    assert report.loaded == ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
    assert report.left == {"fc8": "[1000, 4096] in the file, [8, 4096] in the network"}
    assert torch.equal(small["fc6"].weight, imagenet_like["classifier.1.weight"])  # type: ignore[arg-type]
    assert "fc8 keeps its initial weights: [1000, 4096] in the file" in str(report)
    assert fitting_variant(imagenet_like) is VARIANTS["torchvision"]


def test_shape_that_fits_nowhere_names_both() -> None:
    tensors = {"conv1.weight": torch.ones(96, 3, 7, 7)}
    with pytest.raises(WeightsError, match=r"conv1 is \[96, 3, 7, 7\] in the file, \[96, 3, 11, 11\] in the network"):
        load_weights(network(), tensors, "file")


def test_weights_of_another_variant_name_it(imagenet_like: dict[str, torch.Tensor]) -> None:
    with pytest.raises(WeightsError, match="choose --set variant=torchvision"):
        load_weights(network(), imagenet_like, "file")


def test_refused_weights_leave_nothing_named_at_all() -> None:
    with pytest.raises(WeightsError, match="no layer fits"):
        load_weights(network(), {"encoder.weight": torch.ones(3, 3, 3)}, "file")


def test_layers_without_telling_names_are_told_apart_by_number() -> None:
    tensors = {f"features.{i}.weight": torch.ones(1, 1, 1, 1) * i for i in (10, 0, 3, 8, 6)}
    tensors |= {f"classifier.{i}.weight": torch.ones(1, 1) * i for i in (6, 1, 4)}
    result = {name: weight.item() for name, (weight, _) in layer_weights(tensors).items()}
    assert result == {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10, "fc6": 1, "fc7": 4, "fc8": 6}


def linear_chain(*sizes: int) -> list[torch.Tensor]:
    return [torch.full((outputs, inputs), float(outputs)) for inputs, outputs in pairwise(sizes)]


@pytest.mark.parametrize(
    "names",
    [
        ("fc6", "fc7", "fc8"),
        ("fc1", "fc2", "fc3"),
        ("fc0", "fc1", "fc2"),
        ("model.FC_1", "model.FC_2", "model.FC_3"),
        ("classifier.1", "classifier.4", "classifier.6"),
        ("fc.1", "fc1.1", "fc2.0"),
        ("head.second_to_last", "head.last", "head.after"),  # in the order of the file
        ("linear", "linear1", "linear2"),
    ],
)
def test_fully_connected_layers_of_any_name_are_recognized(names: tuple[str, str, str]) -> None:
    tensors = {f"{name}.weight": weight for name, weight in zip(names, linear_chain(9, 7, 5, 3), strict=True)}
    result = {name: weight.shape[0] for name, (weight, _) in layer_weights(tensors).items()}
    assert result == {"fc6": 7, "fc7": 5, "fc8": 3}


def test_numbers_in_names_decide_where_the_order_of_the_file_cannot() -> None:
    one, two, three = linear_chain(9, 7, 5, 3)
    tensors = {"layer.10.weight": three, "layer.9.weight": two, "layer.2.weight": one}
    assert {name: weight.shape[0] for name, (weight, _) in layer_weights(tensors).items()} == {
        "fc6": 7, "fc7": 5, "fc8": 3,
    }  # fmt: skip


def test_convolutions_are_recognized_by_their_order_in_the_file() -> None:
    shapes = [(96, 3, 11, 11), (256, 96, 5, 5), (384, 256, 3, 3), (384, 384, 3, 3), (256, 384, 3, 3)]
    names = ["stem.0", "layers.b.conv", "layers.a.conv", "tail.conv", "end"]
    tensors = {f"{name}.weight": torch.zeros(shape) for name, shape in zip(names, shapes, strict=True)}
    assert fitting_variant(tensors) is VARIANTS["seminar"]


def test_every_tensor_that_no_layer_uses_is_named() -> None:
    more = {f"extra_{i}": torch.ones(1) for i in range(9)}
    tensors = {**SMALL, "conv1.step": torch.tensor(3.0), "fc9.weight": torch.ones(2, 2), **more}
    report = load_weights(network(), tensors, "file")
    assert report.loaded == ("conv1",)
    assert report.unused == ("conv1.step", "fc9.weight", *more)
    assert "; not used: conv1.step, fc9.weight, extra_0, extra_1" in str(report)
    assert str(report).endswith("extra_5 and 3 more")


def test_mean_image_of_a_run_is_no_layers_but_expected() -> None:
    report = load_weights(network(), {**SMALL, "mean_image": torch.zeros(3, 67, 67)}, "file")
    assert report.unused == ()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"features.1.weight": torch.ones(96), "features.1.running_mean": torch.ones(96)}, r"\(features\.1\)"),
        (
            {"bn.running_var": torch.ones(96)},
            r"has normalization layers, or similar ones, that seminar does not have \(bn\)",
        ),
        ({"prelu.weight": torch.ones(1)}, r"\(prelu\); give weights of a network without them"),
        (
            {"conv6.weight": torch.ones(8, 256, 3, 3)},
            r"has convolutional layers that seminar does not have \(conv6\)",
        ),
    ],
)
def test_weights_that_need_other_layers_are_refused(more: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_weights(network(), SMALL | more, "file")


@pytest.mark.parametrize(("part", "value"), [("weight", torch.nan), ("bias", torch.inf)])
def test_weights_that_are_no_numbers_are_named(part: str, value: float) -> None:
    tensors = {name: tensor.clone() for name, tensor in SMALL.items()}
    tensors[f"conv1.{part}"].view(-1)[5] = value
    with pytest.raises(WeightsError, match=rf"file: conv1\.{part} has 1 values that are not finite numbers \(NaN"):
        load_weights(network(), tensors, "file")


def test_real_kernels_fit_the_caffe_variant(shared_data: Path) -> None:
    tensors = read_weights(shared_data / "weights" / "caffe_alexnet_conv_q7.npz")
    assert fitting_variant(tensors) is VARIANTS["caffe"]
    report = load_weights(network("caffe", 96, 8), tensors, "file")
    assert report.loaded == ("conv1", "conv2", "conv3", "conv4", "conv5")
    with pytest.raises(WeightsError, match=r"conv2 is \[256, 48, 5, 5\] in the file, \[256, 96, 5, 5\]"):
        load_weights(network("seminar"), tensors, "file")


@pytest.mark.slow
def test_reference_activations_of_the_original_program_are_reproduced(shared_data: Path) -> None:
    """CaffeNet's conv1 and conv2 on one image: our convolution, pooling and normalization against Caffe's."""
    tensors = read_weights(shared_data / "weights" / "caffenet_conv12_float.npz")
    with np.load(shared_data / "weights" / "caffenet_reference_activations.npz") as arrays:
        reference = {name: torch.from_numpy(np.array(arrays[name])).double() for name in arrays.files}
    caffenet = network("caffenet", 227, 10).double()  # float32 adds its own 1e-3 at pool1, whose range is 1520
    load_weights(caffenet, {k: v for k, v in tensors.items() if k.startswith(("conv1", "conv2"))}, "file")
    with recorded(caffenet, ["pool1", "norm1", "relu2", "norm2"]) as ours:
        caffenet(reference["input"].reshape(1, 3, 227, 227))
    for name, layer in {"pool1": "pool1", "norm1": "norm1", "conv2": "relu2", "norm2": "norm2"}.items():
        expected = reference[name].reshape(ours[layer][0].shape)
        torch.testing.assert_close(ours[layer][0], expected, rtol=0, atol=1e-3, msg=name)


@pytest.mark.slow
def test_caffe_kernels_on_real_images_equal_an_independent_computation(shared_data: Path) -> None:
    """Image to pool5 in float64 with SciPy's correlation, NumPy's maxima and sums of squares, layer by layer."""
    tensors = read_weights(shared_data / "weights" / "caffe_alexnet_conv_q7.npz")
    caffe = network("caffe", 95, 8).double()
    load_weights(caffe, tensors, "file")
    with tarfile.open(shared_data / "natural8.tar") as archive:
        member = next(m for m in archive if m.isreg() and "test/cat/" in m.name)
        files = [archive.extractfile(member)]
        plain = Preprocessing(95, "squash", True, "BGR", (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
        pixels = [decode_image(file.read(), plain) for file in files if file]
    entry = normalize(torch.from_numpy(np.stack(pixels)), plain).double()
    convs = ["conv1", "conv2", "conv3", "conv4", "conv5"]
    with recorded(caffe, ["pool5", *convs]) as ours:
        caffe(entry)
    for number, image in enumerate(entry.numpy()):
        maps = image
        for layer in convs:
            spec = next(s for s in VARIANTS["caffe"].features if s.name == layer)
            maps = correlate_by_scipy(maps, tensors, spec)
            np.testing.assert_allclose(ours[layer][number].numpy(), maps, atol=1e-6)
            maps = maps.clip(0)
            if layer in ("conv1", "conv2"):
                maps = max_by_numpy(normalize_by_numpy(maps))
        np.testing.assert_allclose(ours["pool5"][number].numpy(), max_by_numpy(maps), atol=1e-6)
        assert maps.max() > 1, "the kernels respond"


def correlate_by_scipy(maps: np.ndarray, tensors: dict[str, torch.Tensor], spec: Conv) -> np.ndarray:
    weights, bias = tensors[f"{spec.name}.weight"].double().numpy(), tensors[f"{spec.name}.bias"].double().numpy()
    padded = np.pad(maps, ((0, 0), (spec.padding,) * 2, (spec.padding,) * 2))
    share, per_group = weights.shape[1], spec.out_channels // spec.groups
    result = []
    for number, kernel in enumerate(weights):
        first = number // per_group * share
        whole = signal.correlate(padded[first : first + share], kernel, mode="valid", method="direct")[0]
        result.append(whole[:: spec.stride, :: spec.stride] + bias[number])
    return np.stack(result)


def normalize_by_numpy(maps: np.ndarray) -> np.ndarray:
    padded = np.pad(maps**2, ((2, 2), (0, 0), (0, 0)))
    return maps / (1 + 1e-4 / 5 * sum(padded[i : i + len(maps)] for i in range(5))) ** 0.75


def max_by_numpy(maps: np.ndarray) -> np.ndarray:
    """Windows of 3 px in steps of 2; the last may hang over the edge."""
    length = -(-(maps.shape[1] - 3) // 2) + 1
    rows = [[maps[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((1, 2)) for j in range(length)] for i in range(length)]
    return np.array(rows).transpose(2, 0, 1)


def test_bias_of_another_shape_is_named() -> None:
    tensors = {**SMALL, "conv1.bias": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"conv1 is of the right shape, but its bias is \[1\]"):
        load_weights(network(), tensors, "file")
