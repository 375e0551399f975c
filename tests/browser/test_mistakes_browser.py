"""The wrongly classified images in a real browser: chosen by cell, sorted, stepped through by keys, decided on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.report.browser_data import browser_data
from alexnet.report.component_page import write_component_page
from alexnet.report.image_sources import image_uri
from alexnet.runs.mistake_details import MistakeDetails, explain_mistakes
from alexnet.runs.run import Run
from tests.accessibility import violations

pytestmark = pytest.mark.browser

BROWSER = "document.querySelector('mistakes-browser')"
DETAIL = f"{BROWSER}.shadowRoot.querySelector('mistake-detail')"
PARTS = ("confusion-matrix", "mistake-detail")


@pytest.fixture(scope="module")
def details(narrow_run: Run) -> MistakeDetails:
    return explain_mistakes(narrow_run, num_tested=2)


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, details: MistakeDetails, tmp_path: Path) -> Iterator[Any]:
    data = browser_data(details, lambda pixels: str(image_uri(pixels)))
    path = write_component_page(tmp_path / "page.html", "mistakes-browser", data, title="Mistakes", parts=PARTS)
    context = browser.new_context(viewport={"width": 1300, "height": 900}, color_scheme=request.param)
    opened = context.new_page()
    opened.set_default_timeout(5000)
    opened.faults = []
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.goto(path.as_uri())
    opened.evaluate(f"(() => {{ const b = {BROWSER}; b.setAttribute('editable', ''); b.data = b.data }})()")
    yield opened
    assert opened.faults == []
    context.close()


def shown(page: Any) -> list[str]:
    return page.evaluate("document.querySelector('mistakes-browser').shownFiles")


def chosen(page: Any) -> str:
    return page.evaluate("document.querySelector('mistakes-browser').selectedFile")


def test_sorting_and_cells_agree_with_the_library(page: Any, details: MistakeDetails) -> None:
    predictions = [detail.prediction for detail in details.details]
    assert shown(page) == [p.file for p in sorted(predictions, key=lambda p: (-p.probability, p.file))]
    page.get_by_label("sort").select_option("loss")
    assert shown(page) == [p.file for p in sorted(predictions, key=lambda p: (-(p.loss or 0.0), p.file))]
    page.get_by_label("sort").select_option("margin")
    assert shown(page) == [p.file for p in sorted(predictions, key=lambda p: (p.margin, p.file))]
    confusion = np.array(details.confusion) * (1 - np.eye(len(details.classes), dtype=int))
    row, column = np.unravel_index(confusion.argmax(), confusion.shape)
    true, predicted = details.classes[row], details.classes[column]
    page.get_by_label(f"{confusion[row, column]} images of {true} predicted as {predicted}").click()
    wanted = {p.file for p in predictions if (p.true, p.predicted) == (true, predicted)}
    assert set(shown(page)) == wanted
    assert len(wanted) == confusion[row, column]
    page.get_by_role("button", name="all classes").click()
    page.get_by_label(f"true class {true}").click()
    assert set(shown(page)) == {p.file for p in predictions if p.true == true}


def test_keys_step_open_the_details_and_go_back(page: Any) -> None:
    page.locator("mistakes-browser .tile").first.click()
    files = shown(page)
    assert chosen(page) == files[0]
    page.keyboard.press("ArrowRight")
    assert chosen(page) == files[1]
    page.keyboard.press("End")
    assert chosen(page) == files[-1]
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('mistakes-browser').shadowRoot.activeElement.className") == "side"
    page.keyboard.press("Escape")
    assert (
        page.evaluate("document.querySelector('mistakes-browser').shadowRoot.activeElement.dataset.file") == files[-1]
    )
    page.locator("confusion-matrix th").nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert len(shown(page)) <= len(files)
    page.keyboard.press("Escape")
    assert len(shown(page)) == len(files)


def test_details_show_the_numbers_of_the_library(page: Any, details: MistakeDetails) -> None:
    first = details.details[0]
    text = page.evaluate(f"{DETAIL}.shadowRoot.textContent")
    for name, value in zip(details.classes, first.probabilities, strict=True):
        assert name in text and f"{100 * value:.1f} %" in text
    assert str(first.test) in text
    assert [page.locator(".near li").nth(i).get_attribute("title").split(": ")[0] for i in range(5)] == [
        neighbor.file for neighbor in first.neighbours
    ]
    center = page.evaluate(
        f"[...{DETAIL}.shadowRoot.querySelector('canvas').getContext('2d').getImageData(128, 128, 1, 1).data]"
    )
    assert center[3] == 255, "the heat map is not drawn"


def test_decisions_are_events_and_only_where_the_page_can_save_them(page: Any) -> None:
    page.evaluate(
        "(() => { window.told = []; const b = document.querySelector('mistakes-browser');"
        "b.addEventListener('correction', (e) => { told.push(e.detail);"
        "b.corrections = { ...b.corrections, [e.detail.file]: e.detail }; }) })()"
    )
    page.locator("mistakes-browser .tile").first.click()
    file = chosen(page)
    page.keyboard.press("e")
    page.locator("mistakes-browser .tile").first.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Class", exact=True).select_option(index=0)
    page.get_by_role("button", name="label is wrong").click()
    told = page.evaluate("told")
    assert told[0] == {"file": file, "action": "exclude", "to": ""}
    assert told[1]["action"] == "relabel" and told[1]["to"] == "across"
    assert "2 decided" in page.locator("mistakes-browser .count").inner_text()
    page.get_by_label("only undecided").check()
    assert file not in shown(page)
    page.evaluate("document.querySelector('mistakes-browser').removeAttribute('editable')")
    page.evaluate("(() => { const b = document.querySelector('mistakes-browser'); b.data = b.data })()")
    assert page.get_by_role("button", name="label is wrong").count() == 0


def test_a_decision_by_key_goes_on_to_the_next_undecided_image(page: Any) -> None:
    focused = f"{BROWSER}.shadowRoot.activeElement?.dataset.file"
    page.evaluate(
        f"(() => {{ const b = {BROWSER}; b.addEventListener('correction', ({{ detail }}) => setTimeout(() => {{"
        "const left = { ...b.corrections, [detail.file]: detail };"
        "if (detail.action === 'undo') delete left[detail.file];"
        "b.corrections = left; window.taken = (window.taken ?? 0) + 1; }, 20)) })()"
    )

    def press(key: str, count: int) -> None:
        page.keyboard.press(key)
        page.wait_for_function(f"window.taken === {count}")

    files = shown(page)
    page.locator("mistakes-browser .tile").nth(1).click()
    press("f", 1)
    assert chosen(page) == page.evaluate(focused) == files[2]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert chosen(page) == files[0]
    press("1", 2)
    assert chosen(page) == page.evaluate(focused) == files[2], "the second has been decided about"
    tile = page.locator("mistakes-browser .tile").first
    assert tile.locator(".done").inner_text() == "relabeled: across"
    press("u", 3)
    assert chosen(page) == page.evaluate(focused) == files[0]
    page.get_by_label("only undecided").check()
    page.locator("mistakes-browser .tile").last.click()
    press("e", 4)
    assert chosen(page) == page.evaluate(focused) == files[0], "after the last, the first that is left"
    page.get_by_role("button", name="hard, label is correct").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("window.taken === 5")
    assert page.evaluate(f"{DETAIL}.shadowRoot.activeElement.dataset.control") == "fine"
    page.keyboard.press("ArrowRight")
    assert chosen(page) == page.evaluate(focused) and chosen(page) != files[0]


def test_component_is_accessible_and_fits_a_phone(page: Any) -> None:
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
