"""The run folder: whole or absent, readable while it is written, one process at a time."""

import errno
import multiprocessing
from pathlib import Path

import pytest

from alexnet.errors import RunError
from alexnet.files import write_whole
from alexnet.presets import PRESETS
from alexnet.records import Prediction, StepRecord
from alexnet.run_folder import SCHEMA, RunFolder


def step(number: int) -> StepRecord:
    return StepRecord(number, 1, 1e-3, 1 / 3, 0.5)


def test_records_read_back_the_same(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_records("steps.csv", [step(1)])
    run.append_records("steps.csv", [step(2)])
    assert run.steps == (step(1), step(2))


def test_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_records("steps.csv", [step(1), step(2)])
    text = (tmp_path / "steps.csv").read_text()
    (tmp_path / "steps.csv").write_text(text[:-7])
    assert run.steps == (step(1),)


def test_lines_after_the_saved_step_are_cut(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_records("steps.csv", [step(n) for n in (1, 2, 3)])
    run.cut_records("steps.csv", StepRecord, 2)
    assert [record.step for record in run.steps] == [1, 2]


def test_failed_writing_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail(beside: Path) -> None:
        beside.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"


def test_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    def fail(beside: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError, match=r"model.safetensors: cannot be written .* the disk is full: free some space"):
        RunFolder(tmp_path).write("model.safetensors", fail)


def test_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run").write_json("run.json", {})
    with pytest.raises(RunError, match="already holds a run; `alexnet resume"):
        RunFolder.create(tmp_path / "run")


def test_folder_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="exists and is no run folder"):
        RunFolder.create(tmp_path)


@pytest.mark.parametrize("name", ["gone", "."])
def test_opening_what_is_no_run_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match=r"no such folder|no run folder"):
        RunFolder.open(tmp_path / name)


def _hold(path: Path, held: object, done: object) -> None:
    with RunFolder(path).locked():
        held.set()  # type: ignore[attr-defined]
        done.wait(20)  # type: ignore[attr-defined]


def test_second_process_is_refused(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, done))
    other.start()
    assert held.wait(20)
    try:
        with pytest.raises(RunError, match="another process is training"), RunFolder(tmp_path).locked():
            pass
    finally:
        done.set()
        other.join(20)
    with RunFolder(tmp_path).locked():
        pass


def test_damaged_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json: is damaged"):
        RunFolder(tmp_path).read_json("run.json")


def test_recipe_and_predictions_read_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_json("run.json", {"schema": SCHEMA, "status": "finished", "classes": [], "data": {}})
    run.write_recipe(PRESETS["finetune"])
    assert run.recipe == PRESETS["finetune"]
    predictions = (
        Prediction("a,b.jpg", "cat", "dog", 0.75, 0.5, 1.386, (("dog", 0.75), ("cat", 0.25))),
        Prediction("c.jpg", "dog", "dog", 1.0, 1.0, 0.0, (("dog", 1.0), ("cat", 0.0))),
    )
    run.write_predictions(predictions)
    assert run.read_predictions() == predictions


def test_disk_that_fills_while_tensors_are_written_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors import SafetensorError

    from alexnet.model import checkpoint

    def fill(_tensors: object, beside: Path) -> None:
        beside.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint.safetensors.torch, "save_file", fill)
    with pytest.raises(
        RunError, match=r"x.safetensors: cannot be written .No space left on device.; the disk is full"
    ):
        checkpoint.write_tensors(RunFolder(tmp_path), "x.safetensors", {"a": torch.ones(2)})
    assert list(tmp_path.iterdir()) == []
