"""conv1 from patches of the training images: any network, any scale of the input, and images without variation."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.data.batches import gather
from alexnet.data.decode import NORMALIZATIONS, Pixels, normalize
from alexnet.data.split import Subset
from alexnet.inspection.kernel_structure import kernel_structure
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS, get_variant
from alexnet.records import Preprocessing
from alexnet.run_folder import RunFolder
from alexnet.training import patch_start
from alexnet.training.events import Event, Note
from alexnet.training.kernel_cache import KernelCache
from alexnet.training.patch_start import initialize_from_patches, sample_patches
from alexnet.training.train import train
from tests.conftest import draw_stripes, small_recipe

NORMALIZED = Preprocessing(67, "squash", True, "RGB", (120.0, 120.0, 120.0), (60.0, 60.0, 60.0))


def drawn(count: int, size: int = 67) -> Pixels:
    return np.stack([np.asarray(draw_stripes(seed % 3, seed, size)) for seed in range(count)])


def new_network(variant: str = "seminar", size: int = 67, **settings: bool) -> AlexNet:
    network = AlexNet.empty(get_variant(variant), size=size, num_classes=3, **settings)
    initialize(network, "patches", seed=0)
    return network


def conv1(network: AlexNet) -> torch.Tensor:
    return network["conv1"].weight.detach()


def test_kernels_are_structured_and_have_the_norm_of_he() -> None:
    network, pixels = new_network(), drawn(60)
    other_layers = network["conv2"].weight.clone()
    assert initialize_from_patches(network, pixels, np.arange(60), NORMALIZED, seed=0) is None
    assert np.median(kernel_structure(conv1(network).numpy())) > 0.7
    seen = normalize(torch.from_numpy(pixels), NORMALIZED).square().mean().sqrt()
    norms = conv1(network).flatten(1).norm(dim=1) * seen
    torch.testing.assert_close(norms, torch.full((96,), 2**0.5), atol=0.03, rtol=0.0)
    assert torch.equal(network["conv2"].weight, other_layers)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_starts_from_patches(variant: str) -> None:
    network = AlexNet.empty(get_variant(variant), size=96, num_classes=3)
    torch.nn.init.normal_(network["conv1"].weight)
    before = conv1(network).clone()
    preprocessing = dataclasses.replace(NORMALIZED, size=96)
    assert initialize_from_patches(network, drawn(20, 96), np.arange(20), preprocessing, seed=0) is None
    assert conv1(network).isfinite().all()
    assert not torch.equal(conv1(network), before)


@pytest.mark.slow
def test_outputs_on_the_raw_scale_are_as_large_as_on_the_normalized_scale() -> None:
    pixels = drawn(60)
    spreads = []
    for preprocessing in (NORMALIZED, dataclasses.replace(NORMALIZED, std=(1.0, 1.0, 1.0))):
        network = new_network()
        initialize_from_patches(network, pixels, np.arange(60), preprocessing, seed=0)
        with torch.no_grad():
            spreads.append(float(network["conv1"](normalize(torch.from_numpy(pixels), preprocessing)).std()))
    assert spreads[0] == pytest.approx(spreads[1], rel=0.02)


def test_patches_are_what_the_first_layer_sees_mean_image_and_channel_order_included() -> None:
    pixels = drawn(12, 80)
    channels, mean, std = NORMALIZATIONS["caffe"]
    preprocessing = dataclasses.replace(NORMALIZED, channels=channels, mean=mean, std=std, cut_from=80)
    network = new_network(mean_image=True)
    network.mean_image.copy_(torch.randn(3, 67, 67) * 40)
    images, _ = gather(pixels, Subset(np.arange(12), np.zeros(12, np.int64)), np.arange(12), torch.device("cpu"))
    center = images[:, 6:73, 6:73]
    seen = network.first_input(normalize(center, preprocessing))
    places = seen.unfold(2, 11, 1).unfold(3, 11, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3 * 121)
    patches = sample_patches(network, pixels, np.arange(12), preprocessing, kernel_size=11, seed=0)
    for patch in patches[::401]:
        assert (places - patch.reshape(1, -1)).abs().amax(1).min() < 1e-3


def test_only_training_images_are_read_and_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.training.patch_start.MOST_IMAGES", 16)
    monkeypatch.setattr("alexnet.training.patch_start.NUM_PATCHES", 100)

    class Counting:
        shape = (10**6, 67, 67, 3)

        def __init__(self) -> None:
            self.rows: list[int] = []

        def __getitem__(self, row: int) -> np.ndarray:
            self.rows.append(int(row))
            return np.full((67, 67, 3), row % 251, np.uint8)

    pixels, rows = Counting(), np.arange(500, 10**6, 7)
    patches = sample_patches(new_network(), pixels, rows, NORMALIZED, kernel_size=11, seed=0)
    assert len(pixels.rows) == 16
    assert set(pixels.rows) <= set(rows.tolist())
    assert len(patches) == 16 * 7


@pytest.mark.slow
def test_same_seed_same_kernels() -> None:
    first, again, other = new_network(), new_network(), new_network()
    for network, seed in ((first, 0), (again, 0), (other, 1)):
        initialize_from_patches(network, drawn(30), np.arange(30), NORMALIZED, seed=seed)
    assert torch.equal(conv1(first), conv1(again))
    assert not torch.equal(conv1(first), conv1(other))


@pytest.mark.slow
def test_kernels_are_kept_for_the_same_images_and_found_again_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def counted(*arguments: Any, **settings: Any) -> torch.Tensor:
        looked.append(1)
        return sample_patches(*arguments, **settings)

    monkeypatch.setattr(patch_start, "sample_patches", counted)
    monkeypatch.setattr(patch_start, "NUM_PATCHES", 500)

    def kernels(fingerprint: str = "these", rows: int = 20, seed: int = 0) -> torch.Tensor:
        network, cache = new_network(), KernelCache(tmp_path, fingerprint)
        initialize_from_patches(network, drawn(20), np.arange(rows), NORMALIZED, seed=seed, cache=cache)
        return conv1(network)

    first = kernels()
    assert torch.equal(kernels(), first)
    assert len(looked) == 1, "kept"
    kernels(fingerprint="others")
    kernels(rows=19)
    kernels(seed=1)
    assert len(looked) == 4, "other images, another part of them, another seed"
    for damage in (lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[:100]):
        for file in tmp_path.iterdir():
            file.write_bytes(damage(file.read_bytes()))
        assert torch.equal(kernels(), first)
    assert len(looked) == 6, "damaged, and found anew"


def test_images_of_one_color_leave_the_random_start_and_say_so() -> None:
    network = new_network()
    random = torch.nn.functional.normalize(conv1(network).flatten(1), dim=1)
    pixels = np.full((20, 67, 67, 3), 90, np.uint8)
    note = initialize_from_patches(network, pixels, np.arange(20), NORMALIZED, seed=0)
    assert note is not None
    assert "vary too little" in note
    assert "96 of 96 start at random" in note
    torch.testing.assert_close(torch.nn.functional.normalize(conv1(network).flatten(1), dim=1), random)


def test_gray_images_give_gray_kernels() -> None:
    network, gray = new_network(), drawn(30).mean(3, keepdims=True).astype(np.uint8).repeat(3, 3)
    initialize_from_patches(network, gray, np.arange(30), NORMALIZED, seed=0)
    weights = conv1(network)
    assert (weights - weights.mean(1, keepdim=True)).abs().max() < 0.01 * weights.abs().max()


def test_training_starts_from_patches_and_a_note_tells_of_images_without_variation(tmp_path: Path) -> None:
    for number, name in enumerate(("dark", "light")):
        (tmp_path / "flat" / name).mkdir(parents=True)
        for image in range(10):
            level = 40 + 120 * number + image
            Image.new("RGB", (40, 40), (level, level, level)).save(tmp_path / "flat" / name / f"{image}.png")
    events: list[Event] = []
    recipe = small_recipe(epochs=1, initialization="patches")
    run = train(tmp_path / "flat", recipe, out=tmp_path / "run", on_event=events.append)
    assert any(isinstance(event, Note) and "24 of 24 start at random" in event.text for event in events)
    assert RunFolder(run.path).recipe.initialization == "patches"
