"""A step on a CUDA device: recorded and plain, images there and read ahead, LRN's kernels. Skipped without one."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.data.batches import PrefetchedBatches, ResidentBatches, Shuffled, gather, in_order
from alexnet.data.folder import scan_folder
from alexnet.data.split import Subset
from alexnet.evaluation.metrics import num_wrong
from alexnet.layers import lrn_triton
from alexnet.training import cuda_graphs
from alexnet.training.cuda_graphs import GraphedPasses, ReplayedPasses, replayed_on_gpu
from alexnet.training.events import Event, Note, Stepped, ignore
from alexnet.training.job import Job
from alexnet.training.optimizer import Optimizers
from alexnet.training.preparation import prepare
from alexnet.training.schedule import Rates
from alexnet.training.train import resume, train
from tests.conftest import small_recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

GPU = torch.device("cuda")

GROWS = {"start_size": 67, "size": 75, "growth": 0.7}
"""Images of three sizes, one after the other."""


@pytest.fixture
def new_job(image_folder: Path) -> Callable[..., Job]:
    """A job before its first step on the device."""

    def make(**changes: object) -> Job:
        return prepare(scan_folder(image_folder), small_recipe(device="cuda", **changes), ignore)[0]

    return make


def learn(job: Job, *, record: bool) -> tuple[list[tuple[float, int]], list[Event], object]:
    """All steps of a job at a changing learning rate: losses, sizes, events, and the last step's passes."""
    events: list[Event] = []

    def forward_backward(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cuda", job.machine.dtype, enabled=job.machine.dtype != torch.float32):
            logits = job.network(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=job.recipe.label_smoothing)
        loss.backward()
        return loss.detach(), num_wrong(logits.detach(), labels)

    passes = replayed_on_gpu(forward_backward, job, first_step=0, emit=events.append, record=record)
    optimizers = Optimizers(job.network.train(), job.recipe)
    order = Shuffled(len(job.split.train), job.batch_size, job.recipe.seed)
    results = []
    for step in range(job.num_steps):
        images, labels = gather(job.pixels, job.split.train, order(step), GPU)
        job.seed_dropout(step)
        loss, wrong = passes(job.augment(images, step), labels)
        results.append((loss.item(), int(wrong)))
        optimizers.step(Rates(1.0 / (1 + step), 1.0))
    return results, events, passes._passes if isinstance(passes, ReplayedPasses) else passes


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        ("seminar", {"precision": "float32", "dropout": 0.5, **GROWS}),
        ("seminar", {"precision": "bfloat16", "dropout": 0.5, **GROWS}),
        ("seminar", {"precision": "bfloat16", "normalization": "mean_image", "optimizer": "sgd"}),
        ("program", {"precision": "float32", "optimizer": "sgd_2012"}),  # dropout and normalizations of its own
    ],
)
def test_recorded_steps_equal_plain_ones_while_rate_and_size_change(
    new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, variant: str, changes: dict[str, object]
) -> None:
    """Dropout draws the same in both, so that only the order of sums differs."""
    monkeypatch.setattr(cuda_graphs, "MIN_STEPS", 3)
    recipe = {"variant": variant, "epochs": 3, "learning_rate": 1e-4, **changes}
    plain, _, _ = learn(new_job(**recipe), record=False)
    recorded, events, passes = learn(new_job(**recipe), record=True)
    assert not events, "nothing had to be launched one by one"
    assert isinstance(passes, GraphedPasses)
    loose = 0.03 if changes["precision"] == "bfloat16" else 2e-3
    np.testing.assert_allclose([loss for loss, _ in recorded], [loss for loss, _ in plain], rtol=loose)


def test_what_cannot_be_recorded_goes_on_plainly_with_dropout(
    new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that waits for the device breaks the recording off; the random state must survive it."""
    monkeypatch.setattr(cuda_graphs, "MIN_STEPS", 3)
    job = new_job(dropout=0.5)

    def wait(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        output.sum().item()

    job.classifier.network["relu5"].register_forward_hook(wait)
    outcomes, events, _ = learn(job, record=True)
    assert [type(event) for event in events] == [Note]
    assert all(np.isfinite(loss) for loss, _ in outcomes)


@pytest.mark.parametrize("side", [64, 67])
def test_images_on_the_device_and_read_ahead_equal_those_of_the_host(side: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, side, side, 3), dtype=np.uint8)
    subset = Subset(np.arange(0, 300, 2), rng.integers(0, 5, 150))
    order = Shuffled(150, 32, seed=0)
    resident = ResidentBatches(pixels, subset, order, GPU)
    with PrefetchedBatches(pixels, subset, order, GPU, num_steps=12) as ahead:
        for number in range(12):
            expected = (torch.from_numpy(pixels[subset.indices[order(number)]]), subset.labels[order(number)])
            for source in (resident, ahead):
                images, labels = source.get(number)
                assert torch.equal(images.cpu(), expected[0])
                np.testing.assert_array_equal(labels.cpu().numpy(), expected[1])
    actual = [images.cpu() for images, _ in in_order(pixels, subset, batch_size=64, device=GPU)]
    assert torch.equal(torch.cat(actual), torch.from_numpy(pixels[subset.indices]))


def by_torch(x: Tensor, gradient: Tensor, size: int, beta: float) -> tuple[Tensor, Tensor]:
    """Output and gradient of torch's layer in float64."""
    exact = x.double().requires_grad_()
    y = nn.LocalResponseNorm(size, alpha=0.1, beta=beta, k=2.0)(exact)
    y.backward(gradient.double())
    assert exact.grad is not None
    return y.detach(), exact.grad


@pytest.mark.skipif(not lrn_triton.is_available(), reason="no Triton for this device")
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2.0**-7)], ids=str)
@pytest.mark.parametrize(("channels", "size", "beta"), [(96, 5, 0.75), (256, 4, 0.5), (7, 15, 1.0)])
def test_lrns_kernels_equal_torchs_layer(
    channels: int, size: int, beta: float, dtype: torch.dtype, tolerance: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(4, channels, 13, 13, generator=generator) * 20).to(GPU, dtype)
    gradient = torch.randn(x.shape, generator=generator).to(GPU, dtype)
    expected, expected_gradient = by_torch(x, gradient, size, beta)
    rows, own = (value.permute(0, 2, 3, 1).reshape(-1, channels) for value in (x, gradient))
    y, root = lrn_triton.forward(rows, size, 1, 0.1 / size, beta, 2.0)
    dx = lrn_triton.backward(own, rows, root, size, 1, 0.1 / size, beta)
    for actual, wanted in ((y, expected), (dx, expected_gradient)):
        maps = actual.view(4, 13, 13, channels).permute(0, 3, 1, 2).double()
        torch.testing.assert_close(maps, wanted, rtol=tolerance, atol=4 * tolerance * float(wanted.std()))


@pytest.mark.parametrize("optimizer", ["muon", "sgd"])
def test_training_interrupted_and_resumed_records_every_step(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    monkeypatch.setattr(cuda_graphs, "MIN_STEPS", 3)
    recipe = small_recipe(device="cuda", precision="float32", epochs=4, optimizer=optimizer)
    straight = train(image_folder, recipe, out=tmp_path / "straight")

    def interrupt(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(image_folder, recipe, out=tmp_path / "broken", on_event=interrupt)
    resumed = resume(tmp_path / "broken")
    losses = [[record.loss for record in run.folder.steps] for run in (straight, resumed)]
    assert [record.step for record in resumed.folder.steps] == list(range(1, 17))
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)
    assert resumed.evaluation.num_images == 21
