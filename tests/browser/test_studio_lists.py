"""Orders of the Data view that are computed first, in a real browser: oddity and twins, and how doubts are told."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from alexnet.data.corrections import corrections_path, read_corrections
from alexnet.studio.jobs import Job
from tests.conftest import copy_images
from tests.studio_server import Studio

pytestmark = pytest.mark.browser


@pytest.fixture
def planted(studio: Studio, image_folder: Path) -> Iterator[Path]:
    """A folder with a page of text among the drawn images, and two copies: in another class, and across the split."""
    folder = copy_images(image_folder, studio.workspace.home / "planted")
    page = Image.new("RGB", (90, 120), "white")
    for line in range(10, 110, 9):
        ImageDraw.Draw(page).text((8, line), "alexnet studio", fill="black")
    page.save(folder / "train" / "down" / "page.png")
    shutil.copyfile(folder / "train" / "down" / "down_003.png", folder / "train" / "rings" / "copy.png")
    shutil.copyfile(folder / "train" / "rings" / "rings_005.png", folder / "test" / "rings" / "copy.png")
    studio.workspace.listing(seconds=0)
    yield folder
    for job in studio.workspace.jobs.known():
        studio.workspace.jobs.stop(job)
    shutil.rmtree(folder)


def names(tab: Any) -> list[str]:
    return tab.locator(".cell .name").all_inner_texts()


@pytest.mark.slow
def test_the_planted_image_is_the_oddest_and_the_order_is_in_the_address(
    tab: Any, studio: Studio, planted: Path
) -> None:
    tab.goto(f"{studio.address}#/data/planted")
    tab.locator(".cell").first.wait_for()
    tab.locator("#order").select_option(label="by oddity in its class")
    tab.get_by_text("Median: ").wait_for(timeout=90_000)
    assert "order=odd" in tab.url
    tab.locator(".cell").first.click()
    assert tab.locator("aside .file").inner_text() == "train/down/page.png"
    tab.get_by_text("to the five nearest of down").wait_for()
    assert tab.locator(".nearest li").count() in (1, 2)
    tab.reload()
    tab.get_by_text("Median: ").wait_for()
    assert names(tab)[0].startswith("down "), "the list is kept, and opened again"
    distances = [float(name.split()[-1]) for name in names(tab)[:20]]
    assert distances == sorted(distances, reverse=True)
    tab.locator("#order").select_option(label="by oddity among all")
    tab.locator(".cell").first.click()
    assert tab.locator("aside .file").inner_text() == "train/down/page.png"
    tab.locator("#by").select_option(label="the features of first")
    assert "by=first" in tab.url
    tab.locator(".listed .fault", has_text="variant narrow: no such network").wait_for(timeout=90_000)
    tab.locator("#by").select_option("none")
    tab.get_by_text("Median: ").wait_for()


@pytest.mark.slow
def test_twins_stand_side_by_side_and_one_is_excluded_by_key(tab: Any, studio: Studio, planted: Path) -> None:
    tab.goto(f"{studio.address}#/data/planted?order=twins")
    tab.get_by_role("button", name="Look for near duplicates").click()
    tab.locator("#kind").wait_for(timeout=90_000)
    frame = tab.locator(".pair").first
    assert frame.inner_text() == "distance 0, across classes"
    first, second = (tab.locator(f"#cell-{place}").bounding_box() for place in (0, 1))
    box = frame.bounding_box()
    assert first["y"] == second["y"] and box["x"] <= first["x"] < second["x"] < box["x"] + box["width"]
    tab.locator("#kind").select_option("across classes")
    tab.get_by_text("1 pair", exact=True).wait_for()
    assert sorted(names(tab)) == ["down, train", "rings, train"] and "kind=across" in tab.url
    place = names(tab).index("rings, train")
    tab.locator(f"#cell-{place}").click()
    assert sorted(tab.locator("aside .file").all_inner_texts()) == ["train/down/down_003.png", "train/rings/copy.png"]
    tab.keyboard.press("e")
    tab.locator(".cell .badge", has_text="excluded").wait_for()
    lines = read_corrections(corrections_path(planted))
    assert [(line.file, line.action) for line in lines] == [("train/rings/copy.png", "exclude")]
    tab.locator("#show").select_option(label="not corrected")
    tab.get_by_text("0 pairs", exact=True).wait_for()
    tab.locator("#kind").select_option("")
    tab.locator(".cell").first.wait_for()
    assert names(tab)[:2] in (["rings, train", "rings, test"], ["rings, test", "rings, train"])
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.wait_for_timeout(200)
    first, second = (tab.locator(f"#cell-{place}").bounding_box() for place in (0, 1))
    assert first["y"] == second["y"], "a narrow window does not part them"


def test_doubts_say_how_far_they_are_and_how_many_labels_are_wrong(
    tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = studio.workspace.folder_path("images") / "doubts.csv"
    path.write_text("file,label,suggested,doubt\ntrain/down/down_003.png,down,rings,0.5\n", encoding="utf-8")
    jobs = studio.workspace.jobs
    job = Job(str(path), ("doubts",), 0, "")
    told = ["34 % done, 2:10 left: part 1 of 2, epoch 3/8, step 9 of 12: loss 0.6"]
    alive = [True]
    expected = [{"n": 10, "precision": 0.88, "low": 0.69, "high": 1.0}]
    result = {"num_images": 93, "estimated_wrong": 0.03, "interval": [0.01, 0.08], "agreement": 0.5,
              "expected": expected,
              "doubts": [{"file": "train/down/down_003.png"}]}  # fmt: skip
    monkeypatch.setattr(jobs, "of", lambda _: job)
    monkeypatch.setattr(jobs, "is_alive", lambda _: alive[0])
    monkeypatch.setattr(jobs, "lines", lambda _: told)
    monkeypatch.setattr(jobs, "result", lambda _: result)

    def stop(_: Job) -> None:
        told.append("alexnet: interrupted")
        is_asked_to_stop.set()

    is_asked_to_stop = threading.Event()
    monkeypatch.setattr(jobs, "stop", stop)
    try:
        tab.goto(f"{studio.address}#/data/images?order=doubt")
        tab.get_by_text("34 % done, 2:10 left: part 1 of 2, epoch 3/8").wait_for()
        assert tab.locator(".doubts progress").evaluate("bar => bar.value") == pytest.approx(0.34)
        tab.get_by_role("button", name="Stop looking for doubtful labels").click()
        tab.locator(".doubts button", has_text="Stopping ...").wait_for()
        assert is_asked_to_stop.wait(30)
        alive[0] = False
        tab.get_by_text("stopped; start again to go on").wait_for()
        told.pop()
        tab.reload()
        assert tab.get_by_text("stopped; start again to go on").count() == 0
        tab.get_by_text("Of 93 images an estimated 3.0").wait_for()
        assert "95 % interval 1.0" in tab.locator(".estimate").inner_text()
        assert "Expected to be mislabeled: 9 of the first 10 (7 to 10)" in tab.locator(".estimate").inner_text()
        assert "the list means little" in tab.locator(".estimate .fault").inner_text()
    finally:
        path.unlink()
