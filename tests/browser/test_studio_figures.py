"""Figures of a run in the studio, on a light and on a dark page."""

from typing import Any

import pytest

from tests.studio_server import Studio

pytestmark = pytest.mark.browser


CORNER_IS = """([red, green, blue]) => {
    const image = document.querySelector('img.figure');
    if (!image.complete || image.naturalWidth === 0) return false;
    const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
    pen.drawImage(image, 0, 0);
    return `${[...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)]}` === `${[red, green, blue]}`;
}"""


def test_figures_are_drawn_on_the_ground_of_the_page(tab: Any, studio: Studio) -> None:
    tab.emulate_media(color_scheme="dark")
    tab.goto(f"{studio.address}#/run/first")
    tab.get_by_text("accuracy and loss", exact=True).click()
    figure = tab.locator("figure img.figure")
    figure.wait_for()
    for theme, ground in (
        ("Theme: system", [21, 25, 29]),
        ("Theme: light", [255] * 3),
        ("Theme: dark", [21, 25, 29]),
    ):
        assert tab.locator("#theme").get_attribute("title") == theme
        tab.wait_for_function(CORNER_IS, arg=ground)
        tab.locator("#theme").click()
    tab.wait_for_load_state("networkidle")
    assert tab.locator("figure figcaption a").first.get_attribute("href").find("theme") < 0, (
        "what is saved is on white"
    )
