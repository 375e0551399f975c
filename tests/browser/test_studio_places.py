"""The studio knows which run and which folder one is at: its links lead there, and other runs can be chosen."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from tests.accessibility import violations
from tests.conftest import copy_images, copy_linked
from tests.faultless_page import faultless_page
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    """Two folders of images, two runs on the one and a third on the other."""
    root = tmp_path_factory.mktemp("places")
    for name in ("images", "others"):
        copy_images(image_folder, root / name)
    for name, images in (("first", "images"), ("second", "images"), ("third", "others")):
        run = RunFolder(copy_linked(narrow_run.path, root / "runs" / name))
        run.write_about(replace(run.about, data=replace(run.about.data, path=str(root / images))))
    with served([root]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    with faultless_page(browser, allowed=("status of 404",)) as page:
        page.set_default_timeout(30000)
        yield page


IMAGE = "new URLSearchParams(location.hash.split('?')[1]).get('image')"
"""The image in the address."""


def header(tab: Any) -> dict[str, str]:
    """Where the links of the header lead."""
    links = tab.locator("header nav a").evaluate_all("all => all.map((each) => [each.dataset.view, each.hash])")
    return dict(links)


def test_links_lead_to_the_run_and_the_folder_that_were_looked_at_last(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/run")
    tab.get_by_text("Choose a run.").wait_for()
    assert (header(tab)["run"], header(tab)["data"]) == ("#/run", "#/data")
    tab.get_by_role("link", name="second").click()
    tab.get_by_role("heading", name="second", exact=True).wait_for()
    assert {name: header(tab)[name] for name in ("run", "inside", "break")} == {
        "run": "#/run/second", "inside": "#/inside/second", "break": "#/break/second"
    }  # fmt: skip
    tab.get_by_role("link", name="Inside", exact=True).click()
    tab.get_by_role("heading", name="Inside second").wait_for()
    tab.goto(f"{studio.address}#/data/others")
    tab.locator(".image-grid .cell").first.wait_for()
    tab.goto(f"{studio.address}#/home")
    tab.reload()
    tab.locator(".cards").first.wait_for()
    assert (header(tab)["inside"], header(tab)["data"]) == ("#/inside/second", "#/data/others")
    tab.keyboard.press("g")
    tab.keyboard.press("r")
    tab.get_by_role("heading", name="second", exact=True).wait_for()
    for view in ("run", "inside", "break"):
        tab.goto(f"{studio.address}#/{view}")
        tab.wait_for_function(f"() => location.hash.startsWith('#/{view}/second')")


def test_data_begins_with_the_images_of_the_run_that_was_looked_at(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/run/third")
    tab.get_by_role("heading", name="third", exact=True).wait_for()
    tab.keyboard.press("g")
    tab.keyboard.press("d")
    tab.wait_for_function("() => location.hash.startsWith('#/data/others')")
    assert tab.get_by_label("Folder").input_value() == "others"


def test_another_run_is_chosen_and_the_image_is_kept_where_it_has_it(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/inside/first?turn=20")
    tab.locator(".bars .n").first.wait_for()
    tab.wait_for_function(f"() => {IMAGE} !== null")
    before = tab.evaluate(IMAGE)
    tab.locator(".samples button").nth(1).click()
    tab.wait_for_function(f"(before) => {IMAGE} !== before && location.hash.includes('turn=20')", arg=before)
    image = tab.evaluate(IMAGE)
    run = tab.get_by_label("run", exact=True)
    assert "first" in run.evaluate("(one) => one.selectedOptions[0].text")
    assert violations(tab) == []
    run.select_option("second")
    tab.get_by_role("heading", name="Inside second").wait_for()
    tab.locator(".bars .n").first.wait_for()
    kept = tab.evaluate("Object.fromEntries(new URLSearchParams(location.hash.split('?')[1]))")
    assert (kept["image"], kept["turn"]) == (image, "20")
    tab.get_by_label("run", exact=True).select_option("third")
    tab.get_by_role("heading", name="Inside third").wait_for()
    tab.locator(".bars .n").first.wait_for()
    assert "turn=" not in tab.evaluate("location.hash")
    tab.goto(f"{studio.address}#/run/first/unit/conv2/3")
    tab.get_by_label("run", exact=True).select_option("second")
    tab.get_by_role("heading", name="conv2/3 of second").wait_for()
    assert tab.evaluate("location.hash") == "#/run/second/unit/conv2/3"
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.wait_for_load_state("networkidle")
    assert tab.evaluate("document.documentElement.scrollWidth") == 390 and violations(tab) == []


def test_a_run_that_is_gone_is_forgotten(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/run/first")
    tab.get_by_role("heading", name="first", exact=True).wait_for()
    tab.goto(f"{studio.address}#/run/gone")
    tab.get_by_role("heading", name="This cannot be shown").wait_for()
    assert header(tab)["run"] == "#/run"
    tab.get_by_role("link", name="Run", exact=True).click()
    tab.get_by_text("Choose a run.").wait_for()


def test_the_only_run_is_not_asked_for(browser: Any, narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    copy_linked(narrow_run.path, tmp_path / "alone")
    page = browser.new_page()
    with served([tmp_path]) as running:
        for view, heading in (("inside", "Inside alone"), ("break", "Break alone"), ("run", "alone")):
            page.goto(f"{running.address}#/{view}")
            page.get_by_role("heading", name=heading, exact=True).wait_for()
            assert page.get_by_label("run", exact=True).count() == 0
        page.close()


def test_a_view_that_was_left_does_not_take_the_address_back(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/inside/first")
    tab.wait_for_url("**image=*")  # what the view writes last
    router = tab.locator("script[type=module]").first.evaluate("(one) => new URL('router.js', one.src).href")
    write = f"async (hash) => (await import('{router}')).go(hash, {{ replace: true }})"
    tab.evaluate(write, "#/inside/first?turn=30")
    assert tab.evaluate("location.hash") == "#/inside/first?turn=30"
    for elsewhere in ("#/inside/second", "#/home"):
        tab.goto(f"{studio.address}{elsewhere}")
        tab.evaluate(write, "#/inside/first?turn=40")
        assert tab.evaluate("location.hash").startswith(elsewhere)
