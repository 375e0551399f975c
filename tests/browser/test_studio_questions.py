"""Is this folder good enough: both questions of the Data view in a real browser, asked, followed and kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import alexnet
from tests.accessibility import violations
from tests.conftest import copy_images
from tests.planted_trainings import plant_trainings
from tests.studio_server import Studio, new_folder

pytestmark = pytest.mark.browser

IS_DRAWN = "() => document.querySelector('.good-enough img.figure')?.naturalWidth > 0"


@pytest.fixture
def asked(studio: Studio, image_folder: Path) -> Iterator[Path]:
    with new_folder(studio, copy_images(image_folder, studio.workspace.home / "asked")) as folder:
        yield folder


@pytest.mark.slow
def test_both_questions_are_asked_and_their_answers_kept(
    tab: Any, studio: Studio, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = plant_trainings(asked, monkeypatch)
    monkeypatch.setattr(alexnet, "plan_enough", lambda folder: 240.0, raising=False)
    tab.goto(f"{studio.address}#/data/asked?class=down")
    tab.locator(".cell").first.wait_for()
    tab.get_by_text("Is this folder good enough?").click()
    tab.wait_for_function("() => location.hash.includes('good=yes') && location.hash.includes('class=down')")
    enough, shortcuts = (tab.get_by_role("region", name=name) for name in ("Are there enough", "Can the classes"))
    enough.get_by_role("button", name="How long will it take?").click()
    enough.get_by_role("button", name="Start (about 4 minutes)").click()
    enough.locator("progress").wait_for()
    for sentence in planted.sentences:
        enough.get_by_text(sentence, exact=True).wait_for(timeout=90_000)
    tab.wait_for_function(IS_DRAWN)
    assert "100.0\u00a0% with 9" in enough.locator("img").get_attribute("alt")
    shortcuts.get_by_role("button", name="Look for shortcuts").click()
    shortcuts.locator("table").wait_for(timeout=90_000)
    expected = alexnet.shortcuts(asked)
    rows = shortcuts.locator("tbody tr")
    assert rows.count() == len(expected.probes) == 7
    for row, probe in zip(rows.all(), expected.probes, strict=True):
        assert row.locator("th").inner_text().startswith(f"{probe.probe}: {probe.sees}")
        assert row.locator("td").first.inner_text() == f"{100 * probe.accuracy:.1f}\u00a0%"
        assert ("alarm" in row.locator("th").inner_text()) == any(a.probe == probe.probe for a in expected.alarms)
    told = [f"Alarm: {alarm.sentence}" for alarm in expected.alarms]
    assert shortcuts.locator("li").all_inner_texts() == told
    tab.reload()
    tab.get_by_text(planted.sentences[0], exact=True).wait_for()
    assert shortcuts.locator("tbody tr").count() == 7
    assert enough.get_by_role("button").count() == shortcuts.get_by_role("button").count() == 0
    for width, scheme in ((390, "light"), (1280, "dark")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"


def test_a_fault_of_the_command_is_said_and_it_can_be_asked_again(tab: Any, studio: Studio, asked: Path) -> None:
    for path in (asked / "train").glob("*/*.png"):
        if not path.stem.endswith(("_000", "_001", "_002", "_003")):
            path.unlink()
    studio.workspace.forget(asked)
    studio.post("/api/folders/asked/enough")
    tab.goto(f"{studio.address}#/data/asked?good=yes")
    enough = tab.get_by_role("region", name="Are there enough")
    enough.get_by_text("an eighth of them is too few to train on").wait_for(timeout=60_000)
    assert enough.get_by_role("button", name="How long will it take?").is_visible()
