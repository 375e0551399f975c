"""The first page in a real browser: a face for each run, with its state and what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet.files import write_whole
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.studio.training_queue import Waiting
from alexnet.studio.workspace import Workspace
from tests.accessibility import violations
from tests.conftest import copy_linked
from tests.studio_server import Studio, served
from tests.unit.studio.test_home_routes import told, unfinished

pytestmark = pytest.mark.browser


@pytest.fixture
def studio(tmp_path: Path, narrow_run: Run) -> Iterator[Studio]:
    runs = tmp_path / "runs"
    copy_linked(narrow_run.path, runs / "done")
    for name in ("busy", "broken", "paused"):
        unfinished(narrow_run.path, runs / name)
    state = RunFolder(runs / "paused").state_dir
    state.mkdir(exist_ok=True)
    write_whole(state / "step-000000010.json", lambda beside: beside.write_text("{}", encoding="utf-8"))
    before = Workspace([tmp_path])
    told(before, runs / "broken", "epoch  1/2", "alexnet: step 9: the loss is not finite")
    told(before, runs / "early", "alexnet: images: no such folder")
    for name in ("later", "last"):
        before.queue.add(lambda name=name: Waiting(str(runs / name), ("train",), "images", "fast"))  # type: ignore[misc]
    with RunFolder(runs / "busy").locked(), served([tmp_path]) as running:
        yield running
        for name in ("later", "last"):
            running.workspace.queue.remove(name)


def test_each_run_says_how_it_stands(tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(studio.workspace.jobs, "start", lambda words, out: started.append(words))
    tab.goto(studio.address)

    def state(name: str) -> str:
        card = tab.get_by_role("listitem").filter(has=tab.get_by_role("link", name=name, exact=True))
        return " ".join(card.inner_text().split())

    tab.locator("#main").get_by_role("link", name="busy", exact=True).wait_for()
    assert "finished: " in state("done") and "correct of 21 test images" in state("done")
    assert "training: 2 of 2 epochs, validation error" in state("busy")
    assert "failed after 2 of 2 epochs" in state("broken") and "the loss is not finite" in state("broken")
    assert "stopped after 2 of 2 epochs" in state("paused") and "alexnet resume" in state("paused")
    assert "failed before its first epoch" in state("early") and "images: no such folder" in state("early")
    assert "waiting: the next in the queue" in state("later")
    assert "waiting: number 2 in the queue" in state("last")
    assert violations(tab) == []
    tab.get_by_role("button", name="Resume paused").click()
    tab.get_by_text("paused is resumed.").wait_for()
    assert started == [["resume", str(studio.workspace.runs_dir / "paused")]]
    RunFolder(studio.workspace.runs_dir / "paused").path.rename(studio.workspace.runs_dir / "renamed")
    tab.get_by_role("link", name="renamed", exact=True).wait_for()


def test_a_training_of_a_terminal_appears_while_nothing_else_goes_on(
    browser: Any, narrow_run: Run, tmp_path: Path
) -> None:
    copy_linked(narrow_run.path, tmp_path / "runs" / "done")
    page = browser.new_page()
    with served([tmp_path]) as running:
        page.goto(running.address)
        page.locator(".runs").get_by_role("link", name="done").wait_for()
        copy_linked(narrow_run.path, tmp_path / "runs" / "started-elsewhere")
        page.locator(".runs").get_by_role("link", name="started-elsewhere").wait_for()
        page.close()
