"""The loop against the same steps written out once more, its ledger, and its independence of other random numbers."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.augment import Augmentation, augment
from alexnet.data.batches import Shuffled, gather
from alexnet.data.folder import scan_folder
from alexnet.errors import RunError
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.training import ledger
from alexnet.training.events import Event, Stepped, ignore
from alexnet.training.job import Job
from alexnet.training.loop import fit
from alexnet.training.optimizer import Optimizers
from alexnet.training.preparation import prepare
from alexnet.training.train import resume, train
from tests.conftest import small_recipe


@pytest.fixture
def new_job(image_folder: Path) -> Callable[..., Job]:
    """A job with its initial weights; the same ones for the same recipe."""

    def make(**changes: object) -> Job:
        return prepare(scan_folder(image_folder), small_recipe(**changes), ignore)[0]

    return make


def weights(job: Job) -> list[Tensor]:
    return [value.detach().clone() for value in job.network.parameters()]


def test_steps_equal_the_same_steps_written_out_with_torch(new_job: Callable[..., Job], tmp_path: Path) -> None:
    changes = {"optimizer": "sgd", "dropout": 0.0, "epochs": 1, "start_size": 63, "size": 67, "growth": 0.5}
    job, again = new_job(**changes), new_job(**changes)
    losses: list[float] = []
    run = RunFolder.create(tmp_path / "run")
    fit(job, run, lambda event: losses.append(event.record.loss) if isinstance(event, Stepped) else None)

    network, expected = again.network.train(), []
    optimizers = Optimizers(network, again.recipe)
    order = Shuffled(len(job.split.train), job.batch_size, job.recipe.seed)
    for step in range(job.num_steps):
        images, labels = gather(job.pixels, job.split.train, order(step), job.machine.device)
        generator = torch.Generator().manual_seed(2 * (job.recipe.seed * 1_000_003 + step) + 1)
        augmentation = Augmentation.of(job.recipe)
        size = job.image_size(step)
        x = augment(images, augmentation, job.preprocessing, size=size, generator=generator)
        with torch.autocast("cpu", job.machine.dtype, enabled=job.machine.dtype != torch.float32):
            logits = network(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=job.recipe.label_smoothing)
        loss.backward()
        optimizers.step(job.rates(step))
        expected.append(loss.item())
    assert losses == expected
    assert all(torch.equal(*pair) for pair in zip(weights(job), weights(again), strict=True))
    record = run.steps[0]
    assert record.top1_error == pytest.approx(round(record.top1_error * job.batch_size) / job.batch_size)


def files(run: Run) -> tuple[list[tuple[int, float, float]], dict[str, Tensor]]:
    steps = [(s.step, s.loss, s.top1_error) for s in run.folder.steps]
    return steps, safetensors.torch.load_file(run.folder.model_path)


@pytest.mark.slow
def test_losses_read_a_step_late_leave_the_same_files_also_after_resuming(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(epochs=2)
    straight = train(image_folder, recipe, out=tmp_path / "straight")
    monkeypatch.setitem(ledger.STEPS_BEHIND, "cpu", 1)
    launched: list[int] = []
    record = ledger.Ledger.record

    def call(self: ledger.Ledger, step: int, *rest: object) -> None:
        launched.append(step + 1)
        record(self, step, *rest)

    monkeypatch.setattr(ledger.Ledger, "record", call)
    heard: list[tuple[int, int]] = []

    def listen(event: Event) -> None:
        if isinstance(event, Stepped):
            heard.append((event.record.step, launched[-1]))
            if event.record.step == 2:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(image_folder, recipe, out=tmp_path / "late", on_event=listen)
    assert heard == [(1, 2), (2, 3), (3, 3)], "a step is reported after the next was launched; none is left out"
    assert [path.name for path in (tmp_path / "late" / "state").glob("*.json")] == ["step-000000003.json"]
    resumed = resume(tmp_path / "late", on_event=listen)
    assert heard[3:] == [(4, 4), (5, 6), (6, 7), (7, 8), (8, 8)], "all steps of an epoch are read before its scores"
    (steps, model), (late_steps, late_model) = files(straight), files(resumed)
    assert steps == late_steps
    assert all(torch.equal(value, late_model[name]) for name, value in model.items())
    assert [e.train_loss for e in resumed.folder.epochs] == [e.train_loss for e in straight.folder.epochs]


def test_loss_that_is_not_finite_is_reported_for_its_own_step_also_when_read_late(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(optimizer="sgd", learning_rate=1e9, warmup=0.0)
    messages = []
    for behind in (0, 1):
        monkeypatch.setitem(ledger.STEPS_BEHIND, "cpu", behind)
        with pytest.raises(RunError, match="the loss is not finite") as error:
            train(image_folder, recipe, out=tmp_path / str(behind))
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@pytest.mark.slow
def test_training_neither_uses_nor_changes_the_random_numbers_of_the_process(
    image_folder: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(epochs=1, dropout=0.5)
    results, actual = [], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()
        results.append(files(train(image_folder, recipe, out=tmp_path / str(seed))))
        after = torch.get_rng_state(), np.random.get_state()[1].tolist()
        actual.append(torch.equal(before[0], after[0]) and before[1] == after[1])
    assert actual == [True, True]
    assert results[0][0] == results[1][0]


@pytest.mark.slow
def test_two_trainings_at_once_give_the_weights_of_each_alone(image_folder: Path, tmp_path: Path) -> None:
    recipes = [small_recipe(epochs=2, seed=seed, dropout=0.5, optimizer="adam") for seed in (0, 1)]
    alone = [files(train(image_folder, recipe, out=tmp_path / f"alone-{recipe.seed}")) for recipe in recipes]
    together: dict[int, Run] = {}

    def work(number: int) -> None:
        together[number] = train(image_folder, recipes[number], out=tmp_path / f"together-{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (steps, model) in enumerate(alone):
        other_steps, other_model = files(together[number])
        assert other_steps == steps
        assert all(torch.equal(value, other_model[name]) for name, value in model.items())


def test_images_are_whole_after_the_fraction_of_steps_that_crops_them(new_job: Callable[..., Job]) -> None:
    job = new_job(epochs=2, crop_scale=0.3, crop_until=0.5, flip=False)
    whole = new_job(epochs=2, flip=False, crop_scale=1.0, crop_ratio=1.0)
    pixels = torch.from_numpy(np.array(job.pixels[:4]))
    first_whole = job.num_steps // 2
    assert not torch.equal(job.augment(pixels, first_whole - 1), whole.augment(pixels, first_whole - 1))
    assert torch.equal(job.augment(pixels, first_whole), whole.augment(pixels, first_whole))


def test_short_epochs_are_measured_some_steps_apart_and_at_the_end(new_job: Callable[..., Job]) -> None:
    job = new_job(epochs=35)
    assert job.steps_per_epoch == 4
    measured = [job.epoch_of(step) for step in range(3, job.num_steps, 4) if job.is_evaluated(step)]
    assert measured == [*range(4, 35, 4), 35], "every eighth of the training"
    few = new_job(epochs=3)
    assert all(few.is_evaluated(step) for step in range(3, few.num_steps, 4)), "few epochs are measured each"
