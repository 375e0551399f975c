"""The studio's views of a finished run in a real browser: mistakes corrected, a cell in numbers, covered parts."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import alexnet
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.studio.shell_path import shell_path
from tests.accessibility import require_no_overflow_between, violations
from tests.conftest import copy_linked
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

BROWSER = "document.querySelector('mistakes-browser')"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("looking")
    images = Path(shutil.copytree(image_folder, root / "images"))
    for name in ("first", "second", "third", "fourth"):
        run = RunFolder(copy_linked(narrow_run.path, root / "runs" / name))
        run.write_about(replace(run.about, data=replace(run.about.data, path=str(images))))
    with served([root]) as running:
        yield running


@pytest.fixture
def tab(browser: Any, studio: Studio) -> Iterator[Any]:
    """A page; at its end nothing was asked of another server and no error came up."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(15000)
    told: list[str] = []
    own = (studio.address, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else told.append(request.url))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    page.close()
    assert told == []


VIEWS = {
    "run/first": ".tile img",
    "run/first/unit/conv2/3": ".patches img",
    "inside/first?layer=conv1&map=3": ".after li",
    "lab/first": ".output td",
    "compare?runs=first|second": ".sheets img",
    "break/first": ".picker .cell",
}
"""Address of each view, and what is there when it is whole."""


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_accessible_and_fits(tab: Any, studio: Studio, view: str) -> None:
    for width, scheme in ((390, "light"), (1600, "dark")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.goto(f"{studio.address}#/{view}")
        tab.reload()
        tab.locator(VIEWS[view]).first.wait_for()
        tab.wait_for_load_state("networkidle")
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    require_no_overflow_between(tab)


def test_a_mistake_is_corrected_and_the_decision_survives(tab: Any, studio: Studio) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    tab.goto(f"{studio.address}#/run/first")
    tab.locator(".tile").nth(1).click()
    file = run.mistakes()[1].file
    tab.get_by_text("Nearest training images").wait_for()
    tab.keyboard.press("e")
    tab.get_by_text(f"{Path(file).name}: excluded").wait_for()
    assert tab.evaluate(f"{BROWSER}.selectedFile") == run.mistakes()[2].file
    assert tab.evaluate(f"{BROWSER}.shadowRoot.activeElement.dataset.file") == run.mistakes()[2].file
    tab.keyboard.press("ArrowLeft")
    tab.get_by_text("Decided: excluded").wait_for()
    path = alexnet.corrections_path(run.about.data.path)
    assert [(line.file, line.action) for line in alexnet.read_corrections(path)] == [(file, "exclude")]
    tab.reload()
    tab.get_by_text("Decided: excluded").wait_for()
    assert tab.evaluate(f"{BROWSER}.selectedFile") == file
    tab.get_by_role("button", name="undo").click()
    tab.get_by_text("Decided: excluded").wait_for(state="detached")
    assert alexnet.read_corrections(path) == ()


def test_arrows_go_to_the_mistakes_and_a_mistake_leads_inside(tab: Any, studio: Studio) -> None:
    wrong = alexnet.open_run(studio.workspace.run("first").path).mistakes()
    tab.goto(f"{studio.address}#/run/first")
    tab.locator(".tile").first.wait_for()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(f"{BROWSER}.selectedFile") == wrong[1].file
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(f"{BROWSER}.shadowRoot.activeElement.dataset.file") == wrong[2].file
    tab.set_viewport_size({"width": 1280, "height": 360})
    tab.keyboard.press("End")
    for key in ("ArrowUp",) * 3 + ("Home",):
        tab.keyboard.press(key)
        assert tab.evaluate(f"{BROWSER}.shadowRoot.activeElement.getBoundingClientRect().top") >= tab.evaluate(
            "document.querySelector('header').getBoundingClientRect().bottom"
        ), "it is under the header"
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.locator(".tile").nth(2).click()
    tab.get_by_role("spinbutton").first.focus()
    tab.keyboard.press("ArrowUp")
    assert tab.evaluate(f"{BROWSER}.selectedFile") == wrong[2].file, "a field keeps its arrows"
    tab.locator("mistake-detail").get_by_role("link", name="Look inside").click()
    tab.wait_for_function("() => location.hash.startsWith('#/inside/first?image=')")
    assert parse_qs(tab.evaluate("location.hash").partition("?")[2])["image"] == [wrong[2].file]


def test_the_contents_lead_to_the_parts_and_each_figure_to_files(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/run/first")
    tab.locator(".tile").first.wait_for()
    address = tab.evaluate("location.hash")
    tab.get_by_alt_text("kernel 3", exact=True).wait_for()
    tab.wait_for_load_state("networkidle")
    assert not tab.get_by_alt_text("kernel 3, own scale").is_visible()
    tab.get_by_role("navigation", name="Contents").get_by_role("button", name="Units").focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.textContent") == "Units"
    top = tab.evaluate("document.activeElement.getBoundingClientRect().top")
    assert tab.evaluate("document.querySelector('header').getBoundingClientRect().bottom") <= top < 800
    assert tab.evaluate("scrollY") > 0
    assert tab.evaluate("location.hash") == address
    explain, note = tab.get_by_role("button", name="Explain recall"), tab.get_by_text("is predicted as that class.")
    explain.focus()
    tab.keyboard.press("Enter")
    note.wait_for()
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    assert note.count() == 0 and explain.evaluate("one => one === document.activeElement")
    tab.get_by_role("button", name="Explain margin").click()
    tab.get_by_text("where it is small, the decision was close").wait_for()
    tab.keyboard.press("Escape")
    tab.get_by_text("accuracy and loss").click()
    tab.get_by_text("alexnet curves").wait_for()
    links = {"SVG: accuracy and loss": "first-curves.svg", "PNG: kernels of conv1": "first-kernels.png",
             "mistakes (CSV)": "first-mistakes.csv",
             "CSV: confusion matrix, in numbers": "first-confusion.csv"}  # fmt: skip
    for link, name in links.items():
        with tab.expect_download() as saved:
            tab.get_by_role("link", name=link).click()
        assert saved.value.suggested_filename == name
        assert Path(saved.value.path()).stat().st_size > 80


def test_a_key_decides_the_same_among_images_and_among_mistakes(tab: Any, studio: Studio) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    wrong = run.mistakes()[0]
    first, second = (place for place, each in enumerate(run.about.classes, 1) if each != wrong.true)
    decisions = {
        f"{first}": ("relabel", run.about.classes[first - 1]),
        f"{second}": ("relabel", run.about.classes[second - 1]),
        f"b{second}": ("both", run.about.classes[second - 1]),
        "f": ("fine", ""),
        "e": ("exclude", ""),
    }
    path = alexnet.corrections_path(run.about.data.path)
    places = {
        f"run/first?image={wrong.file}": ".tile[aria-selected=true]",
        f"data/images?q={Path(wrong.file).name}": ".cell",
    }
    told = {}
    for place, chosen in places.items():
        tab.goto(f"{studio.address}#/{place}")
        tab.locator(chosen).first.click()
        for keys, decision in decisions.items():
            for key in keys:
                tab.keyboard.press(key)
            tab.wait_for_function(ANSWERED)
            assert [(line.file, line.action, line.to) for line in alexnet.read_corrections(path)] == [
                (wrong.file, *decision)
            ], f"{keys} on {place}"
            tab.keyboard.press("u")
            tab.wait_for_function(UNDONE)
            assert alexnet.read_corrections(path) == ()
        tab.keyboard.press("?")
        rows = tab.get_by_role("dialog").locator("tr").all_inner_texts()
        rows = [row for row in rows if not row.startswith("a\t")]  # only the Data view knows of doubts
        told[place] = [row for row in rows if "label" in row or "exclude" in row]
        tab.keyboard.press("Escape")
    assert len(set(map(tuple, told.values()))) == 1 and len(told[place]) == 4, "the list of keys says the same"


ANSWERED = "() => /: (it is|excluded|the label)/.test(document.querySelector('#said').textContent)"
UNDONE = "() => /^Undone/.test(document.querySelector('#said').textContent)"


def test_a_run_is_trained_on_from_its_network(tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    started: list[list[str]] = []
    monkeypatch.setattr(studio.workspace.jobs, "start", lambda words, out: started.append(words))
    tab.route("**/api/plan", lambda route: None)  # not estimated here
    tab.goto(f"{studio.address}#/run/first")
    epoch = run.folder.model_info.epoch
    tab.get_by_text(f"(epoch {epoch}) starts a new training from it").wait_for()
    tab.get_by_text("With keep networks a training keeps the network of every epoch").wait_for()
    tab.get_by_role("link", name="Start a new run from this network").click()
    tab.get_by_text("Starts from the network of first, with a new optimizer").wait_for()
    assert tab.locator("#setting-weights").input_value() == "first"
    assert tab.locator("#data").input_value() == "images"
    tab.get_by_text("other settings").click()
    assert float(tab.locator("#setting-learning_rate").input_value()) == run.recipe.learning_rate / 10
    assert tab.locator("#setting-epochs").input_value() == str(run.recipe.epochs)
    tab.reload()
    tab.get_by_text("Starts from the network of first").wait_for()
    assert violations(tab) == []
    tab.get_by_role("button", name="Start the training").click()
    tab.wait_for_function("() => location.hash.startsWith('#/train/images-fast')")
    assert f"weights={studio.workspace.run('first').path}" in started[0]
    assert f"learning_rate={run.recipe.learning_rate / 10}" in started[0]


def test_a_cell_is_written_out_in_the_networks_numbers(tab: Any, studio: Studio) -> None:
    run = alexnet.open_run(studio.workspace.run("first").path)
    file = run.predictions[0].file
    tab.goto(f"{studio.address}#/inside/first?image={file}&layer=conv2&map=5&row=2&column=2")
    step = alexnet.trace_layer(run, Path(run.about.data.path) / file, "conv2", map=5, row=2, column=2)
    tab.get_by_text(step.equation, exact=True).wait_for()
    tab.locator("canvas.large").focus()
    tab.keyboard.press("ArrowRight")
    after = alexnet.trace_layer(run, Path(run.about.data.path) / file, "conv2", map=5, row=2, column=3)
    tab.get_by_text(after.equation, exact=True).wait_for()
    assert "column=3" in tab.evaluate("location.hash")


def test_covering_moves_the_bars(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/inside/first")
    tab.locator(".bars .n").first.wait_for()
    before = tab.locator(".bars .n").all_inner_texts()
    box = tab.locator("canvas.own").bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    for row in range(1, 12):
        tab.mouse.move(box["x"] + 20, box["y"] + 20 * row)
        tab.mouse.move(box["x"] + 240, box["y"] + 20 * row, steps=6)
    tab.mouse.up()
    tab.wait_for_function(
        "(before) => JSON.stringify([...document.querySelectorAll('.bars .n')].map(e => e.innerText)) !== before",
        arg=str(before).replace("'", '"').replace(", ", ","),
    )
    tab.get_by_role("button", name="uncover all").click()
    tab.wait_for_function(BARS_ARE, arg=before)


def test_parts_are_covered_and_uncovered_by_keyboard_alone(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/inside/first")
    tab.locator(".bars .n").first.wait_for()
    before = tab.locator(".bars .n").all_inner_texts()
    clear = tab.locator("canvas.own").evaluate("canvas => canvas.toDataURL()")
    tab.get_by_role("button", name="uncover all").focus()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "own"
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    tab.get_by_text("Brush at row 11, column 12 of 24.").wait_for()
    assert tab.locator("canvas.own").evaluate(UNDER_BRUSH) != [128, 128, 128, 255]
    with_brush = tab.locator("canvas.own").evaluate("canvas => canvas.toDataURL()")
    assert with_brush != clear, "the brush is not drawn"
    with tab.expect_response(lambda answer: "/inside?" in answer.url) as asked:
        tab.keyboard.press("Space")
    around = [row * 24 + column for row in (9, 10, 11) for column in (10, 11, 12)]
    assert parse_qs(urlsplit(asked.value.url).query)["cells"] == [",".join(map(str, around))]
    assert tab.locator("canvas.own").evaluate(UNDER_BRUSH) == [128, 128, 128, 255]
    tab.wait_for_function(
        "(before) => [...document.querySelectorAll('.bars .n')].some((e, n) => e.innerText !== before[n])", arg=before
    )
    tab.keyboard.press("Space")
    tab.wait_for_function(BARS_ARE, arg=before)
    assert tab.locator("canvas.own").evaluate("canvas => canvas.toDataURL()") == with_brush
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Escape")
    tab.keyboard.press("Tab")
    assert tab.locator("canvas.own").evaluate("canvas => canvas.toDataURL()") == clear
    tab.wait_for_function(BARS_ARE, arg=before)


BARS_ARE = "(texts) => [...document.querySelectorAll('.bars .n')].every((e, n) => e.innerText === texts[n])"
UNDER_BRUSH = """canvas => {
    const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
    pen.drawImage(canvas, canvas.width * 11.5 / 24, canvas.width * 10.5 / 24, 1, 1, 0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
}"""
"""The color in the middle of row 11, column 12."""


def test_no_fourth_run_can_be_ticked(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/compare")
    for name in ("fourth", "first", "third"):
        tab.get_by_role("checkbox", name=name).check()
    tab.get_by_text("Three runs are compared at most: untick one to choose another.").wait_for()
    assert tab.get_by_role("checkbox", name="second").is_disabled()
    tab.locator("th", has_text="fourth").first.wait_for()
    tab.get_by_role("checkbox", name="first").uncheck()
    assert tab.get_by_text("Three runs are compared").count() == 0
    tab.get_by_role("checkbox", name="second").check()
    tab.locator("th", has_text="second").first.wait_for()
    tab.reload()
    tab.locator(".sheets img").first.wait_for()
    assert tab.get_by_role("checkbox", name="first").is_disabled(), "an address with three runs is full, too"
    assert tab.locator(".sheets figcaption", has_text=": median correlation ").count() == 2
    assert tab.locator(".sheets img[src*='?like=']").count() == 2


def test_the_kernels_are_stepped_through_from_their_start_and_played(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/run/first")
    tab.get_by_text("the film: from their start").click()
    film = tab.locator(".film")
    film.get_by_text("After epoch 2: median cosine").wait_for()
    slider, image = film.get_by_label("epoch of the kernels"), film.locator("img")
    slider.focus()
    tab.keyboard.press("Home")
    film.get_by_text("At the start: median cosine to the start 1.00").wait_for()
    tab.wait_for_function("() => document.querySelector('.film img').src.endsWith('/kernels/0')")
    film.get_by_text("on one scale").click()
    tab.wait_for_function("() => document.querySelector('.film img').src.endsWith('/kernels/0?common=2')")
    film.get_by_role("button", name="Next epoch").click()  # motion is not wanted here: one epoch a press
    film.get_by_text("After epoch 1:").wait_for()
    tab.wait_for_timeout(700)
    assert slider.input_value() == "1" and image.evaluate("image => image.naturalWidth") > 16
    assert violations(tab) == []
    tab.emulate_media(reduced_motion="no-preference")
    tab.reload()
    tab.get_by_text("the film: from their start").click()
    film.get_by_role("button", name="Play").click()
    film.get_by_text("At the start").wait_for()
    film.get_by_role("button", name="Pause").wait_for()
    film.get_by_text("After epoch 2").wait_for()
    film.get_by_role("button", name="Play").wait_for()


def test_folded_figures_and_the_map_are_drawn_when_they_are_opened(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/run/first")
    tab.get_by_text("how they changed from their start").click()
    tab.get_by_text(f"alexnet kernels {shell_path(studio.workspace.run('first').path)} --show change").wait_for()
    assert tab.evaluate("document.querySelector('details[open] img').naturalWidth") > 300
    tab.get_by_text("map of all images").click()
    tab.get_by_text("press L for a lasso").wait_for()
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="CSV: map of all images, in numbers").click()
    assert saved.value.path().read_text().startswith("file,true,predicted,set,x,y\n")
    tab.get_by_role("button", name="Select what is visible").click()
    assert tab.evaluate("document.querySelector('image-map').selectedFiles.length") == 93
