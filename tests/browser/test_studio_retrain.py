"""What corrections change, in a real browser: three rows and two errors, on the Run and Data pages and by a link."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import alexnet
from alexnet.audit.retrained import Retrained, RetrainedImage, keep_retrained
from alexnet.data.corrections import Correction
from alexnet.evaluation.paired import compare_predictions
from alexnet.evaluation.reviewed import review, reviewed_predictions
from alexnet.records import Prediction
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.studio.jobs import Job
from tests.accessibility import violations
from tests.conftest import copy_linked
from tests.faultless_page import faultless_page
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser


@pytest.fixture
def studio(tmp_path: Path, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    """A run with its images, and the run that a retraining has made of it."""
    images = Path(shutil.copytree(image_folder, tmp_path / "images"))
    for name in ("first", "better"):
        run = RunFolder(copy_linked(narrow_run.path, tmp_path / "runs" / name))
        run.write_about(replace(run.about, data=replace(run.about.data, path=str(images))))
    with served([tmp_path]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    """A page; at its end no error came up."""
    with faultless_page(browser, height=800) as page:
        yield page


def better(predictions: tuple[Prediction, ...], num: int) -> list[Prediction]:
    """The same with the first mistakes corrected."""
    wrong = [each.file for each in predictions if each.is_mistake][:num]
    return [replace(each, predicted=str(each.true)) if each.file in wrong else each for each in predictions]


def compare(studio: Studio, *, whole: bool = False, num_changed: int = 2) -> Retrained:
    """A comparison with other numbers in every row, kept in the run `better`."""
    before, after = (alexnet.open_run(studio.workspace.run(name).path) for name in ("first", "better"))
    tests = [list(before.predictions), better(before.predictions, 1), better(before.predictions, 3)]
    wrong = [each for each in before.predictions if each.is_mistake]
    line = Correction(wrong[-1].file, "relabel", "", wrong[-1].predicted)
    scores = [review(each, [line], {}) for each in tests]
    seen = [reviewed_predictions(each, [line]) for each in tests]
    rows = zip(*seen, strict=True)
    images = tuple(RetrainedImage(a.file, str(a.true), "", a.predicted, "" if whole else b.predicted, c.predicted)
                   for a, b, c in rows)  # fmt: skip
    alone = None if whole or num_changed == 0 else compare_predictions(seen[1], seen[2])
    result = Retrained(
        str(before.path), str(after.path), whole, 3, num_changed, compare_predictions(seen[0], seen[2]), alone,
        scores[0], None if whole else scores[1], scores[2], images, 4.0,
    )  # fmt: skip
    keep_retrained(after.folder, result)
    return result


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}\u00a0%"


def test_three_rows_and_both_errors_are_told_on_the_new_run_in_any_tab(tab: Any, studio: Studio) -> None:
    result = compare(studio)
    for width, scheme in ((390, "light"), (1280, "dark")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.goto(f"{studio.address}#/run/better")
        tab.reload()
        tab.get_by_role("heading", name="Trained from first with 3 corrections").wait_for()
        tab.locator(".retrain img").first.wait_for()
        tab.wait_for_load_state("networkidle")
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    rows = tab.locator(".retrain tbody tr").all_inner_texts()
    assert result.control is not None
    for row, name, score in zip(
        rows,
        ("first as it is", "a new last layer, old labels", "a new last layer, corrected labels"),
        (result.reviewed_before, result.control, result.reviewed_after),
        strict=True,
    ):
        assert row.split("\t")[:2] == [name, percent(score.labeled_error)]
        assert row.split("\t")[2].startswith(percent(score.top1_error))
    assert tab.get_by_role("heading", name="Fixed: 2 images").is_visible()
    fixed = next(image for image in result.images if image.file == result.fixed[0])
    caption = tab.locator(".retrain li").first.inner_text().split("\n")
    assert caption == [Path(fixed.file).name, f"true {fixed.true}", f"{fixed.control} → {fixed.after}"]
    assert tab.locator(".retrain li img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    tab.get_by_text("By the corrections, from the old labels to the corrected ones").wait_for()
    assert "new last layer is better" not in tab.locator(".retrain").first.inner_text()
    (studio.workspace.run("better").path / "epochs.csv").unlink()  # as of a run that `retrain` has written
    tab.goto(f"{studio.address}#/compare?runs=first|better")
    tab.get_by_text("better has no curve: only its last layer was trained.").wait_for()
    assert tab.get_by_text("first has no curve").count() == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_changed": 0}, "No image to train on is corrected"),
        ({"whole": True}, "There is no control for a whole network"),
    ],
)
def test_what_cannot_be_told_is_said(tab: Any, studio: Studio, settings: dict[str, Any], words: str) -> None:
    compare(studio, **settings)
    tab.goto(f"{studio.address}#/run/better")
    tab.get_by_text(words).wait_for()
    assert tab.get_by_text("By the corrections, from").count() == 0
    assert tab.locator(".retrain tbody tr").count() == (2 if "whole" in settings else 3)


@pytest.mark.parametrize("place", ["run/first", "data/images"])
def test_the_button_retrains_and_the_result_survives_a_new_tab(
    tab: Any, studio: Studio, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    jobs, started = studio.workspace.jobs, []
    alexnet.correct(run.about.data.path, [run.mistakes()[0].file], "exclude")
    job = Job(str(studio.workspace.run("better").path), ("retrain", str(run.path), "--corrections",
              str(alexnet.corrections_path(run.about.data.path)), "--whole"), 0, "")  # fmt: skip

    def start(words: list[str], out: Path) -> None:
        started.append(words)
        monkeypatch.setattr(jobs, "known", lambda: [job])
        monkeypatch.setattr(jobs, "of", lambda path: job)
        monkeypatch.setattr(jobs, "is_alive", lambda job: True)
        monkeypatch.setattr(jobs, "lines", lambda job: ["epoch 1 of 2"])

    monkeypatch.setattr(jobs, "start", start)
    tab.route("**/runs/first/retrain", lambda route: route.fulfill(
        body=json.dumps({**route.fetch().json(), "run": "better"}), content_type="application/json"))  # fmt: skip
    tab.goto(f"{studio.address}#/{place}")
    button = tab.locator(".retrain button")
    button.get_by_text("Retrain with 1 correction (about ").wait_for()
    tab.get_by_text("It is about a test image: it changes what counts as wrong, not the training.").wait_for()
    if place.startswith("data"):
        tab.get_by_label("Run to train again").select_option("first")
    tab.get_by_label("the whole network, not the last layer alone (about ").check()
    button.click()
    line = "training the whole network again: epoch 1 of 2"
    tab.get_by_text(line).wait_for()
    assert [(words[0], words[1], words[-1]) for words in started] == [("retrain", str(run.path), "--whole")]
    tab.reload()
    tab.get_by_text(line).wait_for()
    assert tab.get_by_role("link", name="Follow better").get_attribute("href") == "#/train/better"
    assert tab.get_by_role("button", name="Retrain with").is_disabled(), "one at a time"
    stopped: list[Job] = []
    monkeypatch.setattr(jobs, "stop", stopped.append)
    stop = tab.get_by_role("button", name="Stop training the whole network again")
    with tab.expect_response("**/runs/better/stop"):
        stop.click()
    tab.get_by_text("Stopping ...").wait_for()
    assert stop.is_disabled() and stopped == [job]
    monkeypatch.setattr(jobs, "lines", lambda job: ["alexnet: interrupted"])
    monkeypatch.setattr(jobs, "is_alive", lambda job: False)
    tab.get_by_text("Stopped. The new run better is whole, but was not compared: compare it with first.").wait_for()
    monkeypatch.setattr(jobs, "is_alive", lambda job: True)
    compare(studio, whole=True)
    tab.reload()
    stop.wait_for()
    monkeypatch.setattr(jobs, "is_alive", lambda job: False)
    tab.get_by_role("heading", name="What they changed").wait_for()
    later = tab.context.browser.new_page()
    later.goto(f"{studio.address}#/{place}")
    later.get_by_role("heading", name="What they changed").wait_for()
    later.close()
