"""Weights from elsewhere: matched, partly loaded, reported, refused."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from alexnet.errors import WeightsError
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import VARIANTS
from alexnet.model.weights import fitting_variant, layer_weights, load_weights, read_weights

SMALL = {"conv1.weight": torch.ones(96, 3, 11, 11), "conv1.bias": torch.zeros(96)}


def network(variant: str = "seminar", size: int = 67, num_classes: int = 3) -> AlexNet:
    return AlexNet(VARIANTS[variant], size=size, num_classes=num_classes)


@pytest.fixture(scope="module")
def imagenet_like() -> dict[str, torch.Tensor]:
    """A state dict with torchvision's keys and shapes for 1000 classes."""
    torch.manual_seed(0)
    return network("torchvision", 224, 1000).state_dict()


def test_pretrained_torchvision_keeps_all_but_the_last_layer_at_96_px(imagenet_like: dict[str, torch.Tensor]) -> None:
    small = network("torchvision", 96, 8)
    report = load_weights(small, imagenet_like, "file")
    assert report.loaded == ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
    assert report.left == {"fc8": "[1000, 4096] in the file, [8, 4096] in the network"}
    assert torch.equal(small["fc6"].weight, imagenet_like["classifier.1.weight"])  # type: ignore[arg-type]
    assert "fc8 starts anew" in str(report)
    assert fitting_variant(imagenet_like) is VARIANTS["torchvision"]


@pytest.mark.parametrize("ending", [".pth", ".safetensors", ".npz"])
def test_every_kind_of_file_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"w{ending}"
    if ending == ".pth":
        torch.save({"state_dict": SMALL}, path)
    elif ending == ".npz":
        np.savez(path, **{name: value.numpy() for name, value in SMALL.items()})
    else:
        safetensors.torch.save_file(SMALL, path)
    read = read_weights(path)
    assert all(torch.equal(read[name], value) for name, value in SMALL.items())
    assert load_weights(network(), read, "file").loaded == ("conv1",)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "w.pth", tmp_path / "trace"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (trace,))  # type: ignore[return-value]

    torch.save({"x": Evil()}, path)
    with pytest.raises(WeightsError, match="holds more than tensors"):
        read_weights(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("w.pth", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        ("w.pth", b"nonsense", "damaged or no .pth file"),
        ("w.safetensors", b"nonsense", "damaged or no .safetensors file"),
        ("w.npz", b"PK\x03\x04 cut", "damaged or no .npz file"),
        ("w.bin", b"", "of no known kind"),
    ],
)
def test_bad_file_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        read_weights(tmp_path / name)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.pth: no such weight file"):
        read_weights(tmp_path / "gone.pth")


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


def test_layers_are_told_by_order_where_names_do_not_say() -> None:
    tensors = {f"features.{i}.weight": torch.ones(1, 1, 1, 1) * i for i in (10, 0, 3, 8, 6)}
    tensors |= {f"classifier.{i}.weight": torch.ones(1, 1) * i for i in (6, 1, 4)}
    found = {name: weight.item() for name, (weight, _) in layer_weights(tensors).items()}
    assert found == {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10, "fc6": 1, "fc7": 4, "fc8": 6}


def test_real_kernels_fit_the_caffe_variant(shared_data: Path) -> None:
    tensors = read_weights(shared_data / "weights" / "caffe_alexnet_conv_q7.npz")
    assert fitting_variant(tensors) is VARIANTS["caffe"]
    report = load_weights(network("caffe", 96, 8), tensors, "file")
    assert report.loaded == ("conv1", "conv2", "conv3", "conv4", "conv5")
    with pytest.raises(WeightsError, match=r"conv2 is \[256, 48, 5, 5\] in the file, \[256, 96, 5, 5\]"):
        load_weights(network("seminar"), tensors, "file")


def test_reference_activations_of_the_original_program_are_reproduced(shared_data: Path) -> None:
    """CaffeNet's conv1 and conv2 on one picture: our convolution, pooling and normalization against Caffe's."""
    from alexnet.model.lrn import local_response_norm

    tensors = read_weights(shared_data / "weights" / "caffenet_conv12_float.npz")
    with np.load(shared_data / "weights" / "caffenet_reference_activations.npz") as arrays:
        reference = {name: torch.from_numpy(np.array(arrays[name])).float() for name in arrays.files}
    caffe = network("caffe", 227, 10)
    load_weights(caffe, {k: v for k, v in tensors.items() if k.startswith(("conv1", "conv2"))}, "file")
    x = reference["input"].reshape(1, 3, 227, 227)
    with torch.no_grad():
        pool1 = caffe["pool1"](caffe["conv1"](x).relu())  # CaffeNet pools before it normalizes
        norm1 = local_response_norm(pool1, 5, alpha=1e-4, beta=0.75, k=1.0)
        conv2 = caffe["conv2"](norm1).relu()
        norm2 = local_response_norm(caffe["pool2"](conv2), 5, alpha=1e-4, beta=0.75, k=1.0)
    for name, ours in {"pool1": pool1, "norm1": norm1, "conv2": conv2, "norm2": norm2}.items():
        torch.testing.assert_close(ours[0], reference[name].reshape(ours[0].shape), rtol=0, atol=1e-3, msg=name)


def test_odd_npz_files_are_named_or_read_in_part(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3))
    (tmp_path / "a.npy").rename(tmp_path / "renamed.npz")
    with pytest.raises(WeightsError, match=r"damaged or no \.npz file"):
        read_weights(tmp_path / "renamed.npz")
    np.savez(tmp_path / "mixed.npz", words=np.array(["x"]), **{k: v.numpy() for k, v in SMALL.items()})
    assert set(read_weights(tmp_path / "mixed.npz")) == set(SMALL)


def test_bias_of_another_shape_is_named() -> None:
    tensors = {**SMALL, "conv1.bias": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"the bias of conv1 is \[1\]"):
        load_weights(network(), tensors, "file")
