"""Runs that are not as usual, in a real browser: images that were moved, very long class names, no end yet."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from tests.accessibility import require_no_overflow_between, violations
from tests.conftest import copy_linked
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

LONG = "a" * 180


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    """A run with its images, one whose images were moved, and one that was stopped."""
    root = tmp_path_factory.mktemp("unusual")
    images = Path(shutil.copytree(image_folder, root / "images"))
    for name in ("first", "moved", "open"):
        run = RunFolder(copy_linked(narrow_run.path, root / "runs" / name))
        data = replace(run.about.data, path=str(root / "last year" if name == "moved" else images))
        run.write_about(replace(run.about, data=data, status="running" if name == "open" else "finished"))
    with served([root]) as running:
        yield running


def test_a_run_whose_images_were_moved_says_so_and_asks_for_none(tab: Any, studio: Studio) -> None:
    tab.set_default_timeout(90_000)  # the first question about a network loads torch
    words = tab.get_by_text("The images of this run are no longer in")
    own = tab.get_by_role("button", name="an image of your own")
    tab.goto(f"{studio.address}#/run/moved")
    words.wait_for()
    tab.locator("mistakes-browser .tile").first.wait_for()
    tab.goto(f"{studio.address}#/inside/moved")
    words.wait_for()
    assert own.is_visible()
    tab.wait_for_load_state("networkidle")
    assert tab.locator(".samples img").count() == 0
    assert violations(tab) == []


def test_a_run_that_has_not_finished_leads_to_its_training(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/inside/open")
    tab.get_by_text("is not finished").wait_for()
    tab.get_by_role("link", name="Look at the training of open").click()
    tab.get_by_role("heading", name="Training open").wait_for()


def test_a_view_that_is_waited_for_has_its_heading_and_says_so_once(tab: Any, studio: Studio) -> None:
    held: list[Any] = []
    tab.route("**/api/recipes", lambda route: held.append(route))
    tab.goto(f"{studio.address}#/train")
    tab.get_by_text("Loading ...").wait_for()
    assert tab.get_by_role("heading", name="Train").is_visible()
    assert violations(tab) == []
    held.pop().continue_()
    tab.locator(".presets").wait_for()
    tab.route("**/api/runs/first", lambda route: held.append(route))
    tab.goto(f"{studio.address}#/run/first")
    tab.get_by_text("loading the network ...").wait_for()
    tab.wait_for_timeout(800)  # longer than it takes until a view says that it is coming
    assert tab.get_by_text("loading").count() == 1
    held.pop().continue_()
    tab.locator("mistakes-browser").wait_for()


def test_class_names_of_180_characters_stay_in_their_places(tab: Any, studio: Studio) -> None:
    def rename(route: Any) -> None:
        answer = route.fetch()
        if "json" not in answer.headers["content-type"]:
            route.fulfill(response=answer)
            return
        route.fulfill(response=answer, body=answer.text().replace('"across"', f'"{LONG}"'))

    tab.route("**/api/runs/first**", rename)
    for width in (1600, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto(f"{studio.address}#/home")
        tab.get_by_role("heading", name="What is here").wait_for()
        tab.goto(f"{studio.address}#/inside/first")
        tab.locator(".softmax tfoot td").first.wait_for()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        assert tab.locator(".bars dd.n").evaluate_all(
            "(all, w) => all.every(e => e.getBoundingClientRect().right <= w)", width
        )
        table = tab.locator(".softmax").first
        assert table.evaluate("table => table.getBoundingClientRect().width") < 800
        tab.goto(f"{studio.address}#/run/first")
        tab.locator(".by-class tbody td").first.wait_for()
        assert tab.locator(".by-class").evaluate("table => table.getBoundingClientRect().width") < 1000
    tab.unroute_all(behavior="ignoreErrors")
    require_no_overflow_between(tab)


def test_the_channels_of_a_tower_are_named_by_their_numbers_in_the_layer_that_is_read(
    tab: Any, studio: Studio
) -> None:
    numbers: list[int] = []

    def second_tower(route: Any) -> None:
        values = route.fetch().json()
        values["step"]["channels"] = [48, 47 + values["step"]["num_channels"]]
        numbers.extend(48 + channel for channel in values["step"]["chosen"])
        route.fulfill(json=values)

    tab.route("**/cell?*", second_tower)
    tab.goto(f"{studio.address}#/inside/first?layer=conv2&map=3&row=1&column=1")
    tab.locator(".output-cell summary").first.wait_for()
    words = tab.locator(".output-cell details summary").all_inner_texts()
    tab.unroute_all(behavior="wait")  # cells beside it are asked for beforehand
    assert [int(text.removeprefix("channel ").partition(":")[0]) for text in words] == numbers[: len(words)]


def test_a_curve_of_one_epoch_is_a_dot_and_one_of_validation_images_says_so(tab: Any, studio: Studio) -> None:
    def shorten(route: Any) -> None:
        values = route.fetch().json()
        values["epochs"][1] = [values["epochs"][1][0] | {"test_top1_error": None, "validation_top1_error": 0.5}]
        route.fulfill(json=values)

    tab.route("**/api/compare?*", shorten)
    tab.goto(f"{studio.address}#/compare?run=first&run=moved")
    tab.locator("svg.curves").wait_for()
    assert tab.locator("svg.curves circle").count() == 1
    assert tab.get_by_text("the error of its validation images").count() == 1
