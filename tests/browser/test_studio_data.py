"""The Data view in a real browser: selecting, deciding by keys, undoing, adding images, doubts."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import alexnet
from alexnet.audit.answer_sheet import read_answers
from alexnet.data.corrections import Correction, read_corrections
from tests.accessibility import violations
from tests.conftest import draw_stripes
from tests.studio_server import Studio

pytestmark = pytest.mark.browser


def test_labels_are_corrected_by_keyboard_alone_and_undone(tab: Any, studio: Studio) -> None:
    images = studio.workspace.folder_path("images")
    tab.goto(f"{studio.address}#/data/images?class=down")
    grid = tab.get_by_role("listbox")
    grid.locator("[role=option]").first.wait_for()
    grid.focus()
    tab.keyboard.press("Home")
    tab.keyboard.press("Shift+ArrowRight")
    assert tab.get_by_text("2 images are selected").is_visible()
    tab.keyboard.press("3")
    tab.get_by_text("2 images: it is rings").wait_for()
    lines = read_corrections(images / "corrections.csv")
    assert [(line.action, line.label, line.to) for line in lines] == [("relabel", "down", "rings")] * 2
    tab.reload()
    tab.locator(".cell .badge", has_text="→ rings").first.wait_for()
    assert tab.locator(".cell .badge", has_text="→ rings").count() == 2, "decisions survive a reload"
    tab.keyboard.press("u")
    tab.get_by_text("Undone: 2 decisions").wait_for()
    assert read_corrections(images / "corrections.csv") == ()
    tab.locator(".cell").first.click()
    tab.keyboard.press("b")
    tab.keyboard.press("1")
    tab.get_by_text("it is across too").wait_for()
    tab.keyboard.press("u")
    tab.get_by_text("Undone: test/down").wait_for()


def test_a_decision_is_shown_in_other_tabs_and_one_by_command_when_a_tab_is_looked_at(
    browser: Any, studio: Studio
) -> None:
    context = browser.new_context(reduced_motion="reduce")
    tab, other = context.new_page(), context.new_page()
    for page in (tab, other):
        page.goto(f"{studio.address}#/data/images?class=down")
        page.locator(".cell").first.wait_for()
    tab.locator(".cell").first.click()
    tab.keyboard.press("3")
    other.locator(".cell .badge", has_text="→ rings").wait_for()
    tab.keyboard.press("u")
    other.locator(".cell .badge", has_text="→ rings").wait_for(state="detached")
    other.goto(f"{studio.address}#/run/first")
    tile = other.locator("mistakes-browser .tile").first
    file = tile.get_attribute("data-file")
    data = studio.workspace.run("first").about.data.path
    alexnet.correct(data, [file], "exclude")
    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tile.locator(".done", has_text="excluded").wait_for()
    alexnet.corrections_path(data).unlink()
    context.close()


def test_only_images_that_are_shown_are_decided_about(tab: Any, studio: Studio) -> None:
    path = studio.workspace.folder_path("images") / "corrections.csv"
    tab.goto(f"{studio.address}#/data/images?class=down")
    tab.locator(".cell").first.click()
    tab.locator("#class").select_option("rings")
    tab.get_by_text("1 selected image is not shown").wait_for()
    tab.locator(".image-grid").focus()
    tab.keyboard.press("e")
    tab.get_by_text("The selected images are not shown").wait_for()
    tab.locator(".cell").first.click()
    tab.keyboard.press("3")
    tab.get_by_text("That is the label already: rings").wait_for()
    assert not path.exists() or read_corrections(path) == ()
    count = tab.locator(".bar [role=status]").first.inner_text()
    tab.keyboard.press("e")
    tab.get_by_text("excluded from trainings").wait_for()
    assert tab.locator(".bar [role=status]").first.inner_text() == count, "the number of images stays"
    assert [line.label for line in read_corrections(path)] == ["rings"]
    tab.keyboard.press("u")
    tab.get_by_text("Undone: ").wait_for()


def test_only_visible_thumbnails_are_in_the_page_and_names_are_text(tab: Any, studio: Studio) -> None:
    tab.set_viewport_size({"width": 800, "height": 420})
    tab.goto(f"{studio.address}#/data/images")
    tab.locator(".cell").first.wait_for()
    assert tab.locator(".cell").count() < 93
    tab.locator("#q").fill("onerror")
    tab.get_by_text("1 image", exact=True).wait_for()
    assert r"\u202e" in tab.locator(".cell .name").inner_text()
    assert tab.title() == "images · Data · alexnet studio", "markup in a file's name has not run"
    tab.locator("#q").fill("nothing like this")
    tab.get_by_text("No image matches this choice.").wait_for()


def test_images_are_added_and_what_is_none_is_said(tab: Any, studio: Studio, tmp_path: Path) -> None:
    draw_stripes(2, 900).save(tmp_path / "fresh.png")
    (tmp_path / "page.png").write_text("<html>", encoding="utf-8")
    tab.goto(f"{studio.address}#/data/images?class=rings")
    tab.get_by_text("Add images").click()
    tab.locator("#pick").set_input_files([tmp_path / "fresh.png", tmp_path / "page.png"])
    tab.get_by_text("1 image added to rings. Not added: page.png: cannot be used").wait_for()
    images = studio.workspace.folder_path("images")
    added = images / "train" / "rings" / "fresh.png"
    assert added.is_file()
    added.unlink()
    file, later = "train/down/down_003.png", "2100-01-01T00:00:00+00:00"
    alexnet.correct(images, [file], "relabel", to="rings", who="ann")
    theirs = [Correction(file, "exclude", who="bob", when=later)]
    alexnet.write_corrections(tmp_path / "theirs.csv", theirs)
    tab.reload()
    tab.get_by_text("More with this folder").click()
    tab.locator("#merge-file").set_input_files(tmp_path / "theirs.csv")
    tab.get_by_text("Nothing is added: theirs.csv and this folder differ about 1 image.").wait_for()
    tab.get_by_text(f"{file}: this folder's corrections.csv says relabel rings (ann").wait_for()
    assert violations(tab) == []
    tab.get_by_role("button", name="add all and take the later decisions").click()
    tab.get_by_text("1 decision of theirs.csv is added.").wait_for()
    tab.locator("#show option", has_text="corrected (1)").wait_for(state="attached")
    assert tab.locator("#predict-run").input_value() == "first"
    tab.locator("#copy-name").fill("images")
    tab.get_by_role("button", name="Write a corrected copy").click()
    tab.get_by_text("images: already exists; choose another name").wait_for()
    alexnet.corrections_path(images).unlink()


def test_a_copy_with_planted_faults_is_made_and_graded(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/data/images")
    tab.get_by_text("More with this folder").click()
    tab.get_by_text("Choose the faults").click()
    assert not tab.get_by_role("button", name="Grade my corrections").is_visible(), "there is no answer sheet"
    tab.get_by_label("Labels to swap").fill("10")
    tab.get_by_label("Swap only among").select_option(["down", "rings"])
    tab.get_by_label("Class with a colored corner").select_option("down")
    tab.wait_for_load_state("networkidle")
    assert violations(tab) == []
    tab.get_by_label("Name of the copy").last.fill("images")
    tab.get_by_role("button", name="Make the copy").click()
    tab.get_by_text("images: already exists; choose another name").wait_for()
    tab.get_by_label("Name of the copy").last.fill("hunt")
    tab.get_by_role("button", name="Make the copy").click()
    tab.get_by_role("link", name="hunt", exact=True).click(timeout=60_000)
    tab.get_by_text("More with this folder").click()
    grade = tab.get_by_role("button", name="Grade my corrections")
    grade.click()
    tab.get_by_text("hunt: has no corrections yet; correct the labels that are wrong first").wait_for()
    hunt = studio.workspace.folder_path("hunt")
    sheet = read_answers(hunt)
    assert {each.true for each in sheet.swapped} == {"down", "rings"}
    alexnet.correct(hunt, [each.file for each in sheet.swapped[:2]], "exclude")
    alexnet.correct(hunt, [sheet.swapped[0].file], "relabel", to=sheet.swapped[0].true)
    grade.click()
    tab.get_by_text(f"1 of {len(sheet.swapped)} wrong labels corrected; 1 excluded").wait_for()
    assert violations(tab) == []
    shutil.rmtree(hunt)


def test_a_class_is_filled_from_the_camera_while_a_key_is_held(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/data/images?class=rings")
    tab.get_by_text("Add images").click()
    tab.get_by_role("button", name="Use the camera").click()
    while not tab.locator("video").evaluate("video => video.videoWidth"):
        tab.wait_for_timeout(100)
    tab.get_by_role("button", name="Hold to add images").focus()
    tab.keyboard.down(" ")
    tab.get_by_text(re.compile(r"([3-9]|\d\d+) images added to rings")).wait_for()
    tab.keyboard.up(" ")
    tab.get_by_role("button", name="Camera off").click()
    tab.wait_for_load_state("networkidle")
    files = sorted((studio.workspace.folder_path("images") / "train" / "rings").glob("camera-*.jpg"))
    assert len(files) >= 3
    with Image.open(files[0]) as image:
        assert image.size == (224, 224)
        assert len(image.getcolors(224 * 224) or []) > 1, "the camera's image is blank"
    for path in files:
        path.unlink()


def test_doubts_are_looked_for_again_when_there_is_a_list(
    tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = studio.workspace.folder_path("images") / "doubts.csv"
    line = "{},down,rings,0.5\n"
    path.write_text("file,label,suggested,doubt\n" + line.format("train/down/down_003.png"), encoding="utf-8")

    def start(words: list[str], out: Path) -> None:
        with out.open("a", encoding="utf-8") as file:
            file.write(line.format("train/down/down_004.png"))

    monkeypatch.setattr(studio.workspace.jobs, "start", start)
    monkeypatch.setattr(alexnet, "plan_doubts", lambda folder: 240.0, raising=False)
    tab.goto(f"{studio.address}#/data/images")
    show = tab.locator("#show")
    show.locator("option", has_text="doubtful (1)").wait_for(state="attached")
    tab.get_by_role("button", name="Find doubtful labels again").click()
    start_button = tab.get_by_role("button", name="Start 2 trainings, about 4 minutes")
    start_button.wait_for()
    assert path.read_text(encoding="utf-8").count("\n") == 2, "nothing is started before the second click"
    start_button.click()
    show.locator("option", has_text="doubtful (2)").wait_for(state="attached")
    path.write_text(
        "file,label,suggested,doubt,nearest_1,nearest_label_1\ntest/down/down_1000.png,down,rings,0.5,test/rings/rings_1000.png,rings\n",
        encoding="utf-8",
    )
    tab.goto(f"{studio.address}#/data/images?show=doubtful")
    tab.reload()
    tab.locator(".cell").first.click()
    assert tab.locator(".nearest li").all_inner_texts() == ["rings"]
    tab.keyboard.press("a")
    tab.get_by_text("it is rings", exact=False).first.wait_for()
    tab.locator(".cell .badge", has_text="→ rings").wait_for()
    tab.keyboard.press("u")
    tab.get_by_text("Undone: ").wait_for()
    path.unlink()
