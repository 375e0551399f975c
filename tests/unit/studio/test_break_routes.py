"""Break it: the network's own prediction decides, and what breaks it is kept in its true class."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

import alexnet
from alexnet.audit.hard_folder import read_origins
from alexnet.errors import DataError
from alexnet.run_folder import RunFolder
from tests.studio_server import Answer, Studio

CLASSES = ("across", "down", "rings")


@pytest.fixture(autouse=True)
def clean(place: Path, studio: Studio) -> Iterator[None]:
    """The folder that other tests see is left without hard images, and so is its listing."""
    yield
    shutil.rmtree(place / "hard-first", ignore_errors=True)
    studio.workspace.listing(seconds=0.0)


def send(studio: Studio, path: str, data: bytes) -> Answer:
    own = {"Content-Type": "image/png", "Origin": f"http://{studio.host}", "Sec-Fetch-Site": "same-origin"}
    return studio.ask(path, method="POST", body=data, headers=own)


def attempt(studio: Studio, data: bytes, class_name: str, more: str = "") -> Answer:
    return send(studio, f"/api/runs/first/break?class={quote(class_name)}&file=try.png{more}", data)


@pytest.mark.slow
def test_what_the_network_gets_wrong_is_on_the_board_and_kept(studio: Studio, place: Path) -> None:
    assert studio.ask("/api/runs/first/break").values["entries"] == []
    image = place / "images" / "test" / "rings" / "rings_1000.png"
    expected = alexnet.predict(place / "runs" / "first", image)[0]
    others = [name for name in CLASSES if name != expected.predicted]
    held = attempt(studio, image.read_bytes(), expected.predicted).values
    assert held.pop("probability") == pytest.approx(expected.probability)
    assert held == {"is_broken": False, "predicted": expected.predicted}
    assert studio.ask("/api/runs/first/break").values["entries"] == []
    assert attempt(studio, image.read_bytes(), others[0]).values["is_broken"] is True
    board = studio.ask("/api/runs/first/break").values
    (entry,) = board["entries"]
    assert (entry["true"], entry["predicted"]) == (others[0], expected.predicted)
    assert entry["probability"] == pytest.approx(expected.probability)
    assert (board["folder"], board["num_images"]) == ("hard-first", 1)
    assert board["measured"] == {"num": 1, "num_wrong": 1}
    assert (place / "hard-first" / "test" / others[0] / "try.png").read_bytes() == image.read_bytes()
    assert "is not a class of the run" in attempt(studio, image.read_bytes(), "../../evil").error
    assert "a web page" in attempt(studio, b"<html>", others[0]).error
    outside = place / "images" / "test" / "rings" / "rings_1000.png"
    for name in ("../images/test/rings/rings_1000.png", str(outside), "", others[0]):
        assert studio.post("/api/runs/first/break/remove", {"file": name}).status == 404
    assert outside.is_file()
    assert studio.post("/api/runs/first/break/remove", {"file": entry["file"]}).status == 200
    assert studio.ask("/api/runs/first/break").values["entries"] == []


def test_probabilities_of_an_image_are_those_of_predict(studio: Studio, place: Path) -> None:
    image = place / "images" / "test" / "rings" / "rings_1001.png"
    expected = alexnet.predict(place / "runs" / "first", image)[0]
    probabilities = send(studio, "/api/runs/first/break/look", image.read_bytes()).values["probabilities"]
    classes = studio.ask("/api/runs/first/break").values["classes"]
    assert dict(zip(classes, probabilities, strict=True)) == pytest.approx(dict(expected.top), abs=1e-6)
    assert "cannot be used" in send(studio, "/api/runs/first/break/look", b"no image").error
    assert not (place / "hard-first").exists(), "looking keeps nothing"


def test_what_was_painted_on_is_written_down(studio: Studio, place: Path) -> None:
    name = "test/rings/rings_1000.png"
    data = (place / "images" / name).read_bytes()
    wrong = next(
        each
        for each in CLASSES
        if each != alexnet.predict(place / "runs/first", place / "images" / name)[0].predicted
    )
    refused = attempt(studio, data, wrong, "&folder=images&source=test/rings/gone.png")
    assert (refused.status, "is not in images any more" in refused.error) == (404, True)
    assert not (place / "hard-first").exists()
    assert attempt(studio, data, wrong, f"&folder=images&source={quote(name)}").values["is_broken"]
    (origin,) = read_origins(place / "hard-first").values()
    assert (origin.folder, origin.file) == (str((place / "images").resolve()), name)


def test_images_that_lie_flat_are_moved_to_those_that_measure(studio: Studio, place: Path) -> None:
    image = place / "images" / "test" / "rings" / "rings_1000.png"
    predicted = alexnet.predict(place / "runs" / "first", image)[0].predicted
    first, second = (name for name in CLASSES if name != predicted)
    (place / "hard-first" / first).mkdir(parents=True)
    shutil.copy(image, place / "hard-first" / first / "old.png")
    assert attempt(studio, image.read_bytes(), second).values["is_broken"]
    board = studio.ask("/api/runs/first/break").values
    assert {entry["file"] for entry in board["entries"]} == {f"test/{first}/old.png", f"test/{second}/try.png"}
    shutil.move(place / "hard-first/test" / first / "old.png", place / "hard-first/train" / first / "old.png")
    board = studio.ask("/api/runs/first/break").values
    assert (board["num_images"], board["num_trained"]) == (2, 1)
    assert board["measured"] == {"num": 1, "num_wrong": 1}
    assert {entry["file"]: entry["is_trained"] for entry in board["entries"]}[f"train/{first}/old.png"]


def test_files_that_are_no_images_and_classes_of_an_earlier_run_are_left_out(studio: Studio, place: Path) -> None:
    image = place / "images" / "test" / "rings" / "rings_1000.png"
    predicted = alexnet.predict(place / "runs" / "first", image)[0].predicted
    wrong = next(name for name in CLASSES if name != predicted)
    assert attempt(studio, image.read_bytes(), wrong).values["is_broken"]
    (place / "hard-first" / "test" / ".DS_Store").write_bytes(b"\0")
    (place / "hard-first" / "test" / wrong / "broken.png").touch()
    (place / "hard-first" / "test" / "goat").mkdir()
    shutil.copy(image, place / "hard-first" / "test" / "goat" / "1.png")
    assert attempt(studio, image.read_bytes(), wrong).values["is_broken"], "one more, beside the files"
    board = studio.ask("/api/runs/first/break").values
    assert board["measured"] == {"num": 2, "num_wrong": 2}
    assert not (place / "hard-first" / "test" / "test").exists()


def test_an_empty_board_is_a_folder_with_its_classes(studio: Studio, place: Path) -> None:
    data = (place / "images" / "test" / "rings" / "rings_1000.png").read_bytes()
    predicted = alexnet.predict(place / "runs/first", place / "images/test/rings/rings_1000.png")[0].predicted
    wrong = next(each for each in CLASSES if each != predicted)
    for _ in range(2):
        assert attempt(studio, data, wrong).values["is_broken"]
        (entry,) = studio.ask("/api/runs/first/break").values["entries"]
        studio.post("/api/runs/first/break/remove", {"file": entry["file"]})
        assert studio.ask("/api/folders/hard-first").values["classes"] == list(CLASSES)
        assert studio.ask("/api/runs/first/break").values["num_images"] == 0


def test_training_on_them_is_a_command_whose_result_the_board_names(
    studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(studio.workspace.jobs, "start", lambda words, out: started.append((words, out)))
    assert studio.post("/api/runs/first/break/retrain").values == {"run": "first-hard"}
    run, hard, out = place / "runs" / "first", place / "hard-first", place / "runs" / "first-hard"
    words = ["retrain", str(run), "--hard", str(hard), "--out", str(out), "--json"]
    assert started == [(words, out)]
    assert studio.ask("/api/runs/first/break").values["retrained"] is None
    with pytest.raises(DataError, match="is not a folder"):
        alexnet.retrain_on_hard(RunFolder.open(run).path, hard)
    assert studio.post("/api/runs/nowhere/break/retrain").status == 404
