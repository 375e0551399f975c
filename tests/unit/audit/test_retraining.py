"""A retraining that is interrupted or killed: it goes on and is compared, or leaves nothing that looks like a run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import alexnet
from alexnet.audit.retrain import retrain
from alexnet.audit.retrained import read_retrained
from alexnet.data.corrections import Correction, write_corrections
from alexnet.errors import RunError
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run, open_run
from alexnet.training.events import Ended, Event, Note
from tests.conftest import copy_linked, small_recipe, trained_once
from tests.kills import in_child, kill

Command = Callable[..., tuple[int, str, str]]
FILE = "train/down/down_003.png"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Run:
    return trained_once(tmp_path_factory, "small-run", image_folder, small_recipe(test_views="centre"))


@pytest.fixture
def run(first: Run, tmp_path: Path) -> Run:
    return open_run(copy_linked(first.path, tmp_path / "first"))


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    return write_corrections(tmp_path / "c.csv", [Correction(FILE, "relabel", "down", "rings")])


def stop_after_an_epoch(event: Event) -> None:
    if isinstance(event, Ended):
        raise KeyboardInterrupt


def interrupted(run: Run, corrections: Path, out: Path | None = None) -> None:
    with pytest.raises(KeyboardInterrupt):
        retrain(run, corrections, out=out, whole=True, on_event=stop_after_an_epoch)


def comparison(path: Path) -> dict[str, object]:
    """Without what a resumed one cannot share: times, and the names of the runs."""
    values = json.loads((path / "retrained.json").read_text(encoding="utf-8"))
    text = json.dumps({name: value for name, value in values.items() if "seconds" not in name})
    for name in (str(values["before"]), str(values["after"])):
        text = text.replace(json.dumps(name)[1:-1], "")
    return dict(json.loads(text))


def test_a_whole_retraining_that_is_resumed_keeps_the_same_comparison(
    run: Run, corrections: Path, tmp_path: Path
) -> None:
    retrain(run, corrections, out=tmp_path / "whole", whole=True)
    interrupted(run, corrections, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "retrained.json").exists()
    told: list[str] = []
    alexnet.resume(tmp_path / "stopped", on_event=lambda e: told.append(e.text) if isinstance(e, Note) else None)
    assert told[-1] == f"{tmp_path / 'stopped'}: compared with {run.path}; see retrained.json"
    assert comparison(tmp_path / "stopped") == comparison(tmp_path / "whole")
    assert not list(tmp_path.glob("*/retraining.json"))
    kept = read_retrained(RunFolder(tmp_path / "stopped"))
    assert kept is not None and kept.seconds > (kept.network_seconds or 0.0) > 0


def test_the_same_command_goes_on_with_a_whole_retraining(run: Run, corrections: Path, run_command: Command) -> None:
    interrupted(run, corrections)
    code, out, err = run_command("retrain", run.path, "--corrections", corrections, "--whole")
    assert (code, "going on with an earlier retraining" in err) == (0, True)
    assert str(run.path.with_name("first-corrected")) in out + err
    assert not run.path.with_name("first-corrected-2").exists()
    assert json.loads((run.path.with_name("first-corrected") / "retrained.json").read_text(encoding="utf-8"))["whole"]


def test_other_corrections_train_anew(run: Run, corrections: Path, tmp_path: Path) -> None:
    interrupted(run, corrections)
    lines = [Correction(FILE, "relabel", "down", "rings"), Correction("train/down/down_004.png", "exclude", "down")]
    more = write_corrections(tmp_path / "more.csv", lines)
    assert retrain(run, more, whole=True).after == str(run.path.with_name("first-corrected-2"))
    with pytest.raises(RunError, match="holds an unfinished run"):
        retrain(run, more, out=run.path.with_name("first-corrected"), whole=True)


def test_a_resumed_retraining_without_the_run_before_is_trained_but_not_compared(
    run: Run, corrections: Path, tmp_path: Path, run_command: Command
) -> None:
    interrupted(run, corrections, tmp_path / "stopped")
    run.path.rename(tmp_path / "moved")
    code, _, err = run_command("resume", tmp_path / "stopped")
    assert (code, "not compared with the run that it trains again" in err) == (0, True)
    assert open_run(tmp_path / "stopped").about.is_finished
    (tmp_path / "moved").rename(run.path)
    run_command("resume", tmp_path / "stopped")
    assert (tmp_path / "stopped" / "retrained.json").exists()


def test_one_that_is_stopped_before_its_first_step_leaves_nothing(
    run: Run, corrections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alexnet.training.train.prepare", stop)
    with pytest.raises(KeyboardInterrupt):
        retrain(run, corrections, out=tmp_path / "after", whole=True)
    assert not (tmp_path / "after").exists()


@pytest.mark.parametrize(
    "name", ["recipe.toml", "model.safetensors", "predictions.csv", "run.json", "retrained.json"]
)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_kill_while_the_run_folder_is_written_leaves_no_part_of_it(
    run: Run, corrections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_there: bool
) -> None:
    out = tmp_path / "after"
    if is_there:
        out.mkdir()
    write = RunFolder.write

    def killed(folder: RunFolder, file: str, work: Callable[[Path], object]) -> None:
        write(folder, file, work)
        if file == name:
            kill()

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write", killed)
        assert in_child(lambda: retrain(run, corrections, out=out)) < 0
    assert [path.name for path in tmp_path.glob("after/*") if path.name != ".drawing"] == []
    result = retrain(run, corrections, out=out)
    assert read_retrained(open_run(out).folder) == result
    assert not list(tmp_path.rglob("*.drawing"))
