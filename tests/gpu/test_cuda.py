"""On a CUDA device: the same numbers as on the processor, and a whole training. Skipped where there is none."""

from pathlib import Path

import pytest
import torch

from alexnet.model.alexnet import AlexNet
from alexnet.model.lrn import local_response_norm
from alexnet.model.variants import VARIANTS
from alexnet.training.train import train
from tests.conftest import small_recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_lrn_equals_the_processors_forward_and_backward() -> None:
    x = torch.randn(2, 96, 7, 7) * 20
    results = []
    for device in ("cpu", "cuda"):
        own = x.to(device).requires_grad_()
        y = local_response_norm(own, 5)
        y.square().sum().backward()
        assert own.grad is not None
        results.append((y.detach().cpu(), own.grad.cpu()))
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-4)


def test_network_equals_the_processors() -> None:
    torch.manual_seed(0)
    network, x = AlexNet(VARIANTS["seminar"], size=96, num_classes=8).eval(), torch.randn(4, 3, 96, 96)
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(network.cuda()(x.cuda()).cpu(), expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_learns_and_resumes_its_files(picture_folder: Path, tmp_path: Path, precision: str) -> None:
    run = train(picture_folder, small_recipe(device="cuda", precision=precision, epochs=8), out=tmp_path / "run")
    assert run.folder.epochs[-1].train_loss < run.folder.epochs[0].train_loss
    assert run.evaluation.num_pictures == 21
