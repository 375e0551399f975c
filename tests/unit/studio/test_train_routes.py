"""Training from the page: the form, the start of a process of its own, how it is followed and stopped."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

import alexnet
from alexnet.data.corrections import correct, corrections_path
from alexnet.data.folder import scan_folder
from alexnet.errors import DataError, RecipeError
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.records import EpochRecord
from alexnet.run_folder import RunFolder
from alexnet.studio.follow import pace, run_state, thin_steps
from alexnet.studio.jobs import Job
from alexnet.studio.queue_routes import failed_early
from alexnet.studio.recipe_form import GROUPS, MAIN, recipe_form
from alexnet.studio.workspace import Workspace
from alexnet.training.schedule import image_size, usable_sizes
from tests.conftest import copy_linked
from tests.studio_server import Studio, served

TINY = {"epochs": 60, "size": 67, "start_size": None, "batch_size": 32, "initialization": "fan_in"}


def wait_for(check: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """What `check` gives as soon as it is true."""
    until = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.1)
    return value


# --- the form
def test_form_has_every_setting_once_and_words_for_every_preset() -> None:
    form = recipe_form()
    fields = [field for group in form["groups"] for field in group["fields"]]
    assert [field["name"] for field in fields] == [name for name in Recipe.model_fields if name != "name"]
    assert [group["title"] for group in form["groups"]] == list(GROUPS.values())
    assert {preset["name"] for preset in form["presets"]} == set(PRESETS)
    assert all(field["words"] for field in fields) and all(preset["words"] for preset in form["presets"])
    assert set(MAIN) <= {field["name"] for field in fields}


def test_form_says_of_what_kind_a_setting_is_and_what_it_may_be() -> None:
    fields = {field["name"]: field for group in recipe_form()["groups"] for field in group["fields"]}
    assert (fields["size"]["kind"], fields["size"]["least"], fields["size"]["most"]) == ("integer", 63, 1024)
    assert (fields["epochs"]["kind"], fields["epochs"]["may_be_auto"]) == ("integer", True)
    assert (fields["optimizer"]["kind"], fields["optimizer"]["choices"][0]) == ("choice", "adam")
    assert (fields["towers"]["kind"], fields["towers"]["may_be_none"]) == ("boolean", True)
    assert (fields["drops"]["kind"], fields["flip"]["kind"]) == ("list", "boolean")


# --- what a request may ask for
def test_start_is_the_command_with_the_settings_that_were_changed(
    studio: Studio, place: Path, started: list[tuple[str, ...]]
) -> None:
    settings = {"epochs": 2, "start_size": None, "drops": [0.5], "schedule": "drops", "weights": "first"}
    answer = studio.post("/api/train", {"data": "images", "preset": "fast", "settings": settings})
    assert answer.values == {"run": "images-fast"}
    (words,) = started
    out = str(place / "runs" / "images-fast")
    assert words[:6] == ("train", str(place / "images"), "--preset", "fast", "--out", out)
    chosen = set(words[7::2])
    weights = f"weights={place / 'runs' / 'first'}"
    assert chosen == {"epochs=2", "start_size=none", "drops=[0.5]", "schedule=drops", weights}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"data": "nothing"}, "nothing: there is no such folder here"),
        ({"data": "../images"}, "../images: there is no such folder here"),
        ({"preset": "none"}, "preset none: no such preset; choose one of fast"),
        ({"settings": {"epochs": 0}}, "epochs = 0: input should be greater than or equal to 1"),
        ({"settings": {"epoch": 2}}, "epoch: no such setting, did you mean epochs?"),
        ({"settings": {"weights": "/etc/passwd"}}, "/etc/passwd: there is no such run here"),
        ({"settings": [1]}, "settings: is not a table of settings"),
        ({"data": 7}, "data: is not a text"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    studio: Studio, started: list[tuple[str, ...]], values: dict[str, Any], words: str
) -> None:
    for path in ("/api/train", "/api/plan", "/api/check"):
        answer = studio.post(path, {"data": "images", "preset": "fast"} | values)
        assert answer.status in (400, 404)
        assert words in answer.error and "\n" not in answer.error
    assert started == []


def test_name_of_a_run_stays_in_its_folder(studio: Studio, place: Path, started: list[tuple[str, ...]]) -> None:
    for name in ("../../evil", "/etc/evil", "..", ".hidden", "first"):
        studio.post("/api/train", {"data": "images", "preset": "fast", "name": name})
        out = Path(started[-1][started[-1].index("--out") + 1])
        assert out.parent == place / "runs" and not out.exists() and not out.name.startswith(".")


def test_plan_and_check_are_those_of_the_library(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, int]] = []

    def plan_training(folder: Any, recipe: Recipe) -> dict[str, int]:
        asked.append((folder.path.name, len(folder.files), recipe.epochs))
        return {"num_steps": 6}

    monkeypatch.setattr(alexnet, "plan_training", plan_training, raising=False)
    monkeypatch.setattr(alexnet, "check_recipe", lambda folder, recipe: Verdict(), raising=False)
    values = {"data": "images", "preset": "fast", "settings": TINY | {"epochs": 3}}
    assert studio.post("/api/plan", values).values == {"num_steps": 6}
    assert asked == [("images", 94, 3)]
    assert studio.post("/api/check", values).values == {"verdict": "stalls", "words": "too few steps", "findings": []}


class Verdict:
    """What the trainability check answers."""

    verdict, findings = "stalls", ()

    def __str__(self) -> str:
        return "too few steps"


def test_corrections_are_counted_and_trained_with(
    studio: Studio, place: Path, started: list[tuple[str, ...]]
) -> None:
    path = corrections_path(place / "images")
    correct(place / "images", ["train/down/down_003.png"], "exclude")
    try:
        assert studio.ask("/api/folders/images").values["num_corrections"] == 1
        studio.post("/api/train", {"data": "images", "preset": "fast", "corrected": True})
        assert started[-1][-2:] == ("--corrections", str(path))
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("line", "status", "fault"),
    [("alexnet: interrupted", "stopped", ""), ("alexnet: no image", "failed", "no image")],
)
def test_one_that_ends_before_it_writes_a_run_was_stopped_or_failed(
    studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: str, fault: str
) -> None:
    jobs, lines = studio.workspace.jobs, ["decoding: 1 of 93 images"]
    job = Job(str(place / "runs" / "early"), ("train", str(place / "images")), 2**22 + 1, "")
    monkeypatch.setattr(jobs, "known", lambda: [job])
    monkeypatch.setattr(jobs, "of", lambda path: job if str(path) == job.out else None)
    monkeypatch.setattr(jobs, "lines", lambda job: lines)
    monkeypatch.setattr(jobs, "is_alive", lambda job: len(lines) == 1)
    state = studio.ask("/api/runs/early/state").values
    assert (state["status"], state["is_own"]) == ("preparing", True)
    lines.append(line)
    state = studio.ask("/api/runs/early/state").values
    assert (state["status"], state["fault"]) == (status, fault)


# --- a process of its own
@pytest.mark.slow
def test_a_training_is_followed_stopped_and_found_by_another_server(studio: Studio, place: Path) -> None:
    name = studio.post("/api/train", {"data": "images", "preset": "fast", "settings": TINY, "name": "long"}).values[
        "run"
    ]
    with connect(f"ws://{studio.host}/api/live") as socket:
        socket.send(json.dumps({"follow": {"run": name}, "id": 5}))
        state = json.loads(socket.recv(timeout=30))
        assert (state["id"], state["status"]) == (5, "preparing")
        while not state.get("epochs"):
            state = json.loads(socket.recv(timeout=60))
        assert (state["status"], state["num_epochs"], state["is_own"]) == ("training", 60, True)
        assert state["steps"][0][0] == 1 and state["kernel_epochs"][0] == 0
    other = Workspace([place])  # a server that was started again knows the job from the disk alone
    assert run_state(other, name)["is_own"]
    wait_for(lambda: other.run(name).model_path.is_file())
    other.jobs.stop(other.jobs.of(other.training_path(name)))  # type: ignore[arg-type]
    wait_for(lambda: run_state(other, name)["status"] == "stopped")
    state = wait_for(lambda: (now := studio.ask(f"/api/runs/{name}/state").values)["status"] == "stopped" and now)
    assert (state["status"], state["fault"], state["may_resume"]) == ("stopped", "", True)
    assert state["train_on"]["settings"]["weights"] == name, "its network of the last epoch can be trained on from"
    assert studio.post(f"/api/runs/{name}/stop").error.startswith(
        "long: no training that was started here is running"
    )
    shutil.rmtree(other.run(name).path)


@pytest.mark.slow
def test_a_training_that_fails_shows_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, out = Workspace([tmp_path]), tmp_path / "runs" / "broken"
    job = workspace.jobs.start(["train", str(tmp_path / "nowhere"), "--out", str(out)], out)
    assert workspace.pending() == {"broken": out}
    with pytest.raises(DataError, match="broken: is being written already"):
        workspace.jobs.start(["train"], out)
    wait_for(lambda: not workspace.jobs.is_alive(job))
    state = run_state(workspace, "broken")
    assert state["status"] == "failed"
    assert state["fault"].startswith(str(tmp_path / "nowhere")) and "no such file or folder" in state["fault"]
    assert failed_early(workspace) == [{"run": "broken", "fault": state["fault"]}]
    monkeypatch.setattr("alexnet.studio.queue_routes.FAILED_FOR", timedelta(days=-1))
    assert failed_early(workspace) == []


def test_resume_is_the_command(studio: Studio, place: Path, started: list[tuple[str, ...]]) -> None:
    assert studio.post("/api/runs/first/resume").status == 200
    assert started == [("resume", str(place / "runs" / "first"))]
    assert studio.post("/api/runs/nothing/resume").status == 404


# --- following
def test_state_of_a_finished_run_is_that_of_the_library(studio: Studio, place: Path) -> None:
    run = RunFolder.open(place / "runs" / "first")
    state = studio.ask("/api/runs/first/state").values
    assert state["status"] == "finished"
    assert state["evaluation"] == json.loads(json.dumps(run.evaluation.to_dict()))
    wrong = sorted((p for p in run.predictions if p.is_mistake), key=lambda p: -p.probability)
    assert [each["file"] for each in state["mistakes"]] == [p.file for p in wrong[:24]]
    assert [step[0] for step in state["steps"]] == [step.step for step in run.steps]


def test_of_many_classes_the_most_confused_pairs_are_sent(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_state(studio.workspace, "first")
    assert sum(count for *_, count in whole["pairs"]) == whole["evaluation"]["num_mistakes"]
    monkeypatch.setattr("alexnet.studio.follow.MOST_CLASSES", 2)
    state = run_state(studio.workspace, "first")
    assert "confusion" not in state["evaluation"] and state["pairs"] == whole["pairs"]


def test_a_running_training_of_a_terminal_is_told_from_a_stopped_one(
    studio: Studio, place: Path, tmp_path: Path
) -> None:
    run = RunFolder(copy_linked(place / "runs" / "first", tmp_path / "runs" / "other"))
    run.write_about(replace(run.about, status="running"))
    workspace = Workspace([tmp_path])
    assert run_state(workspace, "other")["status"] == "stopped"
    with run.locked():
        state = run_state(workspace, "other")
    assert (state["status"], state["is_own"]) == ("training", False)


def test_the_trainings_that_run_are_told_with_their_pace(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(copy_linked(place / "runs" / "first", tmp_path / "runs" / "other"))
    monkeypatch.setattr("alexnet.studio.follow.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("alexnet.studio.follow.WAIT_FACTOR", 0)
    with served([tmp_path]) as studio:
        assert studio.ask("/api/trainings").values == {"trainings": []}, "a finished run"
        run.write_about(replace(run.about, status="running"))
        assert studio.ask("/api/trainings").values == {"trainings": []}, "one that was stopped"
        with run.locked():
            (early,) = studio.ask("/api/trainings").values["trainings"]
            monkeypatch.setattr("alexnet.studio.follow.PACE_SECONDS", 0.0)
            (late,) = studio.ask("/api/trainings").values["trainings"]
    assert early == {"run": "other", "status": "training", "done": 1.0, "device": "cpu",
                     "precision": run.about.machine["precision"], "images_per_second": None,
                     "seconds_left": None}  # fmt: skip
    assert early["precision"] in ("bfloat16", "float32")
    speeds = [epoch.images_per_second for epoch in run.epochs[1:]]
    assert late["images_per_second"] == pytest.approx(sum(speeds) / len(speeds)) and late["seconds_left"] == 0.0


def test_the_newest_test_of_an_unfinished_run_is_sent(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(copy_linked(place / "runs" / "first", tmp_path / "runs" / "other"))
    about = run.about
    run.write_about(replace(about, status="running"))
    workspace = Workspace([tmp_path])
    assert run_state(workspace, "other")["latest"] is None
    names = [file.entry.name for file in scan_folder(about.data.path).files]
    file = next(name for name in names if name.startswith("test/down/"))
    wrong = {"file": file, "true": "down", "predicted": "rings", "probability": 0.75}
    planted = {"epoch": 2, "num_images": 21, "num_mistakes": 3, "classes": list(about.classes),
               "mistakes": [wrong, wrong | {"file": "gone.png"}],
               "confusion": [[0, 0, 7], [1, 0, 1], [1, 1, 4], [1, 2, 2], [2, 2, 7]]}  # fmt: skip
    run.write_json("latest.json", planted)
    latest = run_state(workspace, "other")["latest"]
    assert (latest["epoch"], latest["num_images"], latest["num_mistakes"]) == (2, 21, 3)
    assert latest["confusion"] == [[7, 0, 0], [1, 4, 2], [0, 0, 7]]
    assert latest["pairs"] == [["down", "rings", 2], ["down", "across", 1]]
    assert [each.pop("place") for each in latest["mistakes"]] == [names.index(file), None]
    assert latest["mistakes"] == planted["mistakes"]
    monkeypatch.setattr("alexnet.studio.follow.MOST_CLASSES", 2)
    assert run_state(workspace, "other")["latest"]["confusion"] is None
    run.write_json("latest.json", planted | {"epoch": 3})  # of a process that was killed before its next save
    assert run_state(workspace, "other")["latest"] is None
    (run.path / "latest.json").write_text("{", encoding="utf-8")
    assert run_state(workspace, "other")["latest"] is None
    run.write_about(about)
    assert "latest" not in run_state(workspace, "other")


def epoch(number: int, *, seconds: float, size: int) -> EpochRecord:
    return EpochRecord(number, 10 * number, 1.0, 0.5, None, None, None, None, None, 0.1, size, seconds, 300.0)


def test_the_time_left_is_that_of_the_steps_to_come_at_their_image_size() -> None:
    recipe = Recipe(epochs=4, size=100)
    assert pace(recipe, 40, 10, [epoch(1, seconds=4.0, size=100)]) is None, "too early"
    first = [epoch(1, seconds=9.0, size=100)]
    assert pace(recipe, 40, 10, first) == pytest.approx({"seconds_left": 27.0, "images_per_second": 300.0})
    later = [*first, epoch(2, seconds=15.0, size=100)]  # 6 s; the first was slow at its start
    assert (pace(recipe, 40, 25, later) or {})["seconds_left"] == pytest.approx(9.0)
    assert (pace(recipe, 40, 40, later) or {})["seconds_left"] == 0.0
    growing = recipe.replace(start_size=80, growth=0.5)
    smaller = [*first, epoch(2, seconds=15.0, size=50)]
    assert (pace(growing, 40, 20, smaller) or {})["seconds_left"] == pytest.approx(48)
    uneven = Recipe(epochs=2, size=128, start_size=64, growth=1.0, variant="seminar")
    sizes = usable_sizes(VARIANTS["seminar"], 64, 128)
    assert sizes[0] >= 100, "smaller images would not fit fc6, whatever the recipe says"
    first = [epoch(1, seconds=6.0, size=sizes[0])]
    ahead = image_size(uneven, sizes, 15, num_steps=20)
    assert (pace(uneven, 20, 10, first) or {})["seconds_left"] == pytest.approx(6 * (ahead / sizes[0]) ** 2)


def test_curve_of_many_steps_is_thinned_by_means() -> None:
    from alexnet.records import StepRecord

    points = thin_steps([StepRecord(n, 1, 0.1, float(n), 0.5) for n in range(1, 1001)], most=100)
    assert len(points) == 100
    assert points[0] == [10, 5.5, 0.5]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"follow": {"run": 3}, "id": 1}', '{"follow": "first", "id": 1}'])
def test_a_message_that_makes_no_sense_ends_the_socket(studio: Studio, text: str) -> None:
    from websockets.exceptions import ConnectionClosed

    with connect(f"ws://{studio.host}/api/live") as socket:
        socket.send(text)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


def test_settings_that_conflict_are_refused_before_anything_starts(
    studio: Studio, started: list[tuple[str, ...]]
) -> None:
    answer = studio.post("/api/train", {"data": "images", "settings": {"schedule": "drops"}})
    assert "schedule = drops needs fractions of the training" in answer.error
    assert started == []
    with pytest.raises(RecipeError):
        PRESETS["fast"].replace(schedule="drops")
