"""A training in several processes is the training in one: same batches, same sums, same files."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from alexnet.batch_part import BatchPart
from alexnet.data.folder import scan_folder
from alexnet.errors import RecipeError, RunError
from alexnet.run_folder import RunFolder
from alexnet.training import exchange, launch, shared_memory
from alexnet.training.events import Event, Stepped, ignore
from alexnet.training.preparation import prepare
from alexnet.training.processes import Processes
from alexnet.training.shared_memory import SharedMemory, owners, share_memory
from alexnet.training.train import resume, train
from tests import processes
from tests.conftest import small_recipe

LAST_STEP = 8
RECIPE = small_recipe(precision="float32", validation_fraction=0.1, dropout=0.5, color=0.1, crop_scale=0.7)
"""Muon, dropout, crops and changes of color; four steps of 16 images in each of two epochs."""

needs_fork = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


@pytest.fixture(autouse=True)
def own_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that know the variant `narrow`."""
    monkeypatch.setattr(launch, "worker_command", processes.worker_command)
    monkeypatch.setenv("PYTHONPATH", processes.environment(Path())["PYTHONPATH"])


@pytest.fixture(scope="module")
def images(image_folder: Path) -> Path:
    return image_folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def content(run: Path) -> tuple[list[tuple[float, float]], list[tuple[float | None, ...]], dict[str, torch.Tensor]]:
    """Losses and errors of every step and epoch, and the weights."""
    folder = RunFolder.open(run)
    steps = [(s.loss, s.top1_error) for s in folder.steps]
    epochs = [(e.train_top1_error, e.validation_top1_error, e.test_top1_error) for e in folder.epochs]
    return steps, epochs, safetensors.torch.load_file(folder.model_path)


def require_close(run: Path, other: Path) -> None:
    """The same batches and counts; losses and weights within the rounding of sums in another order.

    Muon enlarges the rounding of weak directions, so a weight may differ by a thousandth of the layer's largest; one
    update that is left out differs by more than ten times that.
    """
    (steps, epochs, weights), (other_steps, other_epochs, other_weights) = content(run), content(other)
    assert np.allclose(steps, other_steps, rtol=1e-4, atol=1e-6)
    assert epochs == other_epochs
    for name, weight in weights.items():
        difference = (weight - other_weights[name]).abs().max()
        assert difference <= 1e-3 * weight.abs().max() + 1e-5, name


def test_parts_cover_a_batch() -> None:
    for count, whole in ((1, 5), (2, 16), (3, 16), (5, 7), (4, 4)):
        parts = [BatchPart.of(number, count, whole) for number in range(count)]
        assert np.concatenate([np.arange(whole)[part.places] for part in parts]).tolist() == list(range(whole))
        sizes = [part.stop - part.start for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert all(part.whole == whole for part in parts)


def test_each_image_is_seen_once_an_epoch(images: Path) -> None:
    job, _ = prepare(scan_folder(images), RECIPE, ignore)
    jobs = [replace(job, processes=Processes(number, 3)) for number in range(3)]
    for step in range(job.num_steps):
        parts = [own.own_order(step) for own in jobs]
        assert np.concatenate(parts).tolist() == job.order(step).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "changes"),
    [
        (2, {}),
        (3, {"normalization": "mean_image", "flip": True, "pca_color": 0.1, "optimizer": "sgd_2012",
             "learning_rate": 1e-3, "schedule": "plateau", "validation_fraction": 0.2}),
    ],
)  # fmt: skip
def test_several_processes_train_as_one_does(
    images: Path, tmp_path: Path, count: int, changes: dict[str, object]
) -> None:
    recipe = RECIPE.replace(**changes)
    train(images, recipe, out=tmp_path / "alone")
    train(images, recipe, out=tmp_path / "together", processes=count)
    assert torch.get_num_threads() == 1
    require_close(tmp_path / "together", tmp_path / "alone")
    assert RunFolder.open(tmp_path / "together").about.machine["processes"] == count
    names = {path.name for path in (tmp_path / "together").rglob("*")}
    assert names == {path.name for path in (tmp_path / "alone").rglob("*")}


