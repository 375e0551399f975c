"""The convolution lab in a real browser: its numbers are those of the library, for every setting."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.convolution.apply import apply_kernel
from alexnet.convolution.fast import convolve2d
from alexnet.convolution.gallery import list_kernels
from alexnet.convolution.trace import trace_convolution
from alexnet.report.lab_page import write_convolution_lab
from alexnet.runs.inspect_run import kernels
from alexnet.runs.run import Run
from tests.accessibility import violations
from tests.conftest import draw_stripes

pytestmark = pytest.mark.browser

LAB = "document.querySelector('convolution-lab')"
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def page(browser: Any, narrow_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = write_convolution_lab(tmp_path_factory.mktemp("lab") / "lab.html", run=narrow_run)
    opened = browser.new_page(viewport={"width": 1300, "height": 900})
    opened.set_default_timeout(5000)
    told: list[str] = []
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("console", lambda message: told.append(message.text))
    opened.on("request", lambda request: None if request.url[:5] in ("file:", "data:") else told.append(request.url))
    opened.goto(path.as_uri())
    yield opened
    assert told == []
    opened.close()


@pytest.fixture(autouse=True)
def fresh(page: Any) -> None:
    page.reload()
    page.wait_for_function(f"{LAB}.output.length === 5")


@pytest.mark.parametrize("operation", ["convolution", "correlation"])
@pytest.mark.parametrize("size", ["valid", "same", "full"])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 5), (7, 6)])
def test_output_equals_the_library(page: Any, operation: str, size: str, kernel: tuple[int, int]) -> None:
    image, weights = RNG.integers(-9, 10, (9, 8)), RNG.normal(size=kernel).round(3)
    for border in ("zero", "reflect", "replicate", "circular"):
        for stride in (1, 2, 3):
            state = {
                "image": image.tolist(), "kernel": weights.tolist(), "operation": operation, "size": size,
                "border": border, "stride": stride,
            }  # fmt: skip
            shown = page.evaluate(f"(state) => {{ const lab = {LAB}; lab.state = state; return lab.output }}", state)
            whole = convolve2d(image.astype(float), weights, size=size, border=border, operation=operation)  # type: ignore[arg-type]
            np.testing.assert_allclose(np.array(shown), whole[::stride, ::stride], rtol=0, atol=1e-9)


def test_sum_of_an_output_reads_as_the_trace_writes_it(page: Any) -> None:
    step = trace_convolution()[6]
    page.locator(".output td").nth(6).hover()
    assert page.locator(".equation").inner_text() == step.equation
    page.locator(".output td").nth(6).click()
    page.keyboard.press("ArrowRight")
    assert page.locator(".equation").inner_text() == trace_convolution()[7].equation
    page.get_by_label("flip the kernel").uncheck()
    assert page.locator(".equation").inner_text() == trace_convolution(operation="correlation")[7].equation
    assert page.locator(".patch").count() == 9


def test_cells_of_image_and_kernel_are_edited(page: Any) -> None:
    page.get_by_label("image 3, 3").fill("2")
    page.get_by_label("image 3, 3").press("Tab")
    page.get_by_label("kernel 0, 0").fill("-0.5")
    page.get_by_label("kernel 0, 0").press("Enter")
    image, kernel = np.zeros((7, 7)), np.arange(1.0, 10).reshape(3, 3)
    image[3, 3], kernel[0, 0] = 2, -0.5
    np.testing.assert_allclose(page.evaluate(f"{LAB}.output"), convolve2d(image, kernel, size="valid"))
    page.get_by_label("kernel 0, 0").fill("nonsense")
    page.get_by_label("kernel 0, 0").press("Enter")
    assert page.get_by_label("kernel 0, 0").input_value() == "-0.5"


def test_a_kernel_that_does_not_fit_is_said(page: Any) -> None:
    page.evaluate(f"{LAB}.state = {{ image: [[1, 2], [3, 4]], size: 'valid' }}")
    assert "3 × 3 does not fit into an image of 2 × 2" in page.locator(".equation").inner_text()
    assert page.evaluate(f"{LAB}.output") == []
    page.get_by_label("size").select_option("full")
    assert len(page.evaluate(f"{LAB}.output")) == 4


def test_a_prediction_is_compared_and_revealed(page: Any) -> None:
    page.get_by_label("predict first").check()
    assert page.locator(".output td").all_inner_texts() == ["?"] * 25
    page.locator(".output td").nth(6).click()
    assert "·" not in page.locator(".equation").inner_text()
    page.get_by_label("your prediction").fill("1")
    page.get_by_role("button", name="reveal", exact=True).click()
    assert page.locator(".told").inner_text() == "✓ yes: 1 of 1 predicted"
    page.locator(".output td").nth(7).click()
    page.get_by_label("your prediction").fill("7")
    page.keyboard.press("Enter")
    assert page.locator(".told").inner_text() == "✗ it is 2: 1 of 2 predicted"
    page.get_by_role("button", name="reveal all").click()
    assert "?" not in page.locator(".output").inner_text()


@pytest.mark.parametrize("name", [kernel.name for kernel in list_kernels()])
def test_every_kernel_of_the_gallery_equals_the_library(page: Any, name: str) -> None:
    page.locator("select.image").select_option("drawn photograph")
    page.locator("select.gallery").select_option(name)
    for operation in ("convolution", "correlation"):
        page.evaluate(f"(operation) => {{ {LAB}.state = {{ operation }} }}", operation)
        image = np.array(page.evaluate(f"{LAB}.state.image"), float)
        expected = apply_kernel(image, name, size="valid", operation=operation)  # type: ignore[arg-type]
        np.testing.assert_allclose(page.evaluate(f"{LAB}.output"), expected.values, atol=1e-8)
    page.locator(".output canvas").hover(position={"x": 60, "y": 60})
    row, column = page.evaluate(f"{LAB}.selected")
    shown = float(page.locator(".equation b").inner_text())
    assert shown == pytest.approx(float(expected.values[row, column]), rel=1e-3, abs=1e-3)


def test_learned_kernels_and_a_photograph_in_color_and_in_gray(page: Any, narrow_run: Run) -> None:
    weights = kernels(narrow_run).weights[7].astype(float)
    page.locator("select.image").select_option("drawn photograph")
    page.locator("select.gallery").select_option("conv1/7")
    page.wait_for_function(f"{LAB}.output.length === 150")
    photo = np.array(page.evaluate(f"{LAB}.colors"), float)
    colored = sum(convolve2d(photo[c], weights[c], size="valid") for c in range(3))
    np.testing.assert_allclose(page.evaluate(f"{LAB}.output"), colored, atol=0.05)
    page.locator(".output canvas").hover(position={"x": 60, "y": 60})
    equation = page.locator(".equation").inner_text()
    red, green, blue, total = map(float, re.findall(r"-?[\d.]+(?:e-?\d+)?", equation)[2:])
    assert red + green + blue == pytest.approx(total, abs=0.2)
    page.get_by_label("in color").uncheck()
    gray = np.array(page.evaluate(f"{LAB}.state.image"), float)
    expected = convolve2d(gray, weights.mean(0), size="valid")
    np.testing.assert_allclose(page.evaluate(f"{LAB}.output"), expected, atol=0.02)
    page.locator(".output canvas").hover(position={"x": 60, "y": 60})
    assert "(121 products)" in page.locator(".equation").inner_text()
    page.get_by_label("kernel 0, 0", exact=True).fill("2")
    page.get_by_label("kernel 0, 0", exact=True).press("Enter")
    assert page.get_by_label("in color").is_hidden(), "an edited kernel has one channel"


FRAME = """(red) => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 40, height: 30});
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#203040';
    pen.fillRect(0, 0, 40, 30);
    pen.fillStyle = `rgb(${red} 90 10)`;
    pen.fillRect(10, 5, 13, 17);
    document.querySelector('convolution-lab').frame(canvas);
}"""


def test_a_frame_is_convolved_where_it_is_looked_at_and_says_nothing(page: Any) -> None:
    page.evaluate(f"window.told = 0; {LAB}.addEventListener('statechange', () => {{ window.told += 1 }})")
    page.evaluate(FRAME, 200)
    page.evaluate(f"{LAB}.selected = [4, 9]")
    canvas = page.locator(".output canvas").element_handle()
    for red in (210, 255):
        page.evaluate(FRAME, red)
        image, kernel = (np.array(page.evaluate(f"{LAB}.state.{each}"), float) for each in ("image", "kernel"))
        assert image[5, 10] == round(0.299 * red + 0.587 * 90 + 0.114 * 10)
        assert page.evaluate(f"{LAB}.colors[0][5][10]") == red
        expected = convolve2d(image, kernel, size="valid")
        np.testing.assert_allclose(page.evaluate(f"{LAB}.output"), expected)
        assert float(page.locator(".equation b").inner_text()) == expected[4, 9]
    assert canvas.evaluate("each => each.isConnected"), "the same canvas is painted again"
    assert page.evaluate("window.told") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lab_is_accessible_and_fits_a_phone(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.evaluate(f"{LAB}.state = {{ size: 'same' }}")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1300, "height": 900})


def test_lab_begins_with_the_image_that_is_given(browser: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    draw_stripes(0, 1).save(photo)
    tab = browser.new_page()
    tab.goto(write_convolution_lab(tmp_path / "lab.html", photo).as_uri())
    assert tab.evaluate(f"{LAB}.shadowRoot.querySelector('.image').selectedOptions[0].text") == "photo.png"
    tab.close()
