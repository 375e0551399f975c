"""Runs of six steps that were stopped at some moment, for tests of what happens then."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

import alexnet.training.resume as saving
from alexnet.training.events import Event, Stepped
from alexnet.training.train import train
from tests.conftest import made_once, write_images
from tests.disturbances import NUM_STEPS, RECIPE


@pytest.fixture
def every_step_saved(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A state is saved after every step; one thread, so that sums are the same in every process."""
    monkeypatch.setattr(saving, "LARGEST_COST", 1e9)
    monkeypatch.setattr(os, "fsync", lambda _file: None)  # takes most of the time of so small a training
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def few_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few images; not to be changed."""

    def make(folder: Path) -> None:
        write_images(folder / "train", 8)
        write_images(folder / "test", 3, first=1000)

    return made_once(tmp_path_factory, "few-images", make)


def stopped_run(tmp_path_factory: pytest.TempPathFactory, images: Path, step: int, target: Path) -> Path:
    """A copy of a run that was interrupted in a step; beyond the last step, of one that is finished."""

    def interrupt(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    def make(folder: Path) -> None:
        try:
            train(images, RECIPE, out=folder, on_event=interrupt)
        except KeyboardInterrupt:
            assert step <= NUM_STEPS

    return Path(shutil.copytree(made_once(tmp_path_factory, f"stopped-{step}", make), target))


@pytest.fixture
def stopped(
    tmp_path_factory: pytest.TempPathFactory, few_images: Path, every_step_saved: None, tmp_path: Path
) -> Path:
    """A run with the saved states of steps 3 and 4 of 6."""
    return stopped_run(tmp_path_factory, few_images, 4, tmp_path / "stopped")


@pytest.fixture
def untested(
    tmp_path_factory: pytest.TempPathFactory, few_images: Path, every_step_saved: None, tmp_path: Path
) -> Path:
    """A run that only has to be tested."""
    return stopped_run(tmp_path_factory, few_images, NUM_STEPS, tmp_path / "untested")


@pytest.fixture
def finished(
    tmp_path_factory: pytest.TempPathFactory, few_images: Path, every_step_saved: None, tmp_path: Path
) -> Path:
    """The same run, never disturbed; without its report."""
    return stopped_run(tmp_path_factory, few_images, NUM_STEPS + 1, tmp_path / "finished")


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command writes no report, which takes longer than the training."""
    monkeypatch.setattr("alexnet.write_report", lambda run: run.path / "report.html")


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has two empty figures, which are drawn in no time."""
    figures = {"curves": Figure(), "confusion": Figure()}
    monkeypatch.setattr("alexnet.report.page._draw_all", lambda *_, **__: (figures, None))
