"""The pages about convolution in a real browser: they play, flip, and need no network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.convolution.trace import demo_trace
from alexnet.report.convolution_page import write_teaching_page, write_trace

pytestmark = pytest.mark.browser


def _open(browser: Any, path: Path, width: int) -> tuple[Any, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 800})
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: None if request.url[:5] in ("file:", "data:") else told.append(request.url))
    page.goto(path.as_uri())
    return page, told


def _output(page: Any, box: str) -> dict[str, str]:
    cells = page.query_selector_all(f"{box} svg.output text[data-place]")
    return {cell.get_attribute("data-place"): cell.text_content() for cell in cells}


@pytest.mark.parametrize("width", [1100, 390])
def test_trace_plays_steps_and_slides(browser: Any, tmp_path: Path, width: int) -> None:
    page, told = _open(browser, write_trace(demo_trace(), tmp_path / "t.html"), width)
    for _ in range(6):
        page.click(".next")
    assert page.text_content(".equation").endswith("+ 1·1 = 1")
    assert page.text_content(".count") == "step 7 of 25"
    assert _output(page, "#player") == {
        "1,1": "0",
        "1,2": "0",
        "1,3": "0",
        "1,4": "0",
        "1,5": "0",
        "2,1": "0",
        "2,2": "1",
    }
    page.fill("input[type=range]", "24")
    assert len(_output(page, "#player")) == 25
    page.select_option("select", "250")
    page.click(".play")
    assert page.text_content(".play") == "Pause"
    page.wait_for_function("document.querySelector('.count').textContent === 'step 3 of 25'")
    page.click(".play")
    assert page.text_content(".play") == "Play"
    page.focus("#player")
    before = page.text_content(".count")
    page.keyboard.press("ArrowRight")
    assert page.text_content(".count") != before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert told == []
    page.close()


@pytest.mark.parametrize("width", [1100, 390])
def test_flip_is_switched_and_the_cells_that_change_are_marked(browser: Any, tmp_path: Path, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    page, told = _open(browser, write_teaching_page(tmp_path / "t.html", image), width)
    inner = [f"{row},{column}" for row in (2, 3, 4) for column in (2, 3, 4)]
    assert [_output(page, "#finished")[place] for place in inner] == list("123456789")
    assert page.query_selector("#finished .changed") is None
    page.uncheck("#flip")
    assert [_output(page, "#finished")[place] for place in inner] == list("987654321")
    assert len(page.query_selector_all("#finished .changed")) == 8
    assert page.is_visible("img[alt='correlated image']")
    assert not page.is_visible("img[alt='convolved image']")
    page.check("#flip")
    assert page.query_selector("#finished .changed") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert told == []
    page.close()
