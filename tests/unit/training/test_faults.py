"""Full disks, removed folders, changed images, damaged files and bad numbers, as a training's command meets them."""

import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from alexnet.errors import RecipeError, RunError
from alexnet.runs.run import open_run
from alexnet.training.events import Event, Stepped, Warned, ignore
from alexnet.training.ledger import Ledger
from alexnet.training.resume import Saver, TrainingState
from alexnet.training.train import resume
from tests.disturbances import RECIPE, SMALL, Command, before, cut, flip, full_disk, left
from tests.kills import fingerprint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has neither fork nor these signals")

FULL = "cannot be written (No space left on device); the disk is full: free some space"
KINDS = [
    "state/step-000000005.safetensors", "state/step-000000005.json", "kernels/epoch-0002.npy", "model.safetensors",
    "model.json", "epochs.csv", "evaluation.json", "predictions.csv", "run.json",
]  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_disk_full_at_each_kind_of_file(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, stopped: Path, finished: Path, no_report: None, name: str
) -> None:
    with monkeypatch.context() as patch:
        full_disk(patch, name)
        code, _, err = run_command("resume", stopped)
    assert (code, err.splitlines()[-1].startswith(f"alexnet: {stopped / name}: {FULL}")) == (2, True), err
    assert left(stopped) == []
    assert run_command("resume", stopped)[0] == 0
    assert fingerprint(stopped) == fingerprint(finished)


def test_disk_full_while_decoding(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, few_images: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    full_disk(monkeypatch, "pixels.u8")
    code, _, err = run_command("train", few_images, *SMALL, "--out", tmp_path / "run")
    assert (code, f"{tmp_path / 'cache'}" in err and FULL in err) == (2, True)
    assert not (tmp_path / "run").exists()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_disk_full_at_figures_and_report(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, finished: Path, plain_figures: None
) -> None:
    expected = fingerprint(finished)
    for name in ("figures/curves.png", "report.html"):
        with monkeypatch.context() as patch:
            full_disk(patch, name)
            code, _, err = run_command("report", finished)
        assert (code, err.count("\n"), f"{finished / name}: {FULL}" in err) == (2, 1, True)
    assert not (finished / "report.html").exists()
    assert run_command("report", finished)[0] == 0
    assert fingerprint(finished) == expected


def test_disk_full_at_exported_images(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, finished: Path, tmp_path: Path
) -> None:
    mistakes = open_run(finished).mistakes()
    assert len(mistakes) > 1
    with monkeypatch.context() as patch:
        full_disk(patch, "/0002-")
        code, _, err = run_command("mistakes", finished, "--export", tmp_path / "wrong")
    assert (code, err.count("\n"), FULL in err) == (2, 1, True)
    assert len([path for path in (tmp_path / "wrong").rglob("*") if path.is_file()]) == 1
    assert run_command("mistakes", finished, "--export", tmp_path / "again")[0] == 0


def test_run_folder_that_may_not_be_written(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, stopped: Path
) -> None:
    def refuse(path: object, flags: int, *rest: Any, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(stopped)):
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *rest, **more)  # type: ignore[arg-type]

    opened = os.open
    monkeypatch.setattr(os, "open", refuse)
    code, _, err = run_command("resume", stopped)
    assert code == 2
    assert f"{stopped}: cannot be written (Permission denied); check its permissions" in err.splitlines()[-1]


@pytest.mark.parametrize(
    "moment",
    [
        "alexnet.training.ledger:Ledger.record", "alexnet.training.resume:save_state",
        "alexnet.training.train:evaluate_classifier",
    ],
)  # fmt: skip
def test_run_folder_removed_while_training(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, stopped: Path, moment: str
) -> None:
    before(monkeypatch, moment, lambda: shutil.rmtree(stopped))
    code, _, err = run_command("resume", stopped)
    assert code == 2
    assert "it or its folder is no longer there: put it back, or start anew" in err.splitlines()[-1]
    assert not stopped.exists()


LONG = "Läufe mit Leerzeichen 🦊 " + "sehr lang " * 17 + "ß"


def test_path_with_spaces_umlauts_emoji_and_200_characters(
    run_command: Command, stopped: Path, finished: Path, tmp_path: Path, plain_figures: None
) -> None:
    assert len(LONG) > 190
    run = tmp_path / LONG / "ein Lauf"
    shutil.copytree(stopped, run)
    assert run_command("resume", run)[0] == 0
    assert fingerprint(run) | fingerprint(finished) == fingerprint(run)
    assert (run / "report.html").is_file()
    code, _, err = run_command("mistakes", run, "--export", tmp_path / LONG / "falsch")
    assert (code, len(list((tmp_path / LONG / "falsch").rglob("*.png")))) == (0, len(open_run(run).mistakes())), err


# --- images, clock and saved states
@pytest.mark.parametrize("change", ["change", "remove", "add"])
def test_images_that_differ_from_those_of_the_start_are_refused(
    few_images: Path, stopped: Path, finished: Path, tmp_path: Path, change: str
) -> None:
    data = Path(shutil.copytree(few_images, tmp_path / "images"))
    one, other = data / "train" / "down" / "down_001.png", data / "train" / "down" / "down_002.png"
    kept = one.read_bytes()
    if change == "remove":
        one.unlink()
    else:
        (one if change == "change" else one.with_name("new.png")).write_bytes(other.read_bytes())
    with pytest.raises(RunError, match=r"images in .* have changed since the run was started; put them back as they"):
        resume(stopped, data=data)
    one.write_bytes(kept)
    one.with_name("new.png").unlink(missing_ok=True)
    resume(stopped, data=data)
    assert fingerprint(stopped) == fingerprint(finished)


