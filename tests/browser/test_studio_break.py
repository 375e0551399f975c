"""Break it in a real browser: an image is painted on while the network is watched, kept, and trained on."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import alexnet
from alexnet.audit.hard_folder import lay_out, read_origins
from alexnet.runs.run import Run
from alexnet.studio.jobs import Job, Jobs
from tests.accessibility import violations
from tests.conftest import CLASSES, copy_run_and_images, draw_stripes
from tests.faultless_page import faultless_page
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

BARS = "[...document.querySelectorAll('.bars .n')].map((each) => each.innerText).join()"
PIXELS = "document.querySelector('canvas.own').toDataURL()"
TRACKS = """const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks = stream.getTracks();
    return stream;
};"""


@pytest.fixture
def place(tmp_path: Path, narrow_run: Run, image_folder: Path) -> Path:
    return copy_run_and_images(narrow_run, image_folder, tmp_path)


@pytest.fixture
def studio(place: Path) -> Iterator[Studio]:
    with served([place]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    """A page on which nothing fails."""
    with faultless_page(browser) as page:
        yield page


class Finished(Jobs):
    """Commands that are done at once in this process, which knows the variant of the tests."""

    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None
        self.told = ""

    def start(self, words: Sequence[str], out: Path) -> Job:
        assert (words[0], words[2]) == ("retrain", "--hard")
        self.told = json.dumps(alexnet.retrain_on_hard(words[1], words[3], out=out).to_dict())
        self.job = Job(str(out), tuple(words), 0, "2000-01-01T00:00:00+00:00")
        return self.job

    def of(self, out: Path) -> Job | None:
        return self.job if self.job is not None and self.job.out == str(out) else None

    def known(self) -> list[Job]:
        return [self.job] if self.job is not None else []

    def is_alive(self, job: Job) -> bool:
        return False

    def _end(self, job: Job, most: int) -> str:
        return self.told[-most:]


def shown(tab: Any) -> dict[str, float]:
    names, values = (tab.locator(f".bars {each}").all_inner_texts() for each in ("dt", ".n"))
    return {name: float(value.replace("%", "")) / 100 for name, value in zip(names, values, strict=True)}


def test_a_file_that_breaks_the_network_comes_onto_the_board(tab: Any, studio: Studio, place: Path) -> None:
    run = alexnet.open_run(place / "runs" / "first")
    wrong = next(each for each in run.predictions if each.is_mistake)
    tab.goto(f"{studio.address}#/break/first")
    tab.get_by_text("No image is on the board yet.").wait_for()
    tab.locator("#attack").set_input_files(place / "images" / wrong.file)
    tab.get_by_text(f"Predicted: {wrong.predicted}. What does it show?").wait_for()
    assert shown(tab) == pytest.approx(dict(wrong.top), abs=6e-4), "the file itself is asked about"
    tab.locator("#true-class").select_option(wrong.predicted)
    tab.get_by_text(f"✓ Still correct: {wrong.predicted}.").wait_for()
    keep = tab.get_by_role("button", name="Put it on the board")
    assert keep.is_disabled()
    tab.locator("#true-class").select_option(str(wrong.true))
    tab.get_by_text(f"✗ Wrong: {wrong.predicted}.").wait_for()
    keep.click()
    tab.locator(".mistakes").get_by_text(f"true {wrong.true}").wait_for()
    tab.get_by_text("first gets 1 of 1 wrong").wait_for()
    tab.get_by_text("12 are needed for that, half to train on and half to measure with: collect 11 more.").wait_for()
    tab.wait_for_load_state("networkidle")
    assert violations(tab) == []
    kept = place / "hard-first" / "test" / str(wrong.true) / Path(wrong.file).name
    assert kept.read_bytes() == (place / "images" / wrong.file).read_bytes()
    command = tab.locator(".measure code").first.inner_text().split()
    assert command[:2] == ["alexnet", "evaluate"]
    assert alexnet.evaluate(command[2], command[4]).evaluation.num_mistakes == 1, "the command on the page works"
    tab.get_by_role("button", name="remove").click()
    tab.get_by_text("No image is on the board yet.").wait_for()
    assert not kept.exists()


def test_an_image_is_painted_by_mouse_with_undo_and_the_bars_follow(tab: Any, studio: Studio, place: Path) -> None:
    tab.goto(f"{studio.address}#/break/first?folder=images&file=test/rings/rings_1002.png")
    tab.locator(".bars .n").first.wait_for()
    assert tab.locator("#true-class").input_value() == "rings"
    bare, before = tab.evaluate(PIXELS), tab.evaluate(BARS)
    undo, redo = (tab.get_by_role("button", name=name, exact=True) for name in ("undo", "redo"))
    assert undo.is_disabled() and redo.is_disabled()
    tab.get_by_role("button", name="red", exact=True).click()
    tab.get_by_label("brush size").fill("40")
    box = tab.locator("canvas.own").bounding_box()

    def drag(*places: tuple[float, float]) -> None:
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        tab.mouse.move(*at[0])
        tab.mouse.down()
        for each in at[1:]:
            tab.mouse.move(*each, steps=4)
        tab.mouse.up()

    drag((0.2, 0.3), (0.8, 0.3))
    tab.wait_for_function(f"(before) => {BARS} !== before", arg=before)
    one = tab.evaluate(PIXELS)
    drag((0.2, 0.8), (0.8, 0.8))
    two = tab.evaluate(PIXELS)
    assert len({bare, one, two}) == 3
    undo.click()
    assert tab.evaluate(PIXELS) == one
    redo.click()
    assert tab.evaluate(PIXELS) == two
    tab.get_by_role("button", name="restore the image").click()
    tab.get_by_label("brush size").fill("60")
    drag((0.1, 0.1), (0.9, 0.1), (0.9, 0.4), (0.1, 0.4), (0.5, 0.25))
    assert tab.evaluate(PIXELS) not in (two, one)
    tab.keyboard.press("u")
    tab.keyboard.press("u")
    tab.wait_for_function(f"(one) => {PIXELS} === one", arg=one)
    tab.wait_for_load_state("networkidle")
    assert violations(tab) == []
    tab.get_by_role("button", name="clear the painting").click()
    tab.wait_for_function(f"(before) => {BARS} === before", arg=before)
    assert tab.evaluate(PIXELS) == bare


def test_a_network_is_broken_by_keyboard_alone_and_the_image_kept_as_it_was_judged(
    tab: Any, studio: Studio, place: Path
) -> None:
    run = alexnet.open_run(place / "runs" / "first")
    wrong = next(each for each in run.predictions if each.is_mistake)
    tab.goto(f"{studio.address}#/break/first?folder=images&file={wrong.file}")
    tab.get_by_text("It is in images as it is; paint on one that the network gets right.").wait_for()
    assert tab.get_by_role("button", name="Put it on the board").is_disabled()
    tab.get_by_label("brush size").focus()
    tab.keyboard.press("End")
    keep = tab.get_by_role("button", name="Put it on the board")
    tab.get_by_role("button", name="gray", exact=True).press("Enter")
    tab.locator("canvas.own").focus()
    tab.keyboard.press("Space")
    tab.get_by_text("Brush put down at row 13, column 13 of 24; the arrow keys paint.").wait_for()
    bare = tab.evaluate(BARS)
    for key in ("ArrowLeft", "ArrowUp"):
        for _ in range(5):
            tab.keyboard.press(key)
    tab.keyboard.press("Space")
    tab.get_by_text("Brush lifted at row 8, column 8 of 24.").wait_for()
    tab.keyboard.press("ArrowUp")
    tab.get_by_text("Brush at row 7, column 8 of 24.").wait_for()
    tab.wait_for_function(f"(bare) => {BARS} !== bare", arg=bare)
    tab.wait_for_load_state("networkidle")
    keep.press("Enter")
    tab.locator(".mistakes li").first.wait_for()
    expected = shown(tab)  # of the image that was kept: a stroke may still have been on its way before
    stem = Path(wrong.file).stem
    kept = place / "hard-first" / "test" / str(wrong.true) / f"{stem}-painted.png"
    assert dict(alexnet.predict(run, kept)[0].top) == pytest.approx(expected, abs=6e-4)
    (origin,) = read_origins(place / "hard-first").values()
    assert (origin.folder, origin.file) == (str((place / "images").resolve()), wrong.file)


def test_the_camera_is_judged_live_and_stopped_when_the_view_is_left(tab: Any, studio: Studio) -> None:
    tab.add_init_script(TRACKS)
    tab.goto(f"{studio.address}#/break/first")
    tab.get_by_role("button", name="Use the camera").click()
    tab.wait_for_function("() => /^[1-9]\\d* images a second$/.test(document.querySelector('.rate')?.innerText)")
    seen = tab.evaluate(PIXELS)
    tab.wait_for_function(f"(seen) => {PIXELS} !== seen", arg=seen)
    assert tab.get_by_role("button", name="Put it on the board").is_disabled()
    tab.get_by_role("button", name="Stop at this image").click()
    assert tab.evaluate("window.tracks.map((each) => each.readyState)") == ["ended"]
    tab.get_by_text("What does it show?").wait_for()
    tab.wait_for_timeout(500)  # the last frame is judged again, as the file that is kept
    predicted = max(shown(tab).items(), key=lambda each: each[1])[0]
    tab.locator("#true-class").select_option(next(name for name in CLASSES if name != predicted))
    tab.get_by_role("button", name="Put it on the board").click()
    tab.locator(".mistakes li").first.wait_for()
    tab.get_by_role("button", name="Use the camera").click()
    tab.wait_for_function("() => document.querySelector('.rate')?.innerText")
    tab.evaluate("location.hash = '#/home'")
    tab.locator(".cards").first.wait_for()
    assert tab.evaluate("window.tracks.map((each) => each.readyState)") == ["ended"]


def test_a_refused_camera_is_said_kindly(tab: Any, studio: Studio) -> None:
    tab.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    )
    tab.goto(f"{studio.address}#/break/first")
    tab.get_by_role("button", name="Use the camera").click()
    words = "The camera cannot be used. It was refused: allow it for this page in the browser, or choose a file."
    tab.get_by_text(words).wait_for()
    assert violations(tab) == []


def test_half_of_them_train_and_before_and_after_are_shown(tab: Any, studio: Studio, place: Path) -> None:
    hard = place / "hard-first"
    lay_out(hard, CLASSES)
    for kind, name in enumerate(CLASSES):
        for seed in range(5):
            draw_stripes(kind, 800 + seed).save(hard / "test" / name / f"{seed}.png")
    studio.workspace.jobs = Finished()
    tab.goto(f"{studio.address}#/break/first")
    tab.get_by_role("button", name="Train on half of them, and measure").click()
    tab.get_by_role("heading", name="Before and after").wait_for(timeout=120_000)
    result = alexnet.open_run(place / "runs" / "first-hard")
    count = len(list((hard / "test").rglob("*.png")))
    assert tab.get_by_role("row", name=f"the {count} hard images held out").is_visible()
    own = f"{100 * result.evaluation.top1_error:.1f}"
    assert own in tab.get_by_role("row", name="test images").inner_text().replace("\xa0", " ")
    tab.get_by_text("hard images trained; none of them is counted.").wait_for()
    assert tab.get_by_text("may be chance").count() + tab.get_by_text("excludes 0").count() == 3
    tab.get_by_text(f"The {15 - count} images set aside for training are not counted.").wait_for()
    tab.wait_for_load_state("networkidle")
    assert violations(tab) == []
    tab.reload()
    tab.get_by_role("heading", name="Before and after").wait_for()
    tab.get_by_role("link", name="See first-hard").wait_for()
