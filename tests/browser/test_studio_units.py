"""Inside, from pool5 to the probabilities, in a real browser: what the page writes is what the network computes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alexnet
from alexnet.evaluation.predict import read_image
from alexnet.inspection.image_path import ImagePath, follow_image
from alexnet.runs.run import Run
from tests.accessibility import violations
from tests.conftest import copy_run_and_images
from tests.faultless_page import faultless_page
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    root = copy_run_and_images(narrow_run, image_folder, tmp_path_factory.mktemp("units"))
    with served([root]) as running:
        yield running


@pytest.fixture(scope="module")
def run(studio: Studio) -> Run:
    return alexnet.open_run(studio.workspace.run("first").path)


@pytest.fixture(scope="module")
def path(run: Run) -> ImagePath:
    """The way of the first test image."""
    return follow_image(run.model, read_image(Path(run.about.data.path) / run.predictions[0].file, run.model))


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    with faultless_page(browser) as page:
        yield page


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace("%", "").replace("\u00a0", "").replace("+", ""))


def open_inside(tab: Any, studio: Studio, run: Run, unit: str = "", more: str = "") -> None:
    tab.goto(f"{studio.address}#/inside/first{unit}?image={run.predictions[0].file}{more}")
    tab.locator(".softmax tbody tr").first.wait_for()


def rows(tab: Any, selector: str) -> list[list[str]]:
    return [row.locator("th, td").all_inner_texts() for row in tab.locator(selector).all() if row.is_visible()]


def test_a_unit_is_a_sum_and_leads_back_to_the_maps(tab: Any, studio: Studio, run: Run, path: ImagePath) -> None:
    strongest = path.units[1].shown[0]
    open_inside(tab, studio, run)
    tab.locator(f"[data-unit='fc7/{strongest}']").click()
    tab.locator(".terms").wait_for()
    assert f"#/inside/first/fc7/{strongest}?" in tab.evaluate("location.hash")
    table = rows(tab, ".terms tbody tr")
    weights = run.model.network["fc7"].weight[strongest].detach().numpy()
    inputs = path.units[0].values
    for source, product, adds, _ in table:
        place = int(source.removeprefix("fc6/"))
        value, weight = map(number, product.split(" × "))
        assert value == pytest.approx(float(inputs[place]), rel=1e-3)
        assert weight == pytest.approx(float(weights[place]), rel=1e-3)
        assert number(adds) == pytest.approx(float(inputs[place] * weights[place]), rel=1e-3)
    others, bias, total = rows(tab, ".terms tfoot tr")
    listed = sum(number(row[2]) for row in table)
    assert listed + number(others[2]) + number(bias[2]) == pytest.approx(number(total[2]), rel=1e-2)
    assert number(total[2]) == pytest.approx(float(path.units[1].values[strongest]), rel=1e-3), "above 0, as it is"
    assert tab.locator(".unit-sum .after li").count() == 2 and violations(tab) == []
    source = table[0][0]
    tab.get_by_role("link", name=source, exact=True).first.click()
    tab.get_by_role("link", name="pool5/").first.wait_for()
    assert f"#/inside/first/{source}?" in tab.evaluate("location.hash")
    assert "48 maps of pool5" in tab.locator(".unit-sum > h3").inner_text() and violations(tab) == []
    tab.reload()
    tab.locator(".unit-sum").get_by_role("link", name="pool5/").first.click()
    tab.get_by_text("Read by fc6").wait_for()
    assert "pool5, map" in tab.locator(".numbers b").first.inner_text()
    tab.get_by_role("link", name="fc6/").first.wait_for()
    tab.go_back()
    tab.locator(".terms").wait_for()
    assert tab.locator(".unit-sum > h3 a").inner_text() == source


def test_units_are_looked_at_and_opened_with_the_keys(tab: Any, studio: Studio, run: Run, path: ImagePath) -> None:
    open_inside(tab, studio, run)
    grid = tab.locator(".heat canvas").first
    grid.focus()
    for key in ("Home", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowDown", "ArrowRight"):
        tab.keyboard.press(key)
    columns = tab.evaluate("document.querySelector('.heat canvas').width")
    chosen = columns + 1
    line = tab.locator(".looked").first.inner_text()
    assert line.startswith(f"fc6/{chosen}: ")
    assert number(line.split(": ")[1]) == pytest.approx(float(path.units[0].values[chosen]), rel=1e-3, abs=1e-6)
    tab.keyboard.press("Enter")
    tab.locator(".unit-sum > h3").get_by_text(f"fc6/{chosen}").wait_for()
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.wait_for_function("(was) => document.querySelector('.heat canvas').width < was", arg=columns)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert violations(tab) == []


COLORS = """() => {
    const canvas = document.querySelector('.heat canvas'), copy = document.createElement('canvas');
    Object.assign(copy, {width: canvas.width, height: canvas.height});
    const pen = copy.getContext('2d', {willReadFrequently: true});
    pen.drawImage(canvas, 0, 0);
    return [...pen.getImageData(0, 0, copy.width, copy.height).data];
}"""


def test_the_brightest_cell_is_the_strongest_unit(tab: Any, studio: Studio, run: Run, path: ImagePath) -> None:
    open_inside(tab, studio, run)
    tab.locator(".heat canvas").first.scroll_into_view_if_needed()
    tab.wait_for_function(f"() => ({COLORS})().some((each) => each > 0)")
    pixels = np.array(tab.evaluate(COLORS)).reshape(-1, 4)
    values = path.units[0].values
    assert np.allclose(pixels[values.argmax(), :3], (253, 231, 37), atol=1), "viridis ends in yellow"
    assert np.allclose(pixels[values == 0, :3], (68, 1, 84), atol=1), "and begins in violet"
    assert (pixels[len(values) :, 3] == 0).all()


def test_softmax_and_decision_in_numbers(tab: Any, studio: Studio, run: Run, path: ImagePath) -> None:
    open_inside(tab, studio, run)
    classes = list(run.model.classes)
    for name, logit, exponential, probability in rows(tab, ".softmax tbody tr"):
        place = classes.index(name)
        assert number(logit) == pytest.approx(path.softmax.logits[place], rel=1e-3)
        assert number(exponential) == pytest.approx(path.softmax.exponentials[place], rel=1e-2, abs=1e-4)
        assert number(probability) / 100 == pytest.approx(path.softmax.probabilities[place], abs=6e-4)
    for table, pushes in enumerate((path.decision.towards_winner, path.decision.towards_runner_up)):
        shown = rows(tab, f".pushes > :nth-child({table + 1}) tbody tr")
        assert [row[0] for row in shown] == [push.unit for push in pushes]
        assert [number(row[3]) for row in shown] == pytest.approx([push.contribution for push in pushes], rel=1e-3)
    tab.get_by_label("the class that is explained").select_option(classes[0])
    other = classes[2] if path.decision.runner_up != classes[2] else classes[1]
    tab.get_by_label("the class that it is compared with").select_option(other)
    tab.wait_for_function("() => location.hash.includes('between=')")
    tab.get_by_text(f"towards {other}").wait_for()
    tab.reload()
    tab.get_by_text(f"towards {other}").wait_for()
    tab.get_by_role("button", name="the two most probable").click()
    tab.wait_for_function("() => !location.hash.includes('between=')")
    tab.locator(".softmax button").first.click()
    tab.locator(".terms").wait_for()
    assert "#/inside/first/fc8/" in tab.evaluate("location.hash")
    assert violations(tab) == []


def test_the_numbers_of_a_unit_follow_the_image(tab: Any, studio: Studio, run: Run) -> None:
    open_inside(tab, studio, run, "/fc7/5")
    tab.locator(".terms").wait_for()
    before = tab.locator(".terms").inner_text()
    tab.get_by_label("turn").focus()
    tab.keyboard.press("End")
    tab.wait_for_function("(before) => document.querySelector('.terms').innerText !== before", arg=before)
    pixels = read_image(Path(run.about.data.path) / run.predictions[0].file, run.model)
    expected = follow_image(run.model, np.rot90(pixels, 2).copy()).units[1].values[5]
    tab.wait_for_function("() => location.hash.includes('turn=180')")
    tab.wait_for_load_state("networkidle")
    value = number(tab.locator(".unit-sum .after b").last.inner_text())
    assert value == pytest.approx(float(expected), rel=1e-2, abs=1e-3)
    tab.locator(".samples button").nth(1).click()
    tab.wait_for_function("(file) => !location.hash.includes(encodeURIComponent(file))", arg=run.predictions[0].file)
    tab.locator(".terms").wait_for()
    assert "/fc7/5?" in tab.evaluate("location.hash"), "the unit stays open on the next image"


def test_units_and_decision_follow_the_camera(tab: Any, studio: Studio, run: Run) -> None:
    open_inside(tab, studio, run)
    tab.get_by_role("button", name="Use the camera").click()
    tab.wait_for_function("() => /^[1-9]\\d* images a second$/.test(document.querySelector('.rate')?.innerText)")
    for selector in (".softmax", ".pushes", ".named"):
        before = tab.locator(selector).first.inner_text()
        tab.wait_for_function(f"(before) => document.querySelector('{selector}').innerText !== before", arg=before)
    tab.locator(".heat canvas").first.scroll_into_view_if_needed()
    colors = tab.evaluate(COLORS)
    tab.wait_for_function(f"(before) => String(({COLORS})()) !== String(before)", arg=colors)
    tab.locator(".named button").first.click()
    tab.locator(".terms").wait_for()
    assert "image=sent" in tab.evaluate("location.hash"), "a unit is opened on the frame at which it was chosen"
