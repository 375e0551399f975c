"""Is a folder good enough: the commands that find it out, their results as the library gives them, and faults."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import alexnet
from alexnet.data.corrections import correct, corrections_path
from alexnet.data.folder import scan_folder
from alexnet.studio.image_lists import list_path
from alexnet.studio.question_routes import QUESTIONS
from tests.conftest import copy_images, draw_stripes
from tests.planted_trainings import plant_trainings
from tests.studio_server import Studio, new_folder

NOTHING = {"is_alive": False, "line": "", "done": None, "fault": "", "is_stopped": False}


@pytest.fixture
def asked(studio: Studio, place: Path, image_folder: Path) -> Iterator[Path]:
    """A folder of its own, of which nothing is known."""
    with new_folder(studio, copy_images(image_folder, place / "asked")) as folder:
        yield folder


def state(studio: Studio, kind: str) -> dict[str, Any]:
    values: dict[str, Any] = studio.ask(f"/api/folders/asked/{kind}").values
    return values


def answered(studio: Studio, kind: str) -> dict[str, Any]:
    """The state when the job that was started has ended."""
    assert studio.post(f"/api/folders/asked/{kind}").values["job"]["is_alive"]
    return ended(studio, kind)


def ended(studio: Studio, kind: str) -> dict[str, Any]:
    until = time.monotonic() + 90
    while (values := state(studio, kind))["job"]["is_alive"]:
        assert time.monotonic() < until, values
        time.sleep(0.2)
    return values


def plain(values: object) -> Any:
    return json.loads(json.dumps(values))


@pytest.mark.parametrize("kind", QUESTIONS)
def test_asking_is_the_command_with_the_corrections(
    studio: Studio, asked: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state(studio, kind) == {
        "result": None, "num_corrections": 0, "version": None, "is_old": False, "job": NOTHING,
    }  # fmt: skip
    started: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(studio.workspace.jobs, "start", lambda words, out: started.append((words, out)))
    studio.post(f"/api/folders/asked/{kind}")
    correct(scan_folder(asked), ["train/down/down_003.png"], "exclude")
    studio.post(f"/api/folders/asked/{kind}")
    (words, target), (again, other) = started
    assert words == [kind, str(asked), "--csv", str(target), "--json"]
    file = str(corrections_path(asked))
    assert again == [kind, str(asked), "--csv", str(other), "--json", "--corrections", file]
    assert target != other, "after a correction the answer is another one"
    assert studio.ask(f"/api/folders/nothing/{kind}").status == 404


@pytest.mark.slow
def test_shortcuts_are_those_of_the_library_and_kept_until_the_folder_changes(studio: Studio, asked: Path) -> None:
    studio.post("/api/folders/asked/shortcuts")
    studio.post("/api/folders/asked/shortcuts/stop")  # before Python is loaded, most likely
    stopped = ended(studio, "shortcuts")
    assert stopped["job"] == NOTHING | {"is_stopped": True} and stopped["result"] is None
    values = answered(studio, "shortcuts")
    assert values["result"] == plain(alexnet.shortcuts(asked).to_dict())
    assert len(values["result"]["probes"]) == 7
    assert (values["num_corrections"], values["is_old"], values["job"]) == (0, False, NOTHING)
    draw_stripes(1, 900).save(asked / "train" / "down" / "new.png")
    studio.workspace.forget(asked)
    old = state(studio, "shortcuts")
    assert old["is_old"] and old["result"] == values["result"] and old["version"] == values["version"]


@pytest.mark.slow
def test_enough_is_that_of_the_library_and_drawn(
    studio: Studio, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    correct(scan_folder(asked), ["train/down/down_003.png"], "exclude")
    planted = plant_trainings(alexnet.apply_corrections(asked, corrections_path(asked)), monkeypatch)
    assert planted.curve.errors[0] > planted.curve.errors[-1] > 0
    values = answered(studio, "enough")
    assert values["result"] == plain(planted.to_dict()) and values["result"]["sentences"]
    assert (values["num_corrections"], values["is_old"], values["job"]) == (1, False, NOTHING)
    address = f"/api/folders/asked/enough/figure/{values['version']}"
    light, dark = studio.ask(address), studio.ask(f"{address}?theme=dark")
    assert light.headers["content-type"] == "image/png" and light.body[:4] == dark.body[:4] == b"\x89PNG"
    assert light.body != dark.body
    assert studio.ask("/api/folders/asked/enough/figure/0").status == 404


def test_how_long_it_takes_is_the_plan_of_the_corrected_folder(
    studio: Studio, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[int] = []
    monkeypatch.setattr(
        alexnet, "plan_enough", lambda folder: planned.append(len(folder.files)) or 90.0, raising=False
    )
    count = len(scan_folder(asked).files)
    assert studio.post("/api/folders/asked/enough/plan").values == {"seconds": 90.0}
    correct(scan_folder(asked), ["train/down/down_003.png"], "exclude")
    studio.post("/api/folders/asked/enough/plan")
    assert planned == [count, count - 1]


def test_what_went_wrong_is_said(studio: Studio, asked: Path) -> None:
    for path in (asked / "train").glob("*/*.png"):
        if not path.stem.endswith(("_000", "_001", "_002", "_003")):
            path.unlink()
    studio.workspace.forget(asked)
    values = answered(studio, "enough")
    assert values["result"] is None and "an eighth of them is too few" in values["job"]["fault"]


def test_a_job_that_ended_without_a_word_is_a_fault(
    studio: Studio, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = studio.workspace.jobs
    target = list_path(asked, "shortcuts", studio.workspace.version("asked"))
    monkeypatch.setattr(jobs, "is_alive", lambda job: False)
    jobs._path(target, "json").parent.mkdir(parents=True, exist_ok=True)
    record = {"out": str(target), "words": ["shortcuts"], "process": 2**22 + 1, "started": ""}
    jobs._path(target, "json").write_text(json.dumps(record), encoding="utf-8")
    jobs._path(target, "log").write_text("decoding: 3 of 9 images\n", encoding="utf-8")
    fault = state(studio, "shortcuts")["job"]["fault"]
    assert "ended without a reason" in fault and "decoding: 3 of 9 images" in fault
