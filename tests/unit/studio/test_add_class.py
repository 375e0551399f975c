"""Classes that are made on the page: an empty folder, or the name of a class in a decision."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import alexnet
from alexnet.data.corrections import corrections_path, read_corrections
from alexnet.data.folder import scan_folder
from alexnet.studio.add_class import add_class
from tests.conftest import copy_images, draw_stripes, encode
from tests.studio_server import Studio, served

FIRST = "train/down/down_003.png"


@pytest.fixture
def own(tmp_path: Path, image_folder: Path) -> Iterator[Studio]:
    """A studio with a folder of images that a test may change."""
    copy_images(image_folder, tmp_path / "images")
    with served([tmp_path]) as running:
        yield running


def test_a_class_lies_beside_those_of_the_training_images_and_takes_images(own: Studio) -> None:
    images = own.workspace.folder_path("images")
    assert own.post("/api/folders/images/classes", {"name": " Cafe\u0301 "}).values == {"class": "Caf\u00e9"}
    assert list((images / "train" / "Caf\u00e9").iterdir()) == []
    assert own.ask("/api/folders/images/images").values["classes"] == ["Caf\u00e9", "across", "down", "rings"]
    headers = {"Content-Type": "image/png", "Origin": f"http://{own.host}", "Sec-Fetch-Site": "same-origin"}
    path = "/api/folders/images/images?class=Caf%C3%A9&file=a.png"
    sent = own.ask(path, method="POST", body=encode(draw_stripes(0, 1)), headers=headers)
    assert sent.values == {"file": "train/Caf\u00e9/a.png"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Rings", "Rings: is a class of the folder already"),
        (" .. ", "name: is empty"),
        ("lost+found", "lost+found: is left aside"),
        (7, "name: is not a text"),
    ],
)
def test_a_name_that_is_none_is_refused(own: Studio, name: object, words: str) -> None:
    images = own.workspace.folder_path("images")
    before = sorted(images.rglob("*"))
    answer = own.post("/api/folders/images/classes", {"name": name})
    assert answer.status == 400 and words in answer.error
    assert sorted(images.rglob("*")) == before


def test_a_class_stays_in_its_folder(own: Studio) -> None:
    images = own.workspace.folder_path("images")
    assert add_class(scan_folder(images), "../../evil") == "%2F..%2Fevil"
    assert (images / "train" / "%2F..%2Fevil").is_dir()


def test_a_decision_may_name_a_class_that_is_new_and_later_ones_name_it_too(own: Studio) -> None:
    images = own.workspace.folder_path("images")
    decided = {"files": [FIRST], "action": "relabel", "to": "kettle"}
    assert "has no class kettle" in own.post("/api/folders/images/corrections", decided).error
    for name in ("../x", "a/b", " kettle", "con"):
        answer = own.post("/api/folders/images/corrections", decided | {"to": name, "is_new": True})
        assert "cannot be the name of a folder" in answer.error
    assert not corrections_path(images).exists()
    assert own.post("/api/folders/images/corrections", decided | {"is_new": True}).values["num"] == 1
    again = decided | {"files": ["train/down/down_004.png"]}
    assert own.post("/api/folders/images/corrections", again).values["num"] == 1
    assert [line.to for line in read_corrections(corrections_path(images))] == ["kettle"] * 2
    corrected = alexnet.apply_corrections(images, corrections_path(images))
    assert corrected.classes == ("across", "down", "kettle", "rings")
