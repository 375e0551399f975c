"""The map's page in a real browser: drawn, zoomed, pointed at, selected with a lasso and with keys, exported."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet.report.map_page import write_image_map
from alexnet.runs.map_images import map_images
from alexnet.runs.run import Run

pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, narrow_run: Run, tmp_path: Path) -> Iterator[Any]:
    result = map_images(narrow_run, method="pca")
    path = write_image_map([result, map_images(narrow_run, layer="conv5", method="pca")], tmp_path / "map.html")
    context = browser.new_context(viewport={"width": 1200, "height": 800}, color_scheme=request.param)
    opened = context.new_page()
    opened.faults, opened.asked = [], []
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("request", lambda asked: opened.asked.append(asked.url))
    opened.goto(path.as_uri())
    yield opened
    assert opened.faults == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()


def selected(page: Any) -> list[str]:
    return page.evaluate("document.querySelector('image-map').selectedFiles")


def test_lasso_selects_what_it_encloses_and_exports_the_names(page: Any) -> None:
    box = page.locator("image-map canvas").bounding_box()
    page.get_by_role("button", name="Lasso").click()
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)]
    places = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    assert len(selected(page)) == 93
    with page.expect_download() as download:
        page.get_by_role("button", name="Export file names").click()
    names = Path(download.value.path()).read_text().split()
    assert names == selected(page)
    page.keyboard.press("Escape")


def test_keys_step_zoom_select_and_clear(page: Any) -> None:
    page.locator("image-map canvas").focus()
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    assert len(selected(page)) == 1
    assert page.get_by_text(selected(page)[0]).first.is_visible()
    assert page.locator("image-map .near > div").count() == 5
    page.keyboard.press("v")
    everything = len(selected(page))
    for _ in range(6):
        page.keyboard.press("+")
    page.keyboard.press("v")
    assert len(selected(page)) < everything == 93
    page.keyboard.press("0")
    page.keyboard.press("v")
    assert len(selected(page)) == 93
    page.keyboard.press("Escape")
    assert selected(page) == []


def test_classes_and_layouts_are_switched(page: Any) -> None:
    page.get_by_role("button", name="rings").click()
    page.get_by_role("button", name="Select what is visible").click()
    assert len(selected(page)) == 62
    page.get_by_label("Layout").select_option("PCA of conv5")
    page.get_by_role("button", name="Mistakes only").click()
    page.get_by_role("button", name="Select what is visible").click()
    assert len(selected(page)) < 62


def test_page_fits_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


SHOWN = """(theme) => {
    document.documentElement.dataset.theme = theme;
    const probe = document.body.appendChild(document.createElement("i"));
    const expected = [0, 1, 2].map((k) => {
        probe.style.color = `var(--class-${k})`;
        return getComputedStyle(probe).color.match(/\\d+/g).map(Number);
    });
    return new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => {
        const canvas = document.querySelector("image-map").shadowRoot.querySelector("canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        resolve(expected.map((color) => {
            let count = 0;
            for (let at = 0; at < data.length; at += 4) count += color.every((value, n) => data[at + n] === value);
            return count;
        }));
    }, 100)));
}"""
"""How many pixels of the map have the color of each class, in a theme."""


def test_every_class_has_its_own_color_in_both_themes(page: Any) -> None:
    for theme in ("light", "dark", "light"):
        counts = page.evaluate(SHOWN, theme)
        assert min(counts) > 200, f"{theme}: {counts}"


def test_images_of_unknown_classes_are_not_marked_as_mistakes(browser: Any, narrow_run: Run, tmp_path: Path) -> None:
    result = replace(map_images(narrow_run, method="pca"), classes=("across", "down"))
    opened = browser.new_page()
    opened.goto(write_image_map(result, tmp_path / "map.html").as_uri())
    opened.get_by_role("button", name="Mistakes only").click()
    opened.get_by_role("button", name="Select what is visible").click()
    assert (
        len(selected(opened))
        == result.num_mistakes
        < sum(label != predicted for label, predicted in zip(result.labels, result.predicted, strict=True))
        + result.labels.count("rings")
    )
    assert {name.split("/")[-2] for name in selected(opened)} <= {"across", "down"}
    opened.get_by_role("button", name="Mistakes only").click()
    opened.get_by_role("button", name="across").click()
    opened.get_by_role("button", name="down").click()
    opened.locator("image-map canvas").focus()
    opened.keyboard.press("n")
    assert opened.get_by_text("class rings, which the network does not know").is_visible()
    opened.close()
