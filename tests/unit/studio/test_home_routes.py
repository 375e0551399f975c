"""The first page: every run with its state, also after the server was started again, and for runs of a terminal."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alexnet.files import write_whole
from alexnet.run_folder import RunFolder
from alexnet.studio.jobs import Job
from alexnet.studio.training_queue import Waiting
from alexnet.studio.workspace import Workspace
from tests.conftest import copy_linked
from tests.studio_server import Studio, served

NO_PROCESS = 2**22 + 1


def unfinished(source: Path, target: Path) -> RunFolder:
    """A copy of a run as it was while it was trained: without its scores."""
    run = RunFolder(copy_linked(source, target))
    run.write_about(replace(run.about, status="running"))
    for name in ("evaluation.json", "predictions.csv", ".lock"):  # a linked lock would be that of the other run, too
        (target / name).unlink(missing_ok=True)
    return run


def told(workspace: Workspace, out: Path, *lines: str, words: tuple[str, ...] = ("train",)) -> None:
    """A command that an earlier server has started, which has ended, and what it said."""
    jobs = workspace.jobs
    job = Job(str(out), words, NO_PROCESS, datetime.now(UTC).isoformat(timespec="seconds"))
    jobs._path(out, "log").parent.mkdir(parents=True, exist_ok=True)
    jobs._path(out, "log").write_text("\n".join(lines), encoding="utf-8")
    jobs._path(out, "json").write_text(json.dumps(job.to_dict()), encoding="utf-8")


def home(studio: Studio) -> dict[str, Any]:
    values: dict[str, Any] = studio.ask("/api/here").values
    return values | {"runs": {run["name"]: run for run in values["runs"]}}


def test_every_state_is_told_by_a_server_that_was_just_started(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "alexnet.studio.queue_routes.is_training", lambda _: True
    )  # so that what waits is not started
    source, runs = place / "runs" / "first", tmp_path / "runs"
    copy_linked(source, runs / "done")
    unfinished(source, runs / "interrupted")
    unfinished(source, runs / "broken")
    resumable = unfinished(source, runs / "resumable")
    resumable.state_dir.mkdir(exist_ok=True)
    write_whole(resumable.state_dir / "step-000000010.json", lambda beside: beside.write_text("{}", encoding="utf-8"))
    before = Workspace([tmp_path])
    told(before, runs / "interrupted", "epoch  1/2", "alexnet: interrupted; continue it with `alexnet resume`")
    told(before, runs / "broken", "epoch  1/2", "alexnet: step 9: the loss is not finite")
    told(before, runs / "early", "alexnet: no such folder")
    before.queue.add(lambda: Waiting(str(runs / "later"), ("train",), "images", "fast"))
    with served([tmp_path]) as studio:
        values = home(studio)
        assert {name: run["status"] for name, run in values["runs"].items()} == {
            "done": "finished", "interrupted": "stopped", "broken": "stopped", "resumable": "stopped",
        }  # fmt: skip
        assert values["runs"]["broken"]["reason"] == "step 9: the loss is not finite"
        assert values["runs"]["resumable"]["reason"] == ""
        assert values["runs"]["resumable"]["may_resume"] and not values["runs"]["broken"]["may_resume"]
        assert values["runs"]["resumable"]["shell_path"].endswith("runs/resumable")
        assert values["failed"] == [{"run": "early", "fault": "no such folder"}]
        studio.workspace.queue.remove("later")
    assert values["waiting"] == [{"run": "later", "data": "images", "preset": "fast"}]


HOLD = """
import sys
from pathlib import Path
from alexnet.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_training_of_a_terminal_shows_its_epochs_and_its_newest_error(place: Path, tmp_path: Path) -> None:
    run = unfinished(place / "runs" / "first", tmp_path / "runs" / "other")
    with served([tmp_path]) as studio:
        assert home(studio)["runs"]["other"]["status"] == "stopped"
        command = [sys.executable, "-c", HOLD, str(run.path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as terminal:
            try:
                assert terminal.stdout is not None and terminal.stdout.readline() == b"held\n"
                values = home(studio)["runs"]["other"]
            finally:
                terminal.communicate(b"")
        assert (values["status"], values["epochs_done"], values["epochs"]) == ("training", 2, 2)
        last = run.epochs[-1]
        assert values["error"] == {"of": "validation", "top1_error": pytest.approx(last.validation_top1_error)}
        assert home(studio)["runs"]["other"]["status"] == "stopped", "its process has ended"
