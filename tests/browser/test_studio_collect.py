"""Images and classes that are added in the Data view: into the class that was chosen, no longer than wanted."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet.data.corrections import read_corrections
from tests.accessibility import violations
from tests.conftest import draw_stripes
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

CAMERA_THAT_WAITS = """const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.opened = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
    await new Promise((go) => { window.letGo = go; });
    const stream = await ask(wanted);
    window.opened.push(...stream.getTracks());
    return stream;
};"""


OVERFLOWING = """[...document.querySelectorAll('.beside aside, .beside aside *')]
    .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.outerHTML)"""


@pytest.fixture
def images(studio: Studio) -> Iterator[Path]:
    """The folder of the studio; what a test adds to it is removed."""
    folder = studio.workspace.folder_path("images")
    before = set(folder.rglob("*"))
    yield folder
    for path in sorted(set(folder.rglob("*")) - before):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    studio.workspace.forget(folder)


def added(folder: Path, pattern: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(pattern))


def wait_for(tab: Any, held: list[Any], count: int) -> None:
    """Until the page has sent so many requests; its line may say so before they are seen here."""
    for _ in range(200):
        if len(held) >= count:
            return
        tab.wait_for_timeout(25)
    pytest.fail(f"{len(held)} of {count} requests after 5 s")


def test_files_go_into_the_class_that_was_chosen_when_they_were(
    tab: Any, studio: Studio, images: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        draw_stripes(2, number).save(tmp_path / f"new-{number}.png")
    held: list[Any] = []
    tab.route("**/images?class=*", lambda route: held.append(route))
    tab.goto(f"{studio.address}#/data/images?class=rings&add=yes")
    tab.locator("#pick").set_input_files(sorted(tmp_path.glob("new-*.png")))
    tab.get_by_text("Sending 1 of 2 to rings ...").wait_for()
    tab.locator("#add-to").select_option("down")
    wait_for(tab, held, 1)
    held[0].continue_()
    tab.get_by_text("Sending 2 of 2 to rings ...").wait_for()
    wait_for(tab, held, 2)
    held[1].continue_()
    tab.get_by_text("2 images added to rings.").wait_for()
    assert added(images, "new-*.png") == ["train/rings/new-1.png", "train/rings/new-2.png"]
    assert tab.locator("#add-to").input_value() == "down", "the choice stays"


def test_a_folder_that_is_dropped_is_named_and_a_drop_beside_the_zone_opens_nothing(
    tab: Any, studio: Studio, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "holiday").mkdir()
    draw_stripes(0, 1).save(tmp_path / "one.png")
    tab.goto(f"{studio.address}#/data/images?class=rings&add=yes")
    zone = tab.locator(".drop")
    zone.wait_for()
    session = tab.context.new_cdp_session(tab)

    def drop(place: Any, path: Path) -> None:
        box = place.bounding_box()
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})

    drop(tab.get_by_role("heading", name="Images of"), tmp_path / "one.png")
    drop(zone, tmp_path / "holiday")
    tab.get_by_text("Not added: holiday: cannot be read. Choose files, not folders.").wait_for()
    drop(zone, tmp_path / "one.png")
    tab.get_by_text("1 image added to rings.").wait_for()
    assert added(images, "one*.png") == ["train/rings/one.png"]


def test_a_camera_that_is_no_longer_wanted_when_it_opens_is_turned_off(tab: Any, studio: Studio) -> None:
    tab.add_init_script(CAMERA_THAT_WAITS)
    tab.goto(f"{studio.address}#/data/images?class=rings&add=yes")
    use = tab.get_by_role("button", name="Use the camera")
    use.click()
    tab.wait_for_function("() => typeof window.letGo === 'function'")
    tab.get_by_text("Add images").click()
    tab.evaluate("window.letGo()")
    tab.wait_for_function(
        "() => window.opened.length > 0 && window.opened.every((each) => each.readyState === 'ended')"
    )
    tab.get_by_text("Add images").click()
    assert use.is_visible()


def test_no_image_is_taken_unless_the_button_is_held(tab: Any, studio: Studio, images: Path) -> None:
    tab.goto(f"{studio.address}#/data/images?class=rings&add=yes")
    tab.get_by_role("button", name="Use the camera").click()
    hold = tab.get_by_role("button", name="Hold to add images")
    tab.wait_for_function("() => document.querySelector('video')?.videoWidth > 0")
    hold.click(button="right")
    hold.focus()
    tab.keyboard.down(" ")
    tab.get_by_text("images added to rings").wait_for()
    hold.evaluate("(button) => button.blur()")  # the key is let go elsewhere: no keyup arrives
    tab.wait_for_timeout(1500)  # those that were taken are sent
    count = len(added(images, "camera-*.jpg"))
    tab.wait_for_timeout(600)
    assert len(added(images, "camera-*.jpg")) == count > 0
    tab.keyboard.up(" ")
    box = hold.bounding_box()
    tab.mouse.move(box["x"] + 5, box["y"] + 5)
    tab.mouse.down(button="right")
    tab.wait_for_timeout(400)
    tab.mouse.up(button="right")
    assert len(added(images, "camera-*.jpg")) == count
    tab.get_by_role("button", name="Camera off").click()


def test_a_class_is_added_and_one_is_found_or_made_while_deciding(tab: Any, studio: Studio, images: Path) -> None:
    tab.goto(f"{studio.address}#/data/images?class=down&add=yes")
    tab.get_by_label("a class that is not there yet").fill("rings")
    tab.get_by_role("button", name="Add a class").click()
    tab.get_by_text("rings: is a class of the folder already").wait_for()
    tab.get_by_label("a class that is not there yet").fill("mug")
    tab.keyboard.press("Enter")
    tab.get_by_text("The class mug is there; add its images.").wait_for()
    assert tab.locator("#add-to").input_value() == "mug" and (images / "train" / "mug").is_dir()
    tab.locator(".cell").first.click()
    tab.keyboard.press("o")
    tab.keyboard.type("RI")
    tab.keyboard.press("Enter")
    tab.locator(".cell .badge", has_text="→ rings").wait_for()
    tab.keyboard.press("Escape")
    tab.locator(".cell").nth(1).click()
    tab.keyboard.press("o")
    tab.keyboard.type("kettle")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Make kettle a class").click()
    tab.locator(".cell .badge", has_text="→ kettle").wait_for()
    assert violations(tab) == []
    tab.locator(".cell").nth(2).click()
    tab.get_by_role("button", name="kettle").click()
    tab.wait_for_function("() => document.querySelectorAll('.cell .badge:not(:empty)').length === 3")
    assert [line.to for line in read_corrections(images / "corrections.csv")] == ["rings", "kettle", "kettle"]


def test_names_of_sixty_characters_fit_a_narrow_page(browser: Any, tmp_path: Path) -> None:
    long = "a_kettle_that_whistles_" + 36 * "e" + "!"
    names = [long, *(f"class {number}" for number in range(12))]
    for number, name in enumerate(names):
        (tmp_path / long / name).mkdir(parents=True)
        draw_stripes(number % 3, number).save(tmp_path / long / name / "one.png")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    with served([tmp_path]) as running:
        for view in (f"data/{long}?add=yes&class={long}", f"train?data={long}", "home"):
            page.goto(f"{running.address}#/{view}")
            page.get_by_role("heading").first.wait_for()
            page.wait_for_load_state("networkidle")
            if view.startswith("data"):
                page.locator(".cell").first.click()
                assert page.locator(".classes button").count() == 9, "of many classes, those with a key"
                other = page.locator("datalist option").last.get_attribute("value")
                page.get_by_label("another class, by its name").fill(str(other))
                page.keyboard.press("Enter")
                page.locator(".cell .badge", has_text=f"→ {other}").wait_for()
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
            assert page.evaluate(OVERFLOWING) == []
        page.close()
