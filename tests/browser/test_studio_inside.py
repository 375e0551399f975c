"""Inside in a real browser: an image is changed by keyboard, and the camera's goes through the network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import alexnet
from alexnet.inspection.recording import recorded
from alexnet.runs.run import Run
from tests.accessibility import violations
from tests.conftest import copy_run_and_images
from tests.faultless_page import faultless_page
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    root = copy_run_and_images(narrow_run, image_folder, tmp_path_factory.mktemp("inside"))
    with served([root]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    """A page on which nothing fails; the camera may be used."""
    with faultless_page(browser) as page:
        yield page


BARS = "[...document.querySelectorAll('.bars .n')].map((each) => each.innerText).join()"
MAPS = "[...document.querySelectorAll('.strip canvas')].map((each) => each.toDataURL()).join()"


def bars(tab: Any) -> dict[str, float]:
    names, values = (tab.locator(f".bars {each}").all_inner_texts() for each in ("dt", ".n"))
    return {name: float(value.replace("%", "")) / 100 for name, value in zip(names, values, strict=True)}


def test_an_image_is_turned_and_recolored_by_keyboard_as_edit_does_it(tab: Any, studio: Studio) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    file = run.predictions[0].file
    tab.goto(f"{studio.address}#/inside/first?image={file}&layer=conv2&map=5&row=2&column=2")
    tab.locator(".after li").first.wait_for()
    before, maps, cell = tab.evaluate(BARS), tab.evaluate(MAPS), tab.locator(".equation").inner_text()
    units = tab.locator(".strip button").evaluate_all("all => all.map((each) => each.dataset.unit)")
    tab.get_by_label("turn").focus()
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function("() => location.hash.includes('turn=10')")
    tab.wait_for_function(f"(before) => {MAPS} !== before", arg=maps)
    tab.wait_for_function("(cell) => document.querySelector('.equation').innerText !== cell", arg=cell)
    assert tab.locator("output").all_inner_texts()[2] == "10°"
    (curve,) = alexnet.edit(run, Path(run.about.data.path) / file, "turn").curves
    expected = dict(zip(run.about.classes, curve.probabilities[curve.amounts.index(10.0)], strict=True))
    assert bars(tab) == pytest.approx(expected, abs=6e-4)
    assert tab.locator(".strip button").evaluate_all("all => all.map((each) => each.dataset.unit)") == units
    tab.reload()
    tab.locator(".after li").first.wait_for()
    assert tab.get_by_label("turn").input_value() == "10", "the address keeps the change"
    tab.get_by_label("hue").focus()
    tab.keyboard.press("End")
    tab.wait_for_function("() => location.hash.includes('hue=180')")
    tab.wait_for_load_state("networkidle")
    assert violations(tab) == []
    tab.keyboard.press("r")
    tab.wait_for_function(f"(before) => {BARS} === before", arg=before)
    tab.wait_for_function("() => !/hue|turn/.test(location.hash)")
    assert tab.evaluate(MAPS) == maps
    assert tab.get_by_role("button", name="reset the changes").is_disabled()


def test_the_way_goes_forward_from_a_cell_to_a_unit_that_reads_it(tab: Any, studio: Studio) -> None:
    from alexnet.evaluation.predict import read_image
    from alexnet.inspection.next_units import next_units

    run = alexnet.open_run(studio.workspace.run("first").path)
    file = run.predictions[0].file
    expected = next_units(run.model, "conv2/5", read_image(Path(run.about.data.path) / file, run.model))
    tab.goto(f"{studio.address}#/inside/first?image={file}&layer=conv2&map=5&row=2&column=2")
    readers = tab.locator(".readers")
    readers.nth(1).wait_for()
    for place, units in enumerate((expected.by_contribution, expected.by_weight)):
        links = readers.nth(place).locator("a[href*=unit]").all_inner_texts()
        assert links == [str(each.unit) for each in units]
    best = expected.by_contribution[0]
    readers.nth(0).locator("a[href*=inside]").first.click()
    row, column = best.place
    tab.get_by_text(f"conv3, map {best.unit.number}, row {row}, column {column}").wait_for()
    tab.go_back()
    readers.nth(1).locator("a").first.click()
    tab.get_by_role("heading", name=f"{expected.by_weight[0].unit} of first").wait_for()
    tab.get_by_text("Read by conv4").wait_for()
    assert violations(tab) == []


def test_the_arrow_keys_go_from_tile_to_tile_and_on_the_map_from_cell_to_cell(tab: Any, studio: Studio) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(f"{studio.address}#/inside/first")
    tab.locator(".named button").first.wait_for()
    tiles = tab.locator(".strip button")
    columns = tab.evaluate("getComputedStyle(document.querySelector('.strip')).gridTemplateColumns.split(' ').length")
    assert columns < 8, "a strip has more than one row"
    tiles.nth(1).focus()
    for key, place in (("ArrowDown", 1 + columns), ("ArrowRight", 2 + columns), ("ArrowUp", 2), ("ArrowLeft", 1)):
        tab.keyboard.press(key)
        assert tab.evaluate(FOCUSED) == tiles.nth(place).get_attribute("data-unit")
        assert tab.evaluate(IS_SEEN), "it is behind header or footer"
    for _ in range(12):
        tab.keyboard.press("ArrowDown")
        assert tab.evaluate(IS_SEEN), "it is behind header or footer"
    chosen = tab.evaluate(FOCUSED)
    tab.keyboard.press("Enter")
    head = tab.locator(".numbers b").first
    head.wait_for()
    before = head.inner_text()
    assert tab.evaluate("document.activeElement.matches('canvas.large')") and tab.evaluate(IS_SEEN)
    assert before.startswith(f"{chosen.split('/')[0]}, map {chosen.split('/')[1]}, row ")
    scrolled = tab.evaluate("scrollY")
    tab.keyboard.press("ArrowDown" if ", row 0," in before else "ArrowUp")
    tab.wait_for_function("(before) => document.querySelector('.numbers b').innerText !== before", arg=before)
    assert tab.evaluate("scrollY") == scrolled, "the key chooses a cell and does not scroll"
    tab.keyboard.press("Escape")
    assert tab.evaluate(FOCUSED) == chosen and tab.evaluate(IS_SEEN)
    tab.locator(".named button").last.click()
    tab.locator(".terms").wait_for()
    tab.wait_for_function("document.activeElement.matches('.panel')")
    assert tab.evaluate("document.querySelector('.panel').getBoundingClientRect().top") < 200
    tab.keyboard.press("Escape")
    assert tab.evaluate(FOCUSED) == tab.locator(".named button").last.get_attribute("data-unit")


FOCUSED = "document.activeElement.dataset.unit"
IS_SEEN = """() => {
    const [top, bottom] = ['header', 'footer'].map((each) => document.querySelector(each).getBoundingClientRect());
    const box = document.activeElement.getBoundingClientRect();
    return box.top >= top.bottom && box.bottom <= bottom.top;
}"""


def test_the_mouse_looks_at_a_cell_and_a_click_chooses_it(tab: Any, studio: Studio) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    tab.goto(f"{studio.address}#/inside/first?image={run.predictions[0].file}&layer=conv2&map=5&row=2&column=2")
    tab.locator(".readers").first.wait_for()
    head = tab.locator(".numbers b").first
    large = tab.locator("canvas.large")
    box = large.bounding_box()
    with recorded(run.model.network, ["conv2"]) as outputs:
        run.model.network(torch.zeros(1, 3, run.recipe.size, run.recipe.size))
    height, width = outputs["conv2"].shape[-2:]
    over = {"x": box["width"] * 4.5 / width, "y": box["height"] * 3.5 / height}
    large.hover(position=over)
    tab.get_by_text("conv2, map 5, row 3, column 4").wait_for()
    assert "row=2" in tab.evaluate("location.hash"), "looking chooses nothing"
    tab.get_by_role("heading").first.hover()
    tab.get_by_text("conv2, map 5, row 2, column 2").wait_for()
    large.click(position=over)
    tab.wait_for_function("() => location.hash.includes('row=3&column=4')")
    assert head.inner_text() == "conv2, map 5, row 3, column 4"


def test_the_numbers_of_every_cell_come_before_the_mouse_does(tab: Any, studio: Studio) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    tab.goto(f"{studio.address}#/inside/first?image={run.predictions[0].file}&layer=conv2&map=5&row=2&column=2")
    with recorded(run.model.network, ["conv2"]) as outputs:
        run.model.network(torch.zeros(1, 3, run.recipe.size, run.recipe.size))
    height, width = outputs["conv2"].shape[-2:]
    tab.wait_for_function(
        """(count) => new Set(performance.getEntriesByType('resource').map((each) => new URL(each.name))
            .filter((url) => url.pathname.endsWith('/cell')).map((url) => url.search)).size === count""",
        arg=height * width,
    )
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    box = tab.locator("canvas.large").bounding_box()
    tab.locator("canvas.large").hover(position={"x": box["width"] * (1 - 0.5 / width), "y": 2})
    tab.get_by_text(f"conv2, map 5, row 0, column {width - 1}").wait_for()
    assert not [url for url in asked if "/cell?" in url]


def test_the_camera_goes_through_the_network_until_it_is_stopped(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/inside/first")
    tab.locator(".bars .n").first.wait_for()
    tab.get_by_role("button", name="Use the camera").click()
    tab.wait_for_function("() => /^[1-9]\\d* images a second$/.test(document.querySelector('.rate')?.innerText)")
    shown = tab.evaluate(MAPS)
    tab.wait_for_function(f"(shown) => {MAPS} !== shown", arg=shown)
    assert violations(tab) == []
    tab.get_by_label("brightness").focus()
    tab.keyboard.press("Home")
    tab.wait_for_function(DARK)
    tab.keyboard.press("r")
    tab.locator(".strip button").nth(2).click()
    tab.locator(".after li").first.wait_for()
    assert "image=sent" in tab.evaluate("location.hash")
    assert tab.get_by_text("your own image").count() == 1, "a map is opened on the frame at which it was chosen"
    tab.get_by_role("button", name="Use the camera").click()
    tab.get_by_role("button", name="Stop at this image").wait_for()
    tab.wait_for_function("() => document.querySelector('.rate').innerText !== ''")
    tab.evaluate("location.hash = '#/home'")
    tab.locator(".cards").first.wait_for()
    tab.wait_for_load_state("networkidle")  # no frame is sent any more


DARK = """() => {
    const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
    pen.drawImage(document.querySelector('canvas.own'), 9, 9, 1, 1, 0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data[1] < 4;
}"""


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("NotAllowedError", "It was refused: allow it for this page in the browser, or choose an image."),
        ("NotFoundError", "None is connected: connect one, or choose an image."),
    ],
)
def test_a_camera_that_cannot_be_used_is_said_kindly(tab: Any, studio: Studio, fault: str, words: str) -> None:
    tab.add_init_script(
        f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{fault}'))"
    )
    tab.goto(f"{studio.address}#/inside/first")
    tab.locator(".bars .n").first.wait_for()
    tab.get_by_role("button", name="Use the camera").click()
    tab.get_by_text(f"The camera cannot be used. {words}").wait_for()
    assert violations(tab) == []
    assert tab.get_by_role("button", name="Use the camera").is_enabled()


def test_a_test_image_that_is_not_among_the_first_ones_is_found_by_a_part_of_its_name(
    tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.studio.inside_routes.MOST_FILES", 2)
    last = alexnet.open_run(studio.workspace.run("first").path).predictions[-1].file
    tab.goto(f"{studio.address}#/inside/first")
    tab.locator(".bars .n").first.wait_for()
    find = tab.get_by_label("a test image:")
    find.fill(last.split("/")[-1])
    find.press("Enter")
    tab.get_by_text(last, exact=True).wait_for()
    find.fill("no such name")
    find.press("Enter")
    tab.get_by_text('No test image has "no such name" in its name.').wait_for()
