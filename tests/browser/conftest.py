"""The browser that the page tests open, Debian's Chromium (without one they are skipped and say so), and a studio.

Chromium without a window opens a page in half the time of the whole browser, and is taken where it is installed.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet.runs.run import Run
from tests.conftest import copy_images, copy_linked
from tests.studio_server import Studio, served

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
"""A camera that Chromium draws, and that may be used without asking."""

AWKWARD = 'x <img src=x onerror="document.title=1"> \u202egpj.png'
"""The name of a file that is no markup and must not turn the text after it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium-headless-shell to run the page tests")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *CAMERA])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, image_folder: Path, narrow_run: Run) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("studio")
    copy_images(image_folder, root / "images")
    (root / "images" / "train" / "across" / "across_000.png").rename(root / "images" / "train" / "across" / AWKWARD)
    copy_linked(narrow_run.path, root / "runs" / "first")
    with served([root]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    """A page; at its end nothing was asked of another server and no error came up."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    own = (studio.address, studio.address.replace("http:", "ws:"), "data:", "blob:")
    page.close()
    assert [url for url in asked if not url.startswith(own)] == []
    assert [fault for fault in faults if "status of 400" not in fault] == [], "what is refused, the page says itself"
