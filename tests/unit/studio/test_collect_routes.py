"""A folder that is made on the page and filled from it."""

from pathlib import Path

import pytest

from alexnet.practice.soccer import draw_soccer_images
from alexnet.studio.jobs import Job
from tests.conftest import draw_stripes, encode
from tests.studio_server import served


def test_a_new_folder_is_listed_while_empty_filled_and_then_read_like_any_other(tmp_path: Path) -> None:
    from alexnet.data.folder import scan_folder

    (tmp_path / "place").mkdir()
    with served([tmp_path / "place"]) as studio:
        made = studio.post("/api/collect", {"name": "mine", "classes": [" cup", "hand", "cup", ""]}).values
        assert made == {"folder": "mine"}
        empty = studio.ask("/api/folders/mine/images").values
        assert (empty["classes"], empty["files"], empty["may_add"]) == (["cup", "hand"], [], True)
        assert studio.ask("/api/folders/mine").values["num_images"] == 0
        for number, name in enumerate(("cup", "hand", "cup")):
            data = encode(draw_stripes(number, 1))
            own = {"Content-Type": "image/png", "Origin": f"http://{studio.host}", "Sec-Fetch-Site": "same-origin"}
            path = f"/api/folders/mine/images?class={name}&file=camera.png"
            assert studio.ask(path, method="POST", body=data, headers=own).status == 200
        assert [file for file, *_ in studio.ask("/api/folders/mine/images").values["files"]] == [
            "cup/camera-2.png",
            "cup/camera.png",
            "hand/camera.png",
        ]
        assert scan_folder(tmp_path / "place" / "mine").classes == ("cup", "hand")
        again = studio.post("/api/collect", {"name": "mine", "classes": ["a", "b"]})
        assert again.error == "mine: already exists; choose another name"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": " ", "classes": ["a", "b"]}, "name: is empty"),
        ({"name": "x", "classes": ["a"]}, "classes: got 1; give 2 to"),
        ({"name": "x", "classes": "a, b"}, "classes: is not a list of names"),
        ({"name": "x", "classes": ["..", "."]}, "classes: got 0"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, values: dict[str, object], words: str) -> None:
    with served([tmp_path]) as studio:
        answer = studio.post("/api/collect", values)
        assert answer.status == 400 and words in answer.error
    assert list(tmp_path.iterdir()) == []


def test_names_stay_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    with served([tmp_path / "place"]) as studio:
        studio.post("/api/collect", {"name": "../../evil", "classes": ["../x", "/etc/y"]})
    (folder,) = (tmp_path / "place").iterdir()
    assert [path.parent for path in folder.iterdir()] == [folder] * 3


def test_drawing_practice_images_is_followed_and_its_folder_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command draws a few here, so that the test need not wait for a thousand."""
    with served([tmp_path]) as studio:
        jobs, alive = studio.workspace.jobs, [True]
        started: list[list[str]] = []
        monkeypatch.setattr(jobs, "start", lambda words, out: started.append(words))
        assert studio.ask("/api/practice").values["folder"] is None
        studio.post("/api/practice")
        assert started == [["data", "soccer", str(tmp_path / "practice"), "--train", "800", "--test", "200"]]
        monkeypatch.setattr(jobs, "of", lambda out: Job(str(out), tuple(started[0]), 2**22 + 1, ""))
        monkeypatch.setattr(jobs, "is_alive", lambda job: alive[0])
        monkeypatch.setattr(jobs, "lines", lambda job: ["drawing: 250 of 1000 images"])
        assert studio.ask("/api/here").values["is_drawing"] is True
        assert studio.ask("/api/practice").values["job"]["done"] == 0.25
        draw_soccer_images(tmp_path / "practice", num_train=8, num_test=8)
        alive[0] = False
        assert studio.ask("/api/practice").values["folder"] == "practice"
        assert "already exists; delete it" in studio.post("/api/practice").error
