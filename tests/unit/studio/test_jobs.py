"""Commands that the studio starts: which are alive, and what ended the others."""

import errno
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alexnet.errors import DataError
from alexnet.studio.jobs import Job, Jobs
from alexnet.studio.queue_routes import failed_early
from alexnet.studio.workspace import Workspace


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("epoch  1/2  train loss 1.2\nreport: runs/gone/report.html\n", None),
        ("epoch  1/2  train loss 1.2\nalexnet: interrupted\n", None),
        ("alexnet: interrupted\n", None),
        ("alexnet: images: no such folder\n", "images: no such folder"),
        ("72 images\n", "its process ended without a reason, perhaps for lack of memory; its last line: 72 images"),
        ("", "its process ended without a reason, perhaps for lack of memory"),
    ],
)
def test_a_training_whose_run_was_deleted_has_not_failed(tmp_path: Path, log: str, reason: str | None) -> None:
    """What a server that is started again tells of a training that has ended and whose run is not there."""
    workspace, out = Workspace([tmp_path]), tmp_path / "runs" / "gone"
    jobs = workspace.jobs
    record, text = jobs._path(out, "json"), jobs._path(out, "log")
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text(log, encoding="utf-8")
    job = Job(str(out), ("train",), 2**22 + 1, datetime.now(UTC).isoformat(timespec="seconds"))
    record.write_text(json.dumps(job.to_dict()), encoding="utf-8")
    assert failed_early(workspace) == ([] if reason is None else [{"run": "gone", "fault": reason}])


def test_a_later_process_of_the_same_number_is_not_taken_for_the_job(tmp_path: Path) -> None:
    import os

    assert not Jobs().is_alive(Job(str(tmp_path / "x"), ("train",), os.getpid(), ""))


@pytest.mark.skipif(shutil.which("ps") is None, reason="this system has no `ps`")
def test_a_job_of_an_earlier_server_is_known_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: by the command line that `ps` prints."""
    monkeypatch.setattr("alexnet.studio.jobs.PROC", tmp_path)
    out = str(tmp_path / "a run")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "--out", out]) as process:
        assert Jobs().is_alive(Job(out, ("train",), process.pid, ""))
        assert not Jobs().is_alive(Job(out[:-1], ("train",), process.pid, ""))
        process.kill()
    assert not Jobs().is_alive(Job(out, ("train",), process.pid, ""))


def test_a_training_that_cannot_be_recorded_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("alexnet.studio.jobs.write_whole", full)
    jobs = Jobs()
    with pytest.raises(DataError, match="No space left on device"):
        jobs.start(["train", "nothing", "--out", str(tmp_path / "x")], tmp_path / "x")
    assert all(child.poll() is not None for child in jobs._children.values())
