"""The step and the reading of its numbers, as far as a CPU can show what a GPU does."""

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.batches import Shuffled, gather
from alexnet.errors import RunError
from alexnet.evaluation.metrics import num_wrong
from alexnet.runs.run import Run
from alexnet.training import loop, step
from alexnet.training.events import Event, Note, Stepped, ignore
from alexnet.training.job import Job
from alexnet.training.optimizer import Optimizers
from alexnet.training.preparation import prepare
from alexnet.training.schedule import Rates
from alexnet.training.step import CapturedPasses, Outcome, Passes, TrainingStep
from alexnet.training.train import train
from tests.conftest import small_recipe


@pytest.fixture
def new_job(image_folder: Path) -> Callable[..., Job]:
    """A job at its start values; the same ones for the same recipe."""
    from alexnet.data.folder import scan_folder

    def make(**changes: object) -> Job:
        return prepare(scan_folder(image_folder), small_recipe(**changes), ignore)[0]

    return make


def take_steps(job: Job, take: TrainingStep, numbers: range) -> list[tuple[float, int]]:
    """What each step gave, at a rate that changes."""
    order = Shuffled(len(job.split.train), job.batch_size, job.recipe.seed)
    read = []
    for number in numbers:
        images, labels = gather(job.pixels, job.split.train, order(number), job.machine.device)
        read.append(take(number, images, labels, Rates(1.0 / (1 + number), 1.0)).read())
    return read


def weights(job: Job) -> list[Tensor]:
    return [value.detach().clone() for value in job.classifier.network.parameters()]


def test_outcome_gives_loss_and_errors_as_they_were() -> None:
    logits, labels = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]), torch.tensor([0, 0, 1])
    loss = F.cross_entropy(logits, labels)
    outcome = Outcome(loss, num_wrong(logits, labels), count=3, size=67)
    assert outcome.read() == (loss.item(), 2)


def test_step_is_the_passes_and_the_update(new_job: Callable[..., Job]) -> None:
    """Written out once more, with torch alone."""
    job, again = new_job(optimizer="sgd", dropout=0.0), new_job(optimizer="sgd", dropout=0.0)
    network = again.classifier.network.train()
    order = Shuffled(len(job.split.train), job.batch_size, job.recipe.seed)
    images, labels = gather(job.pixels, job.split.train, order(0), job.machine.device)
    from alexnet.data.augment import Augmentation, augment

    generator = torch.Generator().manual_seed(2 * job.recipe.seed * 1_000_003 + 1)
    x = augment(images, Augmentation.of(job.recipe), job.classifier.preprocessing, size=67, generator=generator)
    with torch.autocast("cpu", job.machine.dtype, enabled=job.machine.dtype != torch.float32):
        logits = network(x)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=job.recipe.label_smoothing)
    loss.backward()
    Optimizers(network, again.recipe).step(Rates(1.0, 1.0))

    job.classifier.network.train()
    take = TrainingStep(job, Optimizers(job.classifier.network, job.recipe), ignore)
    assert take(0, images, labels, Rates(1.0, 1.0)).read() == (loss.item(), int(num_wrong(logits, labels)))
    assert all(torch.equal(*pair) for pair in zip(weights(job), weights(again), strict=True))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """CUDA's part of a graph stood in for: what is replayed are the passes, into the memory that was recorded."""
    heard: list[tuple[str, int]] = []

    def record(self: CapturedPasses, passes: Passes) -> tuple[Tensor, Tensor]:
        heard.append(("recorded", self._x.shape[-1]))

        def replay() -> None:
            kept = self._gradients
            passes.forget_gradients()
            for old, new in zip(self._results, passes(self._x.float(), self._labels), strict=True):
                old.copy_(new)
            for parameter, gradient in kept:
                assert parameter.grad is not None
                gradient.copy_(parameter.grad)
            passes.forget_gradients()

        self._graph = SimpleNamespace(replay=replay)
        return passes(self._x.float(), self._labels)

    state = SimpleNamespace(clone_state=lambda: None, graphsafe_set_state=lambda _: heard.append(("random", 0)))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "default_generators", (state,))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: heard.append(("finished", 0)))
    monkeypatch.setattr(CapturedPasses, "_record", record)
    monkeypatch.setattr(step, "LASTING", 3)
    return heard


