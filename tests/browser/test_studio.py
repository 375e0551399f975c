"""The studio in a real browser: click paths, keys, light and dark, narrow and wide; nothing is asked of others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet.runs.run import Run
from tests.conftest import copy_linked
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

AWKWARD = 'x <img src=x onerror="document.title=1"> \u202egpj.png'


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, image_folder: Path, narrow_run: Run) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("studio")
    copy_linked(image_folder, root / "images")
    (root / "images" / "train" / "across" / "across_000.png").rename(root / "images" / "train" / "across" / AWKWARD)
    copy_linked(narrow_run.path, root / "runs" / "first")
    with served([root]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    """A page; at its end nothing was asked of another server and no error came up."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    own = (studio.address, studio.address.replace("http:", "ws:"), "data:", "blob:")
    page.close()
    assert [url for url in asked if not url.startswith(own)] == []
    assert faults == []


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    rules = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in rules]


VIEWS = {"home": "What is here"}
"""Address of each view, and its heading."""


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_accessible_and_fits(tab: Any, studio: Studio, view: str) -> None:
    for width, scheme in ((390, "light"), (1600, "dark")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.goto(f"{studio.address}#/{view}")
        tab.get_by_role("heading", name=VIEWS[view]).wait_for()
        tab.wait_for_load_state("networkidle")
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        assert tab.get_by_text("Nothing leaves this computer.").is_visible()


def test_home_lists_what_is_here(tab: Any, studio: Studio) -> None:
    tab.goto(studio.address)
    card = tab.get_by_role("listitem").filter(has_text="93 images of 3 classes")
    card.wait_for()
    assert card.locator("img").count() == 3
    tab.wait_for_load_state("networkidle")
    assert tab.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


def test_theme_and_keys_by_keyboard(tab: Any, studio: Studio) -> None:
    tab.goto(studio.address)
    tab.get_by_role("heading", name="What is here").wait_for()
    tab.keyboard.press("?")
    assert tab.get_by_role("dialog").get_by_text("show the keys").is_visible()
    tab.keyboard.press("Escape")
    tab.locator("#theme").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Enter")
    tab.reload()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 25, 29)"


def test_an_address_that_leads_nowhere_says_so(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/nowhere/at/all")
    assert tab.get_by_text("There is no view nowhere.").is_visible()
    tab.get_by_role("link", name="Go to the first page").click()
    tab.get_by_role("heading", name="What is here").wait_for()


def test_inline_code_and_requests_elsewhere_are_refused_by_the_browser(browser: Any, studio: Studio) -> None:
    page = browser.new_page()
    page.goto(studio.address)
    page.evaluate("""() => {
        for (const [kind, text] of [["script", "window.ran = 1"], ["style", "body { color: red }"]]) {
            const inline = document.createElement(kind);
            inline.textContent = text;
            document.body.append(inline);
        }
        const sheet = new CSSStyleSheet(); sheet.replaceSync("body { outline-color: rgb(1, 2, 3) }");
        document.adoptedStyleSheets.push(sheet);
    }""")
    assert page.evaluate("window.ran") is None
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"{style}.color") != "rgb(255, 0, 0)"
    assert page.evaluate(f"{style}.outlineColor") == "rgb(1, 2, 3)", (
        "components style themselves by constructed sheets"
    )
    assert "refused" in page.evaluate("fetch('http://127.0.0.1:1/').then(() => 'sent', () => 'refused')")
    page.close()
