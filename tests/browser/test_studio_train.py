"""Train and Compare in a real browser: what is typed is kept, the plan is the form's, runs share images."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import alexnet
from alexnet.data.corrections import Correction, write_corrections
from alexnet.recipe import Recipe
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from tests.accessibility import violations
from tests.conftest import copy_images, copy_linked
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

PLAN = {
    "num_steps": 14, "epochs": 7, "steps_per_epoch": 2, "training_seconds": 9.0, "variant": "seminar", "size": 96,
    "parameters": 10, "cache_bytes": 10, "free_bytes": 10, "warnings": [], "counts": {"train": 72, "test": 21},
    "memory": {"weights": 1, "gradients": 1, "momentum": 1, "activations": 1},
}  # fmt: skip


class Verdict:
    verdict, findings = "trains", ()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, image_folder: Path, narrow_run: Run) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("train")
    copy_images(image_folder, root / "images")
    copy_linked(narrow_run.path, root / "runs" / "first")
    again = RunFolder(copy_linked(narrow_run.path, root / "runs" / "again"))  # as after a correction of labels
    shutil.rmtree(again.path / "kernels")
    again.write_about(replace(again.about, data=replace(again.about.data, fingerprint="corrected")))
    write_corrections(again.corrections_path, [Correction("train/down/down_003.png", "relabel", to="rings")])
    with served([root]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A page on which nothing fails, of a studio whose plans are drawn."""
    monkeypatch.setattr(
        alexnet, "plan_training", lambda folder, recipe: PLAN | {"epochs": recipe.epochs}, raising=False
    )
    monkeypatch.setattr(alexnet, "check_recipe", lambda folder, recipe: Verdict(), raising=False)
    page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(15000)
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page
    page.close()
    assert told == []


def form(tab: Any, studio: Studio, query: str = "data=images&preset=seminar") -> None:
    tab.goto(f"{studio.address}#/train?{query}")
    tab.locator("#setting-epochs").wait_for()
    tab.get_by_text("This should train").wait_for()


def test_the_press_that_leaves_a_field_is_not_lost(tab: Any, studio: Studio) -> None:
    form(tab, studio)
    epochs, seed, others = tab.locator("#setting-epochs"), tab.locator("#setting-seed"), tab.locator("summary").first
    epochs.fill("7")
    seed.click()
    tab.keyboard.press("Control+A")
    tab.keyboard.type("3")
    others.click()
    assert tab.locator("details").first.evaluate("each => each.open")
    assert tab.get_by_text("Changed from seminar: epochs, seed.").is_visible()
    epochs.fill("8")
    tab.locator("#preset-fast").click()
    assert tab.locator("#preset-fast").is_checked() and epochs.input_value() == "8"
    assert "preset=fast" in tab.url and "set.epochs=8" in tab.url
    epochs.fill("9")
    tab.get_by_role("button", name="seed: back to").click()
    assert seed.input_value() == "0" and seed.evaluate("each => each === document.activeElement")
    assert tab.get_by_text("Changed from fast: epochs.").is_visible()