def test_images_moved_between_start_and_resume(
    run_command: Command, few_images: Path, stopped: Path, finished: Path, no_report: None, tmp_path: Path
) -> None:
    about = stopped / "run.json"
    about.write_text(about.read_text().replace(str(few_images), str(tmp_path / "gone")))
    code, _, err = run_command("resume", stopped)
    assert (code, err) == (
        2,
        f"alexnet: {tmp_path / 'gone'}: no such file or folder; put the images back, or give --data\n",
    )
    assert run_command("resume", stopped, "--data", few_images)[0] == 0
    assert fingerprint(stopped) == fingerprint(finished)


def test_clock_set_back_between_start_and_resume(
    stopped: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest state has the oldest time, everything else lies in the future."""
    for path in stopped.rglob("*"):
        os.utime(path, (4e9, 4e9))
    for path in stopped.glob("state/step-000000004.*"):
        os.utime(path, (1e9, 1e9))
    monkeypatch.setattr(time, "time", lambda: 1e9)
    steps: list[int] = []
    run = resume(
        stopped, on_event=lambda event: steps.append(event.record.step) if isinstance(event, Stepped) else None
    )
    assert steps == [5, 6]
    assert fingerprint(stopped) == fingerprint(finished)
    assert all(epoch.seconds > 0 for epoch in run.folder.epochs)


def miscount(path: Path) -> None:
    """Another number, which is as plausible as the true one."""
    path.write_text(path.read_text().replace('"num_wrong": ', '"num_wrong": 1'))


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("safetensors", flip), ("safetensors", cut), ("safetensors", Path.unlink), ("json", miscount), ("json", cut),
        ("json", Path.unlink),
    ],
)  # fmt: skip
def test_damaged_state_falls_back_to_the_one_before(
    stopped: Path, finished: Path, suffix: str, damage: Callable[[Path], object]
) -> None:
    damage(stopped / "state" / f"step-000000004.{suffix}")
    heard: list[Event] = []
    resume(stopped, on_event=heard.append)
    warned = [event.text for event in heard if isinstance(event, Warned) and "saved state is damaged" in event.text]
    if (damage, suffix) != (Path.unlink, "json"):  # then its tensors are what a killed process left
        assert len(warned) == 1
        assert warned[0].endswith("; resuming from the state before it, step 3")
    assert next(event.record.step for event in heard if isinstance(event, Stepped)) == 4
    assert fingerprint(stopped) == fingerprint(finished)


def test_no_whole_state_is_said_and_nothing_removed(run_command: Command, stopped: Path) -> None:
    for path in stopped.glob("state/*.safetensors"):
        flip(path)
    code, _, err = run_command("resume", stopped)
    assert (code, "no other state is left: train again with another --out" in err.splitlines()[-1]) == (2, True)
    assert len(list(stopped.glob("state/*"))) == 4


@pytest.mark.parametrize("name", ["run.json", "recipe.toml", "steps.csv", "epochs.csv"])
def test_damaged_file_of_an_unfinished_run_has_a_step_that_helps(
    run_command: Command, stopped: Path, name: str
) -> None:
    (stopped / name).write_text("x,y\n1,2\n")
    code, _, err = run_command("resume", stopped)
    assert code == 2
    assert f"{stopped / name}: is damaged (" in err.splitlines()[-1]
    assert "alexnet resume" not in err
    assert "train again" in err


# --- numbers and memory
def test_loss_that_is_not_finite_names_step_and_images_and_keeps_the_last_good_state(
    stopped: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Ledger.record

    def spoiled(self: Ledger, step: int, rates: Any, loss: Any, wrong: Any) -> None:
        record(self, step, rates, loss * math.nan if step == 5 else loss, wrong)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "record", spoiled)
        with pytest.raises(RunError, match=r"^step 6: the loss is not finite; .*batch-000000006\.csv .* lists the"):
            resume(stopped)
    lines = (stopped / "batch-000000006.csv").read_text().splitlines()
    assert (lines[0], len(lines)) == ("file,class", 1 + RECIPE.batch_size)
    assert all(line.startswith("train/") and line.rpartition(",")[2] in line.split("/") for line in lines[1:])
    assert sorted(path.name for path in stopped.glob("state/*.json"))[-1] == "step-000000005.json"
    resume(stopped)
    assert fingerprint(stopped) == fingerprint(finished)


def test_weights_that_are_not_finite_are_not_saved(stopped: Path) -> None:
    run = open_run(stopped).folder
    network = torch.nn.Linear(2, 2)
    saver = Saver(run, network, None, TrainingState(step=9), minutes=1.0)  # type: ignore[arg-type]
    with torch.no_grad():
        network.weight[0, 0] = math.inf
    saver.save()
    assert run.state_manifests()[0].name == "step-000000004.json"


def test_process_that_saves_nothing_is_not_due_again_before_the_next_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("alexnet.training.resume.time.perf_counter", lambda: now[0])
    saver = Saver(None, torch.nn.Linear(2, 2), None, TrainingState(), minutes=1.0)  # type: ignore[arg-type]
    due = []
    for now[0] in (30.0, 61.0, 62.0, 100.0, 122.0):
        due.append(saver.is_due())
        if due[-1]:
            saver.save()
    assert due == [False, True, False, False, True]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)  # fmt: skip
def test_too_little_memory_names_what_to_lower(
    stopped: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    with monkeypatch.context() as patch:
        before(patch, "alexnet.training.loop:replayed_on_gpu", fail)
        with pytest.raises(RecipeError, match=r"batch_size = 8 at size = 67: .* set batch_size=4 or a smaller size"):
            resume(stopped, on_event=ignore)
    resume(stopped)
    assert fingerprint(stopped) == fingerprint(finished)
