"""The page of a unit in a real browser: its map of an image and what happens without it, as the library has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import alexnet
from alexnet.evaluation.predict import read_image
from alexnet.inspection.image_path import follow_image
from alexnet.model.checkpoint import save_network
from alexnet.runs.run import Run
from tests.accessibility import violations
from tests.conftest import copy_run_and_images, draw_stripes
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

PLANTED = 9
"""A unit of fc7."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    root = copy_run_and_images(narrow_run, image_folder, tmp_path_factory.mktemp("unit-page"))
    run = alexnet.open_run(root / "runs" / "first")
    with torch.no_grad():  # with this unit every image is of one class, or nearly
        run.model.network["fc7"].bias[PLANTED] += 1.0
        run.model.network["fc8"].weight[0, PLANTED] += 0.3
    save_network(run.folder, run.model, epoch=1)
    with served([root]) as running:
        yield running


@pytest.fixture(scope="module")
def run(studio: Studio) -> Run:
    return alexnet.open_run(studio.workspace.run("first").path)


@pytest.fixture
def page(tab: Any) -> Any:
    tab.set_default_timeout(60000)
    return tab


PIXELS = """() => {
    const canvas = document.querySelector('.on-image canvas');
    const pen = canvas.getContext('2d', {willReadFrequently: true});
    return [canvas.height, canvas.width, ...pen.getImageData(0, 0, canvas.width, canvas.height).data];
}"""


def map_of(run: Run, image: Path, layer: str, number: int) -> np.ndarray:
    """A unit's map after ReLU."""
    path = follow_image(run.model, read_image(image, run.model), chosen={layer: [number]})
    return next(stage for stage in path.stages if stage.layer == layer).maps[0].values


def shown_maximum(page: Any) -> float:
    return float(page.locator(".on-image figcaption b").inner_text())


def test_the_map_of_an_image_is_in_the_address_and_stays_when_it_is_reloaded(
    page: Any, studio: Studio, run: Run, tmp_path: Path
) -> None:
    file = run.predictions[0].file
    page.goto(f"{studio.address}#/run/first/unit/conv3/21?image={file}")
    expected = map_of(run, Path(run.about.data.path) / file, "conv3", 21)
    for again in (False, True):
        if again:
            page.reload()
        page.locator(".on-image canvas").wait_for()
        assert shown_maximum(page) == pytest.approx(float(expected.max()), rel=1e-3)
        height, width, *colors = page.evaluate(PIXELS)
        assert (height, width) == expected.shape
        brightest = np.array(colors).reshape(-1, 4)[expected.argmax()]
        assert np.allclose(brightest[:3], (253, 231, 37), atol=1), "viridis ends in yellow"
        assert f"image={file.replace('/', '%2F')}" in page.evaluate("location.hash")
    page.get_by_role("link", name="next", exact=True).click()
    page.get_by_role("heading", name="conv3/22 of first").wait_for()
    page.locator(".on-image canvas").wait_for()
    following = map_of(run, Path(run.about.data.path) / file, "conv3", 22)
    assert shown_maximum(page) == pytest.approx(float(following.max()), rel=1e-3), "the image is kept"
    own = tmp_path / "own.png"
    draw_stripes(2, 77, size=90).save(own)
    page.locator("input[type=file]").set_input_files(own)
    page.get_by_text("your own image").first.wait_for()
    assert shown_maximum(page) == pytest.approx(float(map_of(run, own, "conv3", 22).max()), rel=1e-3)
    assert "image=sent" in page.evaluate("location.hash")
    page.locator(".samples button").nth(1).click()
    page.wait_for_function("() => !location.hash.includes('sent')")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.goto(f"{studio.address}#/run/first/unit/fc7/{PLANTED}?image={file}")
    value = follow_image(run.model, read_image(Path(run.about.data.path) / file, run.model)).units[1].values[PLANTED]
    page.get_by_text("its value:").wait_for()
    assert float(page.locator(".on-image p b").inner_text()) == pytest.approx(float(value), rel=1e-3, abs=1e-6)


def test_what_if_a_unit_is_removed(page: Any, studio: Studio, run: Run) -> None:
    file = run.predictions[0].file
    expected = alexnet.ablate_units(run, {"fc7": [PLANTED]})
    assert expected.classes and expected.num_fixed + expected.num_broken, "something changes"
    page.goto(f"{studio.address}#/run/first/unit/fc7/{PLANTED}?image={file}")
    page.get_by_text("its value:").wait_for()
    page.get_by_role("button", name="What if it is removed?").click()
    page.locator(".removal tbody tr").first.wait_for()
    words = page.locator(".removal").inner_text().replace("\u00a0", " ").replace("\u2212", "-")
    low, high = (f"{100 * value:+.1f}" for value in expected.interval)
    assert f"Test error {100 * expected.error:.1f} %, {100 * expected.difference:+.1f} percentage points" in words
    assert f"(95 % interval {low} to {high})" in words and "(21 images, squashed image)" in words
    assert "is by squashed image and its mirror image" in words
    rows = [row.locator("th, td").all_inner_texts() for row in page.locator(".removal tbody tr").all()]
    assert [row[0] for row in rows] == [each.name for each in expected.classes]
    for row, each in zip(rows, expected.classes, strict=True):
        assert float(row[4].replace("\u2212", "-")) == pytest.approx(100 * each.difference, abs=0.051)
        assert float(row[3].rstrip("%").strip()) == pytest.approx(100 * each.recall, abs=0.051)
    for word, files in (("broken", expected.broken), ("fixed", expected.fixed)):
        images = page.locator(f".removal .{word} img")
        assert [one.get_attribute("alt") for one in images.all()] == list(files)
        assert all(one.evaluate("(one) => one.decode().then(() => true)") for one in images.all())
    changed = alexnet.ablate_on_image(run, Path(run.about.data.path) / file, {"fc7": [PLANTED]})
    names = page.locator(".removal .bars dt").all_inner_texts()
    shown = page.locator(".removal .bars .n").all_inner_texts()
    for name, text in zip(names, shown, strict=True):
        after = changed.after[run.model.classes.index(name)]
        assert float(text.replace("\u00a0%", "")) == pytest.approx(100 * after, abs=0.051)
    assert f"--off fc7/{PLANTED}" in words
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
