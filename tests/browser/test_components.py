"""Every component of the gallery, alone on its page: it is drawn, it can be used by everyone, and nothing fails."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.accessibility import violations
from tests.rules.source import PACKAGE
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

ENTRY = re.compile(r'^  "?([a-z-]+)"?: \{', re.MULTILINE)
GALLERY = PACKAGE / "web" / "gallery"
NAMES = [
    name for file in ("components.js", "pieces.js") for name in ENTRY.findall((GALLERY / file).read_text("utf-8"))
]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with served([tmp_path_factory.mktemp("gallery")]) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(15000)
    yield page
    page.close()


def test_every_component_is_in_the_gallery(page: Any, studio: Studio) -> None:
    page.goto(f"{studio.address}components")
    page.locator("li a").first.wait_for()
    assert page.locator("li a").all_inner_texts() == NAMES
    elements = {path.stem for path in (PACKAGE / "web").glob("*.js")}
    assert elements <= set(NAMES), "a web component has no page in the gallery"


@pytest.mark.parametrize("name", NAMES)
def test_component_alone(page: Any, studio: Studio, name: str, tmp_path: Path) -> None:
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    images = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{studio.address}components/{name}")
        page.locator("main[data-ready]").wait_for()
        page.wait_for_load_state("networkidle")
        stage = page.locator(".view")
        assert stage.bounding_box()["height"] > 20, "nothing is drawn"
        images.append(stage.screenshot(path=tmp_path / f"{name}-{scheme}.png"))
        assert violations(page) == []
    assert images[0] != images[1] or name == "covered-image", "the dark theme looks like the light one"
    assert told == []
