"""What decides whether passes are recorded, as far as a CPU can show it; the recording is stood in for."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.batches import Shuffled, gather
from alexnet.data.folder import scan_folder
from alexnet.evaluation.metrics import num_wrong
from alexnet.training import cuda_graphs
from alexnet.training.cuda_graphs import ForwardBackward, GraphedPasses, replayed_on_gpu
from alexnet.training.events import Event, Note, ignore
from alexnet.training.job import Job
from alexnet.training.optimizer import Optimizers
from alexnet.training.preparation import prepare
from alexnet.training.schedule import Rates
from tests.conftest import small_recipe

GROWS = {"start_size": 67, "size": 75, "growth": 0.7, "epochs": 3, "optimizer": "sgd", "precision": "float32"}
"""Images of three sizes, one after the other."""


@pytest.fixture
def new_job(image_folder: Path) -> Callable[..., Job]:
    """A job with its initial weights; the same ones for the same recipe."""

    def make(**changes: object) -> Job:
        return prepare(scan_folder(image_folder), small_recipe(**changes), ignore)[0]

    return make


def passes_of(job: Job) -> ForwardBackward:
    def forward_backward(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = job.network(x)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        return loss.detach(), num_wrong(logits.detach(), labels)

    return forward_backward


def take_steps(job: Job, passes: ForwardBackward) -> list[tuple[float, int]]:
    """All steps of a job, at a learning rate that changes: loss and number of wrong images of each."""
    order, results = Shuffled(len(job.split.train), job.batch_size, job.recipe.seed), []
    optimizers = Optimizers(job.network.train(), job.recipe)
    for step in range(job.num_steps):
        images, labels = gather(job.pixels, job.split.train, order(step), job.machine.device)
        job.seed_dropout(step)
        loss, wrong = passes(job.augment(images, step), labels)
        results.append((loss.item(), int(wrong)))
        optimizers.step(Rates(1.0 / (1 + step), 1.0))
    return results


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Stands in for CUDA's part of a graph: a replay runs the passes into the memory that was recorded."""
    heard: list[tuple[str, int]] = []

    def record(self: GraphedPasses, passes: ForwardBackward, network: torch.nn.Module) -> tuple[Tensor, Tensor]:
        heard.append(("recorded", self._x.shape[-1]))

        def replay() -> None:
            kept = self._gradients
            for parameter in network.parameters():
                parameter.grad = None
            for old, new in zip(self._results, passes(self._x.float(), self._labels), strict=True):
                old.copy_(new)
            for parameter, gradient in kept:
                assert parameter.grad is not None
                gradient.copy_(parameter.grad)

        self._graph = SimpleNamespace(replay=replay)
        return passes(self._x.float(), self._labels)

    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: SimpleNamespace(register_generator_state=lambda _: None))
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: heard.append(("finished", 0)))
    monkeypatch.setattr(GraphedPasses, "_record", record)
    monkeypatch.setattr(cuda_graphs, "MIN_STEPS", 3)
    return heard


def test_on_a_cpu_the_function_itself_is_used(new_job: Callable[..., Job]) -> None:
    job = new_job()
    passes = passes_of(job)
    assert replayed_on_gpu(passes, job, first_step=0, emit=ignore) is passes


@pytest.mark.slow
def test_replayed_steps_equal_plain_ones_while_rate_and_size_change(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]]
) -> None:
    plain, other = new_job(**GROWS), new_job(**GROWS)
    expected = take_steps(plain, passes_of(plain))
    replayed = replayed_on_gpu(passes_of(other), other, first_step=0, emit=ignore, record=True)
    assert take_steps(other, replayed) == expected
    pairs = zip(plain.network.parameters(), other.network.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    sizes = [size for what, size in recorded if what == "recorded"]
    assert sizes == [67, 71, 75], "one graph for each size"
    assert [what for what, _ in recorded] == ["recorded", "finished"] * 2 + ["recorded"], "waited for, then released"


def test_size_with_too_few_steps_left_is_not_recorded(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]]
) -> None:
    job = new_job(epochs=1)
    replayed = replayed_on_gpu(passes_of(job), job, first_step=job.num_steps - 2, emit=ignore, record=True)
    take_steps(job, replayed)
    assert recorded == []


def test_mean_image_is_subtracted_before_anything_is_rounded(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]]
) -> None:
    for normalization, dtype in (("mean_image", torch.float32), ("dataset", torch.bfloat16)):
        job = new_job(normalization=normalization)
        job = replace(job, machine=replace(job.machine, dtype=torch.bfloat16))
        assert GraphedPasses(passes_of(job), job, count=2, size=67)._x.dtype == dtype


@pytest.mark.slow
def test_passes_that_cannot_be_recorded_run_as_they_are_and_are_reported_once(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: GraphedPasses, passes: ForwardBackward, _network: torch.nn.Module) -> tuple[Tensor, Tensor]:
        passes(self._x.float(), self._labels)
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(GraphedPasses, "_record", fail)
    plain, other = new_job(**GROWS), new_job(**GROWS)
    heard: list[Event] = []
    before = torch.backends.cudnn.benchmark
    restored: list[object] = []
    generator = SimpleNamespace(
        manual_seed=other.dropout_generator.manual_seed,
        initial_seed=other.dropout_generator.initial_seed,
        clone_state=lambda: "state",
        graphsafe_set_state=restored.append,
    )
    object.__setattr__(other, "dropout_generator", generator)
    replayed = replayed_on_gpu(passes_of(other), other, first_step=0, emit=heard.append, record=True)
    assert take_steps(other, replayed) == take_steps(plain, passes_of(plain)), "no trace of the aborted recording"
    assert [type(event) for event in heard] == [Note]
    assert "one by one: operation not permitted when stream is capturing" in heard[0].text
    assert restored == ["state"]
    assert torch.backends.cudnn.benchmark == before
