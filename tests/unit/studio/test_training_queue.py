"""The queue of trainings: in order, one at a time, once; it outlives the server, and servers share it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet.errors import DataError
from alexnet.files import write_whole
from alexnet.run_folder import RunFolder
from alexnet.studio.jobs import Job, Jobs
from alexnet.studio.queue_routes import is_training
from alexnet.studio.training_queue import TrainingQueue, Waiting
from alexnet.studio.workspace import Workspace
from tests.conftest import copy_linked
from tests.studio_server import Studio, served

TINY = {"epochs": 1, "size": 67, "start_size": None, "batch_size": 32, "initialization": "fan_in"}


class Started(Jobs):
    """Commands that are only written down."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        super().__init__()
        self.started: list[str] = []
        self.seconds = seconds

    def start(self, words: Any, out: Path) -> Job:
        time.sleep(self.seconds)
        self.started.append(out.name)
        return Job(str(out), tuple(words), 0, "")

    def of(self, out: Path) -> Job | None:
        return Job(str(out), (), 0, "9999") if out.name in self.started else None


def waiting(folder: Path, name: str) -> Waiting:
    return Waiting(str(folder / name), ("train", "images", "--out", str(folder / name)), "images", "fast")


@pytest.fixture
def queue(tmp_path: Path) -> TrainingQueue:
    queue = TrainingQueue(tmp_path)
    for name in ("one", "two", "three"):
        queue.add(lambda name=name: waiting(tmp_path, name))  # type: ignore[misc]
    return queue


def test_one_after_the_other_in_order_and_only_when_none_runs(queue: TrainingQueue, tmp_path: Path) -> None:
    jobs = Started()
    queue.start_next(jobs, lambda: True)
    assert jobs.started == []
    queue.remove("two")
    for _ in range(4):
        TrainingQueue(tmp_path).start_next(jobs, lambda: False)  # another server knows it from the disk
    assert jobs.started == ["one", "three"]
    assert queue.waiting() == []
    with pytest.raises(DataError, match="three: is no longer waiting; it may have started"):
        queue.remove("three")


def test_of_two_servers_one_starts_it(queue: TrainingQueue, tmp_path: Path) -> None:
    jobs = Started(seconds=0.3)
    gate = threading.Barrier(2)

    def serve() -> None:
        gate.wait()
        TrainingQueue(tmp_path).start_next(jobs, lambda: bool(jobs.started))

    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert jobs.started == ["one"]
    assert [each.name for each in queue.waiting()] == ["two", "three"]


def test_a_server_that_ends_after_the_start_does_not_start_it_again(
    queue: TrainingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Started()
    with monkeypatch.context() as broken:
        broken.setattr(TrainingQueue, "_write", full_disk)
        queue.start_next(jobs, lambda: False)
    assert queue.fault == "queue.json: cannot be written; the disk is full"
    assert [each.name for each in queue.waiting()] == ["one", "two", "three"]
    queue.start_next(jobs, lambda: True)
    assert jobs.started == ["one"] and queue.fault == ""
    assert [each.name for each in queue.waiting()] == ["two", "three"]


def test_a_job_that_wrote_a_run_of_this_name_before_does_not_count_as_its_own(
    queue: TrainingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Started()
    earlier = Job("one", (), 0, "2020-01-01T00:00:00+00:00")
    monkeypatch.setattr(jobs, "of", lambda out: earlier if out.name == "one" else None)
    queue.start_next(jobs, lambda: False)
    assert jobs.started == ["one"]


def full_disk(*_: Any) -> None:
    raise DataError("queue.json: cannot be written; the disk is full")


def test_a_damaged_queue_says_which_file_to_delete(queue: TrainingQueue) -> None:
    path = queue._path
    write_whole(path, lambda beside: beside.write_text('[{"out": 3}]', encoding="utf-8"))
    with pytest.raises(DataError, match=rf"{path.name}: cannot be read \(out: .*\); delete it"):
        queue.waiting()
    queue.start_next(Started(), lambda: False)
    assert "delete it" in queue.fault


# --- the routes
@pytest.fixture
def busy(tmp_path: Path, place: Path) -> Iterator[Studio]:
    """A studio of its own, in which a training of a terminal runs."""
    copy_linked(place / "images", tmp_path / "images")
    run = RunFolder(copy_linked(place / "runs" / "first", tmp_path / "runs" / "growing"))
    open_run = run.about.to_dict() | {"status": "running"}
    run.write_about(type(run.about).from_dict(open_run))
    with served([tmp_path]) as studio, run.locked():
        yield studio


def test_what_is_added_waits_under_a_name_of_its_own(busy: Studio, tmp_path: Path) -> None:
    values = {"data": "images", "preset": "fast", "settings": {"epochs": 2}}
    names = [busy.post("/api/queue", values).values["run"] for _ in range(2)]
    assert names == ["images-fast", "images-fast-2"]
    state = busy.ask("/api/queue").values
    assert state["is_busy"]
    one = {"data": "images", "preset": "fast", "settings": ["epochs = 2"]}
    assert state["waiting"] == [{"run": name} | one for name in names]
    assert "--set" in busy.workspace.queue.waiting()[0].words
    assert Workspace([tmp_path]).queue.waiting() == busy.workspace.queue.waiting(), "a server that starts later"
    assert "epochs = 0" in busy.post("/api/queue", values | {"settings": {"epochs": 0}}).error
    assert busy.post("/api/queue", values | {"data": "none"}).status == 404
    assert busy.post("/api/queue/images-fast/remove").status == 200
    assert "is no longer waiting" in busy.post("/api/queue/images-fast/remove").error
    assert [each["run"] for each in busy.ask("/api/queue").values["waiting"]] == ["images-fast-2"]


@pytest.mark.slow
def test_trainings_that_wait_are_trained_one_after_the_other(tmp_path: Path, place: Path) -> None:
    copy_linked(place / "images", tmp_path / "images")
    values = {"data": "images", "preset": "fast", "settings": TINY}
    with served([tmp_path]) as studio:
        for _ in range(2):
            studio.post("/api/queue", values)
        overlapping = []
        until = time.monotonic() + 120
        while time.monotonic() < until:
            jobs = studio.workspace.jobs
            alive = [job.out for job in jobs.known() if job.out.startswith(str(tmp_path)) and jobs.is_alive(job)]
            overlapping += [alive] if len(alive) > 1 else []
            runs = studio.ask("/api/here").values["runs"]
            if [run["status"] for run in runs] == ["finished"] * 2 and not is_training(studio.workspace):
                break
            time.sleep(0.5)
        assert sorted(run["name"] for run in runs) == ["images-fast", "images-fast-2"]
        assert overlapping == []
        assert studio.ask("/api/queue").values == {
            "waiting": [], "is_busy": False, "fault": "", "failed": [],
        }  # fmt: skip
