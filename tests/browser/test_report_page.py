"""The report in a real browser: whole, without a network, on a phone and on paper."""

from pathlib import Path
from typing import Any

import pytest

from alexnet.runs.run import Run
from tests.accessibility import violations

pytestmark = pytest.mark.browser


def _open(browser: Any, path: Path, width: int, scheme: str = "light") -> Any:
    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    page.set_default_timeout(5000)
    page.told = []
    page.on(
        "request", lambda request: None if request.url[:5] in ("file:", "data:") else page.told.append(request.url)
    )
    page.on("pageerror", lambda error: page.told.append(str(error)))
    page.on("console", lambda message: page.told.append(message.text))
    page.goto(path.resolve().as_uri())
    return page


@pytest.mark.parametrize("width", [1100, 390])
def test_report_is_whole_and_asks_nothing_of_the_network(browser: Any, reported_run: Run, width: int) -> None:
    page = _open(browser, reported_run.folder.report_path, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    broken = page.evaluate("[...document.images].filter(i => i.complete && i.naturalWidth === 0).map(i => i.alt)")
    assert broken == []
    assert page.locator("mistakes-browser .tile").count() == reported_run.evaluation.num_mistakes
    assert page.get_by_role("heading", name="Wrongly classified images").is_visible()
    assert page.locator("main .drawn svg").count() == 2
    assert page.get_by_role("button", name="label is wrong").count() == 0, "nothing on this page can save a decision"
    assert page.told == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_complete_report_is_accessible_and_its_contents_lead_somewhere(
    browser: Any, complete_report: Path, scheme: str
) -> None:
    page = _open(browser, complete_report, 1400, scheme)
    links = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
    )
    assert "mistakes" in links and "map" in links and "conv1-23" in links
    assert [link for link in links if page.locator(f'[id="{link}"]').count() != 1] == []
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert violations(page) == []
    assert page.locator("image-map").count() == 1
    assert page.locator(".unit").count() == 20
    film = page.locator("kernel-film")
    assert film.locator("img").get_attribute("alt") == "Kernels of conv1, after epoch 2"
    film.get_by_role("slider").focus()
    page.keyboard.press("Home")
    page.locator("kernel-film img[alt='Kernels of conv1, at the start']").wait_for()
    assert film.locator("img").evaluate("(image) => image.naturalWidth > 100")
    assert page.told == []
    page.close()


GROUND = """(element) => {
    const paths = [...element.querySelectorAll('path')];
    const inner = paths.find((each) => each.getAttribute('style')?.includes('#ffffff'));
    return getComputedStyle(inner).fill;
}"""


def test_lines_have_the_colors_of_the_page_and_images_are_dimmer_in_the_dark(
    browser: Any, complete_report: Path
) -> None:
    for scheme, ground, dimmed in (
        ("light", "rgb(255, 255, 255)", "none"),
        ("dark", "rgb(21, 25, 29)", "brightness(0.82)"),
    ):
        page = _open(browser, complete_report, 1400, scheme)
        assert page.locator(".lines").count() == 2
        assert page.locator(".lines svg").first.evaluate(GROUND) == ground
        assert page.locator("#confusion svg").evaluate(GROUND) == "rgb(255, 255, 255)"
        figures = ["figure img", "#confusion svg"]
        assert [page.locator(each).first.evaluate("(one) => getComputedStyle(one).filter") for each in figures] == [
            dimmed
        ] * 2
        page.close()


def test_a_link_to_a_folded_unit_opens_it(browser: Any, complete_report: Path) -> None:
    page = _open(browser, complete_report, 1400)
    anchor = page.evaluate("[...document.querySelectorAll('details:not([open]) .unit')][0].id")
    page.goto(f"{complete_report.resolve().as_uri()}#{anchor}")
    page.wait_for_function(f"document.getElementById('{anchor}').closest('details').open")
    page.close()


def test_report_prints(browser: object, reported_run: Run) -> None:
    page = browser.new_page()  # type: ignore[attr-defined]
    page.goto(reported_run.folder.report_path.resolve().as_uri())
    assert page.pdf().startswith(b"%PDF")
    page.close()


def test_comparison_page_is_whole(browser: object, trained_run: Run, tmp_path: Path) -> None:
    from alexnet.report.page import write_comparison

    path = write_comparison([trained_run, trained_run], tmp_path / "c.html")
    page = browser.new_page(viewport={"width": 900, "height": 800})  # type: ignore[attr-defined]
    page.goto(path.as_uri())
    assert page.locator("img").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 900
    page.close()


def test_activation_stays_in_sight_under_a_long_class_name(browser: Any, complete_report: Path) -> None:
    page = _open(browser, complete_report, 1100)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    name, activation, cell = page.evaluate("""() => {
        const cell = document.querySelector(".patches li"), [name, activation] = cell.querySelectorAll("span");
        name.textContent = "a_class_with_a_name_longer_than_a_patch_is_wide";
        return [name, activation, cell].map((each) => each.getBoundingClientRect().toJSON());
    }""")
    assert name["right"] <= cell["right"] + 1, "the name is cut"
    assert activation["top"] >= name["bottom"] - 1 and activation["width"] > 5
    assert cell["left"] <= activation["left"] and activation["right"] <= cell["right"] + 1
    page.close()


@pytest.mark.parametrize("width", [1100, 390])
def test_words_beside_the_strips_of_patches_are_not_broken(browser: Any, complete_report: Path, width: int) -> None:
    page = _open(browser, complete_report, width)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.locator(".strips p").first.inner_text() == "strongest"
    heights = page.evaluate("""() => {
        const line = document.querySelector(".strips p"), range = document.createRange();
        range.selectNodeContents(line);
        return [range.getClientRects().length, range.getBoundingClientRect().width <= line.clientWidth + 1];
    }""")
    assert heights == [1, True], "one line, inside its column"
    page.close()
