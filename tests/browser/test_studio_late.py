"""Answers that come late or not at all: what was chosen or pressed meanwhile holds, and nothing is lost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet.data.corrections import read_corrections
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from tests.conftest import copy_images, copy_linked
from tests.faultless_page import faultless_page
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

DETAIL = "document.querySelector('mistakes-browser').shadowRoot.querySelector('mistake-detail').shadowRoot"
PIXELS = "document.querySelector('canvas.own').toDataURL()"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, image_folder: Path, narrow_run: Run) -> Iterator[Studio]:
    """A folder of images, and two runs on it."""
    root = tmp_path_factory.mktemp("late")
    copy_images(image_folder, root / "images")
    for name in ("first", "second"):
        run = RunFolder(copy_linked(narrow_run.path, root / "runs" / name))
        run.write_about(replace(run.about, data=replace(run.about.data, path=str(root / "images"))))
    with served([root]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    with faultless_page(browser, allowed=("status of 4", "net::ERR_FAILED")) as page:
        yield page


class Held:
    """Requests to an address that wait until they are let go."""

    def __init__(self, tab: Any, pattern: str) -> None:
        self.tab = tab
        self.routes: list[Any] = []
        tab.route(pattern, lambda route: self.routes.append(route))

    def wait(self, count: int) -> None:
        for _ in range(150):
            if len(self.routes) >= count:
                return
            self.tab.wait_for_timeout(50)
        raise AssertionError(f"{len(self.routes)} of {count} requests were made")

    def let_go(self, place: int = 0) -> None:
        self.wait(place + 1)
        self.routes[place].continue_()


def refuse(words: str) -> Any:
    return lambda route: route.fulfill(status=400, json={"error": words})


def test_a_second_decision_is_about_the_next_image_before_the_first_is_answered(tab: Any, studio: Studio) -> None:
    path = studio.workspace.folder_path("images") / "corrections.csv"
    tab.goto(f"{studio.address}#/data/images?class=down")
    tab.locator(".cell").first.click()
    names = [f"{kind}/down/down_{number}" for kind, number in (("test", 1000), ("test", 1001), ("test", 1002))]
    held = Held(tab, "**/corrections")
    tab.keyboard.press("f")
    tab.keyboard.down("e")
    tab.keyboard.down("e")  # as a key that is held repeats
    tab.keyboard.up("e")
    held.let_go(0)
    held.let_go(1)
    tab.locator(".cell .badge", has_text="excluded").wait_for()
    assert [(line.file, line.action) for line in read_corrections(path)] == [
        (f"{names[0]}.png", "fine"), (f"{names[1]}.png", "exclude")
    ]  # fmt: skip
    assert tab.locator("aside .file").inner_text() == f"{names[2]}.png"
    tab.unroute("**/corrections")
    tab.route("**/undo", refuse("the disk is full"), times=1)
    tab.keyboard.press("u")
    tab.get_by_text("the disk is full").wait_for()
    for count in (1, 0):
        tab.keyboard.press("u")
        tab.get_by_text("Undone: test/down").wait_for()
        tab.wait_for_function(f"() => document.querySelectorAll('.cell .badge:not(:empty)').length === {count}")
    assert read_corrections(path) == ()
    tab.route("**/corrections", refuse("the folder is gone"), times=1)
    tab.keyboard.press("f")
    tab.get_by_text("not decided. the folder is gone").wait_for()
    tab.keyboard.press("u")
    tab.get_by_text("This tab has nothing to undo.").wait_for()


def test_a_second_decision_about_mistakes_is_about_the_next_one(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/run/first")
    tab.locator("mistakes-browser .tile").first.click()
    files = tab.evaluate("document.querySelector('mistakes-browser').shownFiles")
    held = Held(tab, "**/first/corrections")
    tab.keyboard.press("f")
    tab.keyboard.down("e")
    tab.keyboard.down("e")
    tab.keyboard.up("e")
    assert tab.evaluate("document.querySelector('mistakes-browser').selectedFile") == files[2]
    held.let_go(0)
    held.let_go(1)
    tab.get_by_text("excluded", exact=True).first.wait_for()
    path = studio.workspace.folder_path("images") / "corrections.csv"
    lines = [(line.file, line.action) for line in read_corrections(path)]
    assert lines == [(files[0], "fine"), (files[1], "exclude")]
    tab.unroute("**/first/corrections")
    for _ in range(2):
        tab.keyboard.press("u")
        tab.get_by_text("Undone: ").wait_for()


def test_the_class_that_was_chosen_stays_when_the_nearest_images_arrive(tab: Any, studio: Studio) -> None:
    held = Held(tab, "**/mistakes/*?near=1")
    tab.goto(f"{studio.address}#/run/second")
    choose = tab.get_by_label("Class", exact=True)
    choose.wait_for()
    other = tab.evaluate(f"[...{DETAIL}.querySelector('select').options].find((one) => !one.selected).value")
    choose.select_option(other)
    choose.focus()
    held.let_go()
    tab.locator("mistake-detail .near li").first.wait_for()
    assert choose.input_value() == other
    assert tab.evaluate(f"{DETAIL}.activeElement.localName") == "select"
    tab.get_by_role("button", name="both are correct").focus()
    tab.keyboard.press("b")
    tab.get_by_text("It is of this class, too").wait_for()
    assert choose.input_value() == other


def test_of_two_images_to_break_the_later_one_is_shown(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/break/first?folder=images")
    tab.locator(".picker .cell").first.wait_for()
    held = Held(tab, "**/thumbnails/0?*large=1")
    tab.locator("#cell-0").click()
    held.wait(1)
    tab.locator("#cell-1").click()
    tab.locator(".bars .n").first.wait_for()
    tab.wait_for_load_state("domcontentloaded")
    shown = tab.evaluate(PIXELS)
    held.let_go()
    tab.wait_for_timeout(400)
    tab.locator("canvas.own").click(button="right")
    assert tab.evaluate(PIXELS) == shown, "only the first button of the mouse paints"
    tab.route("**/thumbnails/2?*large=1", lambda route: route.fulfill(body="no image"))
    tab.locator("#cell-2").click()
    tab.get_by_text("cannot be shown; choose another image.").wait_for()
    assert tab.evaluate(PIXELS) == shown


def test_a_button_keeps_the_focus_while_the_training_tells_how_far_it_is(tab: Any, studio: Studio) -> None:
    state = {
        "status": "training", "is_own": True, "may_resume": False, "line": "step 1", "data": "images",
        "folder": "images", "preset": "fast", "epochs": [], "num_epochs": 8, "pace": None, "fault": None,
    }  # fmt: skip
    sockets: list[Any] = []

    def tell(**changes: object) -> None:
        sockets[-1].send(json.dumps({"id": 1, **state, **changes}))

    tab.route_web_socket("**/api/live", lambda socket: (sockets.append(socket), socket.on_message(lambda _: tell())))
    tab.goto(f"{studio.address}#/train/growing")
    stop = tab.get_by_role("button", name="Stop and save")
    stop.focus()
    node = stop.element_handle()
    tell(line="step 2")
    tab.get_by_text("step 2").wait_for()
    assert node.evaluate("(one) => one === document.activeElement")
    tell(status="stopped", may_resume=True)
    tab.get_by_role("button", name="Resume").wait_for()
    assert stop.count() == 0


def test_inside_goes_on_with_the_image_before_when_one_cannot_be_used(
    tab: Any, studio: Studio, tmp_path: Path
) -> None:
    (tmp_path / "page.png").write_text("<html>", encoding="utf-8")
    tab.goto(f"{studio.address}#/inside/first?image=nothing.png")
    tab.locator(".fault", has_text="nothing.png: is not among the images of the run").wait_for()
    tab.locator(".samples button").first.click()
    tab.locator(".bars .n").first.wait_for()
    tab.wait_for_function("() => location.hash.includes('image=test')")
    before = tab.evaluate("location.hash")
    tab.locator("input[type=file]").set_input_files(tmp_path / "page.png")
    tab.locator("#said", has_text="cannot be used").wait_for()
    tab.get_by_label("turn").fill("20")
    tab.wait_for_function("() => location.hash.includes('turn=20')")
    assert tab.evaluate("location.hash").startswith(before)


def test_the_address_of_the_lab_follows_from_run_to_run(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/lab/first")
    choose = tab.get_by_label("Kernels:")
    choose.select_option("second")
    tab.wait_for_url("**#/lab/second?*")
    held = Held(tab, "**/api/lab?run=first")
    choose.select_option("first")
    held.wait(1)
    choose.select_option("")
    tab.wait_for_url("**#/lab?*")
    held.let_go()
    tab.wait_for_timeout(300)
    assert tab.evaluate("location.hash").startswith("#/lab?")


@pytest.mark.parametrize(("view", "first"), [("inside", "samples"), ("break", "break")])
def test_a_view_that_could_not_be_opened_takes_no_image_that_is_pasted(
    tab: Any, studio: Studio, view: str, first: str
) -> None:
    tab.route(f"**/runs/first/{first}", refuse("the images are gone"))
    tab.goto(f"{studio.address}#/{view}/first")
    tab.get_by_text("the images are gone").wait_for()
    tab.goto(f"{studio.address}#/home")
    tab.locator(".cards").first.wait_for()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    tab.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["x"], "x.png", { type: "image/png" }));
        dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
    }""")
    tab.wait_for_timeout(300)
    assert asked == [] and tab.evaluate("location.hash") == "#/home"
    assert tab.locator("#said").inner_text() == ""