@pytest.mark.slow
@needs_fork
def test_interrupted_and_resumed_with_any_number_of_processes(images: Path, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    train(images, RECIPE, out=tmp_path / "whole", processes=2)
    for name in ("again", "alone"):
        with pytest.raises(KeyboardInterrupt):
            train(images, RECIPE, out=tmp_path / name, processes=2, on_event=interrupt)
        assert RunFolder.open(tmp_path / name).state_manifests()[0].stem == "step-000000003"
        resume(tmp_path / name, processes=2 if name == "again" else 1)
    steps, epochs, weights = content(tmp_path / "whole")
    again = content(tmp_path / "again")
    assert again[:2] == (steps, epochs)
    assert all(torch.equal(again[2][name], weight) for name, weight in weights.items())
    require_close(tmp_path / "alone", tmp_path / "whole")


@pytest.mark.slow
@needs_fork
def test_a_killed_process_ends_all_and_nothing_is_lost(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[int] = []
    start = launch._start

    def noted(*arguments: object, **named: object) -> object:
        child = start(*arguments, **named)  # type: ignore[arg-type]
        children.append(child[0].pid)
        return child

    def kill(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == 5:
            os.kill(children[0], signal.SIGKILL)

    monkeypatch.setattr(launch, "_start", noted)
    with pytest.raises(RunError) as caught:
        train(images, RECIPE, out=tmp_path / "run", processes=2, on_event=kill)
    message = str(caught.value)
    assert message.startswith("process 2 of 2 was killed (signal 9); saved at step ")
    assert f"`alexnet resume {tmp_path / 'run'}` continues" in message
    resume(tmp_path / "run")
    assert len(RunFolder.open(tmp_path / "run").steps) == LAST_STEP


@pytest.mark.slow
def test_a_process_that_cannot_take_part_says_why(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = processes.WORKER.replace("with narrow_variants():", "if True:")  # it does not know the network
    monkeypatch.setattr(launch, "worker_command", lambda: [sys.executable, "-c", script])
    with pytest.raises(RunError, match="process 2 of 2: .*narrow") as caught:
        train(images, RECIPE, out=tmp_path / "run", processes=2)
    assert "\n" not in str(caught.value)


def test_too_many_processes_for_a_batch(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "worker_command", lambda: [sys.executable, "-c", "pass"])
    with pytest.raises(RecipeError, match="batch_size = 2: too few for 3 processes"):
        train(images, RECIPE.replace(batch_size=2), out=tmp_path / "run", processes=3)
    assert not (tmp_path / "run").exists()
    with pytest.raises(RecipeError, match="processes = 0"):
        train(images, RECIPE, out=tmp_path / "run", processes=0)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.slow
@needs_fork
def test_two_machines_under_torchrun(images: Path, tmp_path: Path, own_cache: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(processes.COMMAND)
    (tmp_path / "recipe.toml").write_text(RECIPE.to_toml())
    words = [
        "train",
        str(images),
        "--recipe",
        str(tmp_path / "recipe.toml"),
        "--out",
        str(tmp_path / "run"),
        "--json",
    ]
    env = processes.environment(own_cache) | {"GLOO_SOCKET_IFNAME": "lo"}
    port = free_port()
    both = [processes.machine(number, 2, port, script, *words, env=env) for number in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert '"top1_error"' in outputs[0]
    assert '"top1_error"' not in outputs[1]
    train(images, RECIPE, out=tmp_path / "alone")
    require_close(tmp_path / "run", tmp_path / "alone")


@pytest.mark.slow
@needs_fork
def test_torchrun_restarts_a_training_that_lost_a_process(images: Path, tmp_path: Path, own_cache: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(processes.KILLED_ONCE)
    recipe = RECIPE.replace(save_minutes=1e-9)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    words = ["train", str(images), "--recipe", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run")]
    started = processes.restarting(2, free_port(), script, *words, env=processes.environment(own_cache))
    output = started.communicate(timeout=180)[0]
    assert started.returncode == 0, output
    assert output.count("2 processes, each on its part of every batch") == 2  # it was started twice
    train(images, recipe, out=tmp_path / "alone")
    require_close(tmp_path / "run", tmp_path / "alone")


def test_owners_have_equal_work() -> None:
    costs = [16.8, 4.2, 3.0, 4.4, 3.3, 1.5, 0.2]
    chosen = owners(costs, 2)
    loads = [sum(cost for cost, owner in zip(costs, chosen, strict=True) if owner == number) for number in range(2)]
    assert abs(loads[0] - loads[1]) < 0.1 * sum(costs)
    assert owners(costs, 1) == [0] * 7
    assert set(owners([1.0, 1.0], 3)) == {0, 1}


def test_memory_is_reserved_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "MEMORY", tmp_path)
    path = shared_memory._reserve(1000)
    assert path is not None
    assert path.stat().st_size == 1000
    path.unlink()
    assert shared_memory._reserve(1 << 62) is None  # more than any disk has
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shared_memory, "MEMORY", tmp_path / "missing")
    assert shared_memory._reserve(1000) is None


@pytest.mark.slow
@pytest.mark.parametrize("is_there", [True, False])
def test_memory_is_shared_where_there_is_enough_and_leaves_no_file(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """The same training with shared memory and, where that is missing, over sockets."""
    calls: list[SharedMemory | None] = []

    def noted(*arguments: object) -> SharedMemory | None:
        calls.append(share_memory(*arguments))  # type: ignore[arg-type]
        return calls[-1]

    memory = tmp_path / "memory"
    if is_there:
        memory.mkdir()
    monkeypatch.setattr(shared_memory, "MEMORY", memory)
    monkeypatch.setattr(exchange, "share_memory", noted)
    train(images, RECIPE, out=tmp_path / "together", processes=2)
    assert [call is not None for call in calls] == [is_there]
    assert not is_there or list(memory.iterdir()) == []
    train(images, RECIPE, out=tmp_path / "alone")
    require_close(tmp_path / "together", tmp_path / "alone")
