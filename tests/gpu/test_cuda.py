"""On a CUDA device: the same numbers as on the CPU, and a whole training. Skipped where there is none."""

from pathlib import Path

import pytest
import torch

from alexnet.data.augment import Augmentation, augment
from alexnet.layers.lrn import local_response_norm
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing
from alexnet.training.train import train
from tests.conftest import small_recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_lrn_equals_the_cpu_forward_and_backward() -> None:
    x = torch.randn(2, 96, 7, 7) * 20
    results = []
    for device in ("cpu", "cuda"):
        own = x.to(device).requires_grad_()
        y = local_response_norm(own, 5)
        y.square().sum().backward()
        assert own.grad is not None
        results.append((y.detach().cpu(), own.grad.cpu()))
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-4)


def test_network_equals_the_cpu() -> None:
    torch.manual_seed(0)
    network, x = AlexNet(VARIANTS["seminar"], size=96, num_classes=8).eval(), torch.randn(4, 3, 96, 96)
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(network.cuda()(x.cuda()).cpu(), expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("rotation", [0.0, 10.0])
def test_images_are_changed_as_on_the_cpu(rotation: float) -> None:
    pixels = torch.randint(0, 256, (8, 32, 32, 3), dtype=torch.uint8)
    plain = Preprocessing(32, "squash", True, "RGB", (100.0, 110.0, 120.0), (50.0, 60.0, 70.0))
    change = Augmentation(crop_scale=0.5, crop_ratio=1.3, rotation=rotation, color=0.1)
    actual, expected = (
        augment(pixels.to(device), change, plain, size=24, generator=torch.Generator().manual_seed(0)).cpu()
        for device in ("cuda", "cpu")
    )
    torch.testing.assert_close(actual, expected, rtol=0.0, atol=1e-3)


def test_crops_are_cut_where_the_cpu_cuts_them() -> None:
    pixels = torch.randint(0, 256, (8, 40, 40, 3), dtype=torch.uint8)
    plain = Preprocessing(32, "squash", True, "RGB", (100.0, 110.0, 120.0), (50.0, 60.0, 70.0), cut_from=40)
    actual, expected = (
        augment(pixels.to(device), Augmentation(), plain, size=32, generator=torch.Generator().manual_seed(0)).cpu()
        for device in ("cuda", "cpu")
    )
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_learns_and_resumes_its_files(image_folder: Path, tmp_path: Path, precision: str) -> None:
    run = train(image_folder, small_recipe(device="cuda", precision=precision, epochs=8), out=tmp_path / "run")
    assert run.folder.epochs[-1].train_loss < run.folder.epochs[0].train_loss
    assert run.evaluation.num_images == 21