def test_a_view_that_was_left_does_not_take_the_page_back(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/home")
    tab.locator(".cards").first.wait_for()
    held = Held(tab, "**/api/here")
    tab.evaluate("location.hash = '#/data'")
    held.wait(1)
    tab.evaluate("location.hash = '#/lab/nothing/at/all'")
    held.let_go()
    tab.wait_for_timeout(300)
    assert tab.evaluate("location.hash").startswith("#/lab")


def test_a_dialog_is_closed_with_its_view(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/data/images")
    tab.locator(".cell").first.dblclick()
    tab.get_by_role("dialog").wait_for()
    tab.evaluate("location.hash = '#/home'")
    tab.get_by_role("dialog").wait_for(state="detached")


def test_keys_are_heard_after_a_file_was_chosen(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/data/images?add=yes")
    tab.locator("#pick").focus()
    tab.keyboard.press("?")
    tab.get_by_role("dialog", name="Keys").wait_for()


def test_a_list_that_cannot_be_begun_says_why_until_it_can(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/data/images?order=twins")
    start = tab.get_by_role("button", name="Look for near duplicates")
    start.wait_for()
    tab.route("**/twins", refuse("the disk is full"))
    start.click()
    tab.locator(".listed .fault", has_text="the disk is full").wait_for()
    tab.wait_for_timeout(200)
    assert tab.locator(".listed .fault").inner_text() == "the disk is full" and start.is_enabled()


def test_the_map_of_images_is_asked_for_again_after_a_failure(tab: Any, studio: Studio) -> None:
    tab.route("**/runs/first/map", refuse("the images are away"), times=1)
    tab.goto(f"{studio.address}#/run/first")
    fold = tab.get_by_text("map of all images")
    fold.click()
    tab.get_by_text("the images are away").wait_for()
    fold.click()
    fold.click()
    tab.locator("image-map").wait_for(timeout=60_000)


def test_one_training_on_hard_images_is_followed_through_a_server_that_is_away(tab: Any, studio: Studio) -> None:
    board = studio.ask("/api/runs/first/break").values | {
        "folder": "images", "num_images": 12, "num_trained": 0, "measured": {"num": 12, "num_wrong": 12},
    }  # fmt: skip

    def state(line: str, fault: str = "") -> dict[str, Any]:
        job = {"is_alive": not fault, "line": line, "done": None, "fault": fault, "is_stopped": False}
        return {"job": job, "left": "", "before": "first", "result": None}

    answers: list[Any] = [
        lambda route: route.fulfill(json=state("step 1")),
        lambda route: route.abort(),
        lambda route: route.fulfill(json=state("step 2")),
        lambda route: route.fulfill(json=state("", "it diverged")),
    ]
    tab.route("**/runs/first/break", lambda route: route.fulfill(json=board))
    tab.route("**/break/retrain", lambda route: route.fulfill(json={"run": "first-hard"}))
    tab.route("**/first-hard/retrained", lambda route: answers.pop(0)(route))
    tab.goto(f"{studio.address}#/break/first")
    start = tab.get_by_role("button", name="Train on half of them, and measure")
    start.click()
    tab.get_by_text("training the last layer again: step 1").wait_for()
    assert start.is_disabled()
    tab.locator(".measure .fault", has_text="The studio does not answer").wait_for()
    assert start.is_disabled()
    tab.get_by_text("step 2").wait_for()
    tab.get_by_text("it diverged").wait_for()
    assert start.is_enabled() and answers == []


def test_compare_shows_what_was_chosen_last(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/compare")
    first, second = (tab.get_by_role("checkbox", name=name) for name in ("first", "second"))
    held = Held(tab, "**/api/compare?*")
    first.check()
    second.check()
    held.wait(1)
    second.uncheck()
    held.let_go()
    tab.wait_for_timeout(400)
    assert tab.get_by_role("heading", name="Scores").count() == 0


def test_no_training_starts_before_the_corrections_are_counted(tab: Any, studio: Studio) -> None:
    tab.route("**/api/plan", refuse("not now"))
    held = Held(tab, "**/api/folders/images")
    tab.goto(f"{studio.address}#/train?data=images")
    start = tab.get_by_role("button", name="Start the training")
    assert start.is_disabled()
    held.wait(1)
    held.routes[0].fulfill(status=400, json={"error": "it is being written"})
    tab.get_by_text("The corrections of images cannot be counted").wait_for()
    assert start.is_disabled()
    tab.get_by_role("button", name="Try again").click()
    held.let_go(1)
    tab.get_by_text("cannot be counted").wait_for(state="detached")
    assert start.is_enabled()
