"""The report in a real browser: whole, without a network, on a phone and on paper."""

from pathlib import Path

import pytest

from alexnet.runs.run import Run

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1100, 390])
def test_report_is_whole_and_asks_nothing_of_the_network(browser: object, reported_run: Run, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})  # type: ignore[attr-defined]
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(reported_run.folder.report_path.resolve().as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert faults == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    broken = page.evaluate("[...document.images].filter(i => i.complete && i.naturalWidth === 0).map(i => i.alt)")
    assert broken == []
    assert page.locator(".tile").count() == reported_run.evaluation.num_mistakes
    assert page.get_by_text("Wrongly classified images").is_visible()
    assert page.locator("svg").count() == 2
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