def test_recorded_steps_equal_plain_ones_while_rate_and_size_change(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]]
) -> None:
    recipe = {"start_size": 67, "size": 75, "growth": 0.7, "epochs": 3, "optimizer": "sgd", "precision": "float32"}
    plain, other = new_job(**recipe), new_job(**recipe)
    read = []
    for job, record in ((plain, False), (other, True)):
        job.classifier.network.train()
        take = TrainingStep(job, Optimizers(job.classifier.network, job.recipe), ignore, record=record)
        read.append(take_steps(job, take, range(job.num_steps)))
    assert read[0] == read[1]
    assert all(torch.equal(*pair) for pair in zip(weights(plain), weights(other), strict=True))
    sizes = [size for what, size in recorded if what == "recorded"]
    assert sizes == [67, 71, 75], "one for each size"
    assert [what for what, _ in recorded] == ["recorded", "finished"] * 2 + ["recorded"], (
        "waited for, then given back"
    )
    assert all(parameter.grad is None for parameter in other.classifier.network.parameters())


def test_size_that_does_not_last_is_not_recorded(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = new_job(epochs=1)
    monkeypatch.setattr(step, "LASTING", job.num_steps + 1)
    job.classifier.network.train()
    take_steps(job, TrainingStep(job, Optimizers(job.classifier.network, job.recipe), ignore, record=True), range(2))
    assert recorded == []


def test_mean_image_is_subtracted_before_anything_is_rounded(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]]
) -> None:
    for normalization, dtype in (("mean_image", torch.float32), ("dataset", torch.bfloat16)):
        job = new_job(normalization=normalization)
        machine = replace(job.machine, dtype=torch.bfloat16)
        captured = CapturedPasses(Passes(job.classifier.network, machine, 0.0), count=2, size=67)
        assert captured._x.dtype == dtype


def test_passes_that_cannot_be_recorded_are_launched_one_by_one_and_said_once(
    new_job: Callable[..., Job], recorded: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: CapturedPasses, passes: Passes) -> tuple[Tensor, Tensor]:
        passes(self._x.float(), self._labels)
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(CapturedPasses, "_record", fail)
    recipe = {"start_size": 67, "size": 75, "growth": 0.7, "epochs": 3, "optimizer": "sgd"}
    plain, other = new_job(**recipe), new_job(**recipe)
    heard: list[Event] = []
    read, before = [], torch.backends.cudnn.benchmark
    for job, record in ((plain, False), (other, True)):
        job.classifier.network.train()
        take = TrainingStep(job, Optimizers(job.classifier.network, job.recipe), heard.append, record=record)
        read.append(take_steps(job, take, range(job.num_steps)))
    assert read[0] == read[1], "what a broken-off recording computed is gone"
    assert [type(event) for event in heard] == [Note]
    assert "one by one: operation not permitted when stream is capturing" in heard[0].text
    assert recorded == [("random", 0)], "the random state is put back"
    assert torch.backends.cudnn.benchmark == before


def files(run: Run) -> tuple[list[tuple[int, float, float]], dict[str, Tensor]]:
    steps = [(s.step, s.loss, s.top1_error) for s in run.folder.steps]
    return steps, safetensors.torch.load_file(run.folder.model_path)


def test_numbers_read_a_step_late_leave_the_same_files_also_resumed(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(epochs=2)
    straight = train(image_folder, recipe, out=tmp_path / "straight")
    monkeypatch.setitem(loop.STEPS_BEHIND, "cpu", 1)
    launched: list[int] = []
    take = TrainingStep.__call__

    def call(self: TrainingStep, number: int, *rest: object) -> Outcome:
        launched.append(number + 1)
        return take(self, number, *rest)

    monkeypatch.setattr(TrainingStep, "__call__", call)
    heard: list[tuple[int, int]] = []

    def listen(event: Event) -> None:
        if isinstance(event, Stepped):
            heard.append((event.record.step, launched[-1]))
            if event.record.step == 2:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(image_folder, recipe, out=tmp_path / "late", on_event=listen)
    assert heard == [(1, 2), (2, 3), (3, 3)], "a step is told when the next is launched; an interrupt leaves none out"
    state = (tmp_path / "late" / "state" / "state.json").read_text()
    assert '"step": 3' in state
    resumed = train(image_folder, recipe, out=tmp_path / "late", resume=True, on_event=listen)
    assert heard[3:] == [(4, 4), (5, 6), (6, 7), (7, 8), (8, 8)], "before an epoch is measured all its steps are told"
    (steps, model), (late_steps, late_model) = files(straight), files(resumed)
    assert steps == late_steps
    assert all(torch.equal(value, late_model[name]) for name, value in model.items())
    assert [e.train_loss for e in resumed.folder.epochs] == [e.train_loss for e in straight.folder.epochs]


def test_loss_that_is_not_finite_is_named_by_its_own_step_also_when_read_late(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(optimizer="sgd", learning_rate=1e9, warmup=0.0)
    said = []
    for behind in (0, 1):
        monkeypatch.setitem(loop.STEPS_BEHIND, "cpu", behind)
        with pytest.raises(RunError, match="the loss is not finite") as error:
            train(image_folder, recipe, out=tmp_path / str(behind))
        said.append(str(error.value))
    assert said[0] == said[1]