def test_what_the_network_of_every_epoch_takes_is_said_beside_its_box(
    tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = PLAN | {"parameters": 22_500_000, "epochs": 7, "free_bytes": 5_000_000_000}
    monkeypatch.setattr(alexnet, "plan_training", lambda folder, recipe: plan, raising=False)
    form(tab, studio, "data=images&preset=seminar&set.epochs=7")
    box = tab.get_by_label("keep networks", exact=True)
    assert box.is_visible() and not box.is_checked()
    assert tab.locator("#setting-keep_networks-words").inner_text().endswith("Here: 7 × 90.0 MB; 5.0 GB are free.")
    box.check()
    assert "set.keep_networks=true" in tab.url


def test_tab_goes_to_the_next_field_after_a_change(tab: Any, studio: Studio) -> None:
    form(tab, studio)
    tab.locator("#setting-epochs").fill("7")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.id") == "setting-size"
    tab.keyboard.press("Control+A")
    tab.keyboard.type("100")
    tab.keyboard.press("Tab")
    assert "set.size=100" in tab.url


def test_a_plan_of_what_was_chosen_before_is_not_shown(
    tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    form(tab, studio)
    gate, asked = threading.Event(), threading.Event()

    def plan(folder: object, recipe: Recipe) -> Any:
        if recipe.epochs == 7:
            asked.set()
            gate.wait(10)
        return PLAN | {"epochs": recipe.epochs}

    monkeypatch.setattr(alexnet, "plan_training", plan, raising=False)
    tab.evaluate("""() => {
        window.plans = new Set();
        const look = () => {
            const [, plan] = document.body.innerText.match(/(\\d+) epochs of/) ?? [];
            if (plan) window.plans.add(plan);
        };
        new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    }""")
    tab.locator("#setting-epochs").fill("7")
    tab.keyboard.press("Enter")
    assert asked.wait(10)
    tab.locator("#setting-epochs").fill("8")
    tab.keyboard.press("Enter")
    gate.set()
    tab.get_by_text("8 epochs of").wait_for()
    assert tab.evaluate("[...window.plans]") == ["8"]


def test_an_address_with_a_setting_that_is_not_valid_says_which(tab: Any, studio: Studio) -> None:
    form(tab, studio, "data=images&preset=seminar&set.epochs=seven&set.epoch=3&set.seed=4")
    assert tab.get_by_text("epochs = seven: is not valid in an address").is_visible()
    assert tab.get_by_text("There is no setting epoch.").is_visible()
    assert tab.locator("#setting-epochs").input_value() == "20"
    assert tab.get_by_text("Changed from seminar: seed.").is_visible()
    assert "seven" not in tab.url


def test_a_run_gets_the_name_that_was_typed(tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(studio.workspace.jobs, "start", lambda words, out: started.append(out.name))
    form(tab, studio)
    assert tab.locator("#run-name").get_attribute("placeholder") == "images-seminar"
    tab.get_by_label("Name of the run").fill("my first")
    tab.get_by_role("button", name="Start the training").click()
    tab.wait_for_url("**#/train/*")
    assert started == ["my first"]


def test_while_one_trains_the_queue_is_offered_first(
    browser: Any, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_linked(studio.workspace.folder_path("images"), tmp_path / "images")
    run = RunFolder(copy_linked(studio.workspace.run("first").path, tmp_path / "runs" / "growing"))
    run.write_about(replace(run.about, status="running"))
    page = browser.new_page()
    with served([tmp_path]) as other, run.locked():
        monkeypatch.setattr(other.workspace.jobs, "start", lambda words, out: None)
        page.goto(f"{other.address}#/train?data=images&preset=seminar&set.epochs=3&set.flip=false")
        add = page.get_by_role("button", name="Add to queue")
        add.click()
        page.locator(".queue li", has_text="images-seminar images with seminar, flip = false, epochs = 3").wait_for()
        assert "primary" in add.get_attribute("class")
        start = page.get_by_role("button", name="Start now in parallel")
        assert "primary" not in start.get_attribute("class")
        assert violations(page) == []
    page.close()


def test_a_training_shows_its_newest_test(browser: Any, studio: Studio, tmp_path: Path) -> None:
    folder = copy_images(studio.workspace.folder_path("images"), tmp_path / "images")
    run = RunFolder(copy_linked(studio.workspace.run("first").path, tmp_path / "runs" / "growing"))
    run.write_about(replace(run.about, status="running", data=replace(run.about.data, path=str(folder))))
    file = next((folder / "test" / "down").iterdir()).name
    wrong = {"file": f"test/down/{file}", "true": "down", "predicted": "rings", "probability": 0.75}
    latest = {"epoch": 1, "num_images": 21, "num_mistakes": 1,
              "classes": list(run.about.classes), "mistakes": [wrong],
              "confusion": [[0, 0, 7], [1, 1, 6], [1, 2, 1], [2, 2, 7]]}  # fmt: skip
    run.write_json("latest.json", latest)
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    with served([tmp_path]) as other, run.locked():
        page.goto(f"{other.address}#/train/growing")
        page.get_by_role("heading", name="After epoch 1").wait_for()
        assert page.locator(".result").inner_text() == "95.2\u00a0% of 21 test images are recognized; 1 is wrong"
        cells = [row.locator("td.n").all_inner_texts() for row in page.locator(".matrix tr").all()[1:]]
        assert cells == [["7", "·", "·"], ["·", "6", "1"], ["·", "·", "7"]]
        assert "rings 75.0" in page.locator(".mistakes li").inner_text()
        page.wait_for_function("() => document.querySelector('.mistakes img').naturalWidth > 0")
        assert violations(page) == []
        run.write_json("latest.json", latest | {"epoch": 2, "mistakes": [], "confusion": [[0, 0, 7], [1, 1, 14]]})
        page.get_by_role("heading", name="After epoch 2").wait_for()
        assert page.locator(".mistakes li").count() == 0
    page.close()


def test_a_run_is_compared_with_itself_after_a_correction(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/compare?runs=first|again")
    tab.get_by_text("these are the 21 images that both tested").wait_for()
    row = tab.get_by_role("row", name="corrections")
    assert row.locator("td").all_inner_texts() == ["none", "1 relabel"]
    tab.wait_for_load_state("networkidle")
    assert tab.evaluate("[...document.images].map((image) => image.naturalWidth > 0)") == [True, True]
    ticks = tab.locator(".curves text[text-anchor=end]").all_text_contents()
    assert all(int(tick.removesuffix("\u00a0%")) % 5 == 0 for tick in ticks[:-1]), ticks
