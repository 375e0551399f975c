"""Break it: the network's own prediction decides, and what breaks it is kept in its true class."""

from pathlib import Path
from urllib.parse import quote

import pytest

import alexnet
from tests.studio_server import Answer, Studio


def attempt(studio: Studio, data: bytes, class_name: str) -> Answer:
    own = {"Content-Type": "image/png", "Origin": f"http://{studio.host}", "Sec-Fetch-Site": "same-origin"}
    path = f"/api/runs/first/break?class={quote(class_name)}&file=try.png"
    return studio.ask(path, method="POST", body=data, headers=own)


@pytest.mark.slow
def test_what_the_network_gets_wrong_is_on_the_board_and_kept(studio: Studio, place: Path) -> None:
    assert studio.ask("/api/runs/first/break").values["entries"] == []
    image = place / "images" / "test" / "rings" / "rings_1000.png"
    expected = alexnet.predict(place / "runs" / "first", image)[0]
    others = [name for name in ("across", "down", "rings") if name != expected.predicted]
    held = attempt(studio, image.read_bytes(), expected.predicted).values
    assert held == {"is_broken": False, "predicted": expected.predicted, "probability": expected.probability}
    assert studio.ask("/api/runs/first/break").values["entries"] == []
    assert attempt(studio, image.read_bytes(), others[0]).values["is_broken"] is True
    board = studio.ask("/api/runs/first/break").values
    (entry,) = board["entries"]
    assert (entry["true"], entry["predicted"]) == (others[0], expected.predicted)
    assert entry["probability"] == pytest.approx(expected.probability)
    assert (board["folder"], board["num_images"]) == ("hard-first", 1)
    assert (place / "hard-first" / others[0] / "try.png").read_bytes() == image.read_bytes()
    assert "is no class of the run" in attempt(studio, image.read_bytes(), "../../evil").error
    assert "a web page" in attempt(studio, b"<html>", others[0]).error
    outside = place / "images" / "test" / "rings" / "rings_1000.png"
    for name in ("../images/test/rings/rings_1000.png", str(outside), "", others[0]):
        assert studio.post("/api/runs/first/break/remove", {"file": name}).status == 404
    assert outside.is_file()
    assert studio.post("/api/runs/first/break/remove", {"file": entry["file"]}).status == 200
    assert studio.ask("/api/runs/first/break").values["entries"] == []
    import shutil

    shutil.rmtree(place / "hard-first")
