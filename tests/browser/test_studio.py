"""The studio in a real browser: click paths, keys, light and dark, narrow and wide; nothing is asked of others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import alexnet
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.records import EpochRecord
from alexnet.run_folder import RunFolder
from tests.accessibility import require_no_overflow_between, violations
from tests.conftest import copy_linked, draw_stripes
from tests.studio_server import Studio, served

pytestmark = pytest.mark.browser

VIEWS = {"home": "What is here", "data/images": "Images of", "train": "What it will take"}
"""Address of each view, and its heading."""


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_accessible_and_fits(tab: Any, studio: Studio, view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alexnet, "plan_training", lambda folder, recipe: PLAN, raising=False)
    monkeypatch.setattr(alexnet, "check_recipe", lambda folder, recipe: Verdict(), raising=False)
    for width, scheme in ((390, "light"), (1600, "dark")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.goto(f"{studio.address}#/{view}")
        tab.get_by_role("heading", name=VIEWS[view]).wait_for()
        tab.wait_for_load_state("networkidle")
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        assert tab.get_by_text("Nothing leaves this computer.").is_visible()
    require_no_overflow_between(tab)


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
    tab.keyboard.press("/")
    tab.keyboard.type("down")
    finder = tab.get_by_role("dialog", name="Find")
    finder.get_by_role("option", name="down class of images").wait_for()
    assert violations(tab) == []
    tab.keyboard.press("ArrowDown")
    chosen = finder.get_by_role("option", selected=True).inner_text()
    assert chosen.endswith(".png image of images")
    tab.keyboard.press("Enter")
    tab.locator(".image-grid .cell").wait_for()
    assert tab.locator("#q").input_value() == chosen.removesuffix(" image of images")
    tab.keyboard.press("/")
    finder.get_by_role("combobox").wait_for()
    tab.keyboard.press("Escape")
    assert finder.count() == 0
    tab.goto(f"{studio.address}#/home")
    tab.locator("#theme").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Enter")
    tab.reload()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 25, 29)"


def test_an_address_that_leads_nowhere_says_so(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/nowhere/at/all")
    assert tab.get_by_text("There is no view nowhere.").is_visible()
    tab.get_by_role("link", name="Go to Home").click()
    tab.get_by_role("heading", name="What is here").wait_for()


def test_a_view_that_is_long_in_coming_says_so(tab: Any, studio: Studio) -> None:
    held: list[Any] = []
    tab.route("**/api/lab*", lambda route: held.append(route))
    with tab.expect_request("**/api/lab*"):
        tab.goto(f"{studio.address}#/lab")
    loading = tab.get_by_text("Loading ...")
    loading.wait_for()
    held[0].continue_()
    tab.locator("convolution-lab").wait_for()
    loading.wait_for(state="detached")


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


# --- train
def test_recipe_is_chosen_and_kept_in_the_address(tab: Any, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alexnet, "plan_training", lambda folder, recipe: PLAN, raising=False)
    monkeypatch.setattr(alexnet, "check_recipe", lambda folder, recipe: Verdict(), raising=False)
    tab.goto(f"{studio.address}#/train?data=images")
    tab.get_by_text("paper-small").click()
    tab.locator("#setting-epochs").fill("7")
    tab.locator("#setting-epochs").press("Enter")
    tab.get_by_text("7 epochs of 2").wait_for()
    tab.get_by_text("This will probably not learn: the signal is lost").wait_for()
    assert "preset=paper-small" in tab.url and "set.epochs=7" in tab.url
    tab.reload()
    tab.locator("#setting-epochs").wait_for()
    assert tab.locator("#setting-epochs").input_value() == "7"
    tab.get_by_label("seed", exact=True).fill("5")
    tab.get_by_label("seed", exact=True).press("Enter")
    tab.locator("#preset-seminar").check()
    assert tab.locator("#setting-epochs").input_value() == "7", "another preset keeps what was changed"
    assert tab.get_by_text("Changed from seminar: epochs, seed.").is_visible()
    tab.locator("#setting-epochs").fill(str(PRESETS["paper-small"].epochs))
    tab.locator("#setting-epochs").press("Enter")
    tab.locator("#preset-paper-small").check()
    assert tab.get_by_text("Changed from paper-small: seed.").is_visible(), "what it has itself is no change"
    assert "set.epochs" not in tab.url and "set.seed=5" in tab.url
    tab.get_by_role("button", name="Use paper-small unchanged").click()
    assert tab.get_by_text("Changed from").count() == 0 and "set." not in tab.url
    tab.get_by_text("other settings").click()
    assert tab.locator(".setting").count() == len(Recipe.model_fields) - 1
    assert violations(tab) == []


PLAN = {
    "num_steps": 14, "epochs": 7, "steps_per_epoch": 2, "training_seconds": 9.0, "variant": "seminar", "size": 96,
    "parameters": 10, "cache_bytes": 10, "free_bytes": 10, "warnings": [], "counts": {"train": 72, "test": 21},
    "memory": {"weights": 1, "gradients": 1, "momentum": 1, "activations": 1},
}  # fmt: skip


NUMBERS = "rows => rows.slice(1).map(row => [...row.cells].slice(1).map(cell => parseInt(cell.textContent) || 0))"
"""The numbers of a table's rows below its head."""


class Verdict:
    verdict, findings = "stalls", ()

    def __str__(self) -> str:
        return "the signal is lost"


def test_training_is_followed_through_a_restart_of_the_server(browser: Any, studio: Studio, tmp_path: Path) -> None:
    """The page shows what another process writes, loses the server, finds it again, and shows the end."""
    whole = RunFolder.open(studio.workspace.run("first").path)
    run = RunFolder(copy_linked(whole.path, tmp_path / "runs" / "growing"))
    run.write_about(replace(whole.about, status="running"))
    run.cut_records("epochs.csv", EpochRecord, whole.epochs[0].step)
    page = browser.new_page()
    with served([tmp_path]) as first, run.locked():
        page.goto(f"{first.address}#/train/growing")
        page.get_by_text("1 of 2 epochs").wait_for()
        page.get_by_role("img", name="Loss: training from").wait_for()
        assert page.get_by_text("It was started in a terminal").is_visible()
        page.locator("footer").get_by_role("link", name="growing").wait_for()
        assert page.get_by_role("progressbar", name="training growing").evaluate("bar => bar.value") > 0
        words = f"training growing on CPU, {whole.about.machine['precision']}"
        assert page.locator("#training").inner_text().replace("\n", " ").startswith(words)
    page.get_by_text("The studio does not answer; trying again").wait_for()
    with served([tmp_path], port=first.access.port):
        copy = RunFolder(copy_linked(whole.path, tmp_path / "copy"))
        (copy.path / "epochs.csv").replace(run.path / "epochs.csv")
        run.write_about(whole.about)
        page.get_by_text("2 of 2 epochs").wait_for()
        error = whole.evaluation.top1_error
        page.get_by_text(f"{100 * (1 - error):.1f} % of 21 test images are recognized").wait_for()
        shown = page.locator(".matrix tr").evaluate_all(NUMBERS)
        assert shown == [list(row) for row in whole.evaluation.confusion]
        assert page.locator(".mistakes li").count() == min(24, whole.evaluation.num_mistakes)
        page.wait_for_load_state("networkidle")
        page.locator("#training a").wait_for(state="detached")
        assert violations(page) == []
        page.close()


def test_a_view_that_the_server_did_not_answer_opens_when_it_does(browser: Any, studio: Studio) -> None:
    page = browser.new_page()
    with served(studio.workspace.paths) as first:
        page.goto(first.address)
        page.get_by_role("heading", name="What is here").wait_for()
    page.goto(f"{first.address}#/data/images")
    page.get_by_text("The studio does not answer").wait_for()
    with served(studio.workspace.paths, port=first.access.port):
        page.locator(".cell").first.wait_for()
        page.close()


def test_trainings_wait_in_a_queue_while_one_runs(
    browser: Any, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_linked(studio.workspace.folder_path("images"), tmp_path / "images")
    run = RunFolder(copy_linked(studio.workspace.run("first").path, tmp_path / "runs" / "growing"))
    about = run.about
    run.write_about(replace(about, status="running"))
    started: list[str] = []
    page = browser.new_page()
    with served([tmp_path]) as other:
        monkeypatch.setattr(other.workspace.jobs, "start", lambda words, out: started.append(out.name))
        with run.locked():
            page.goto(f"{other.address}#/train?data=images&preset=seminar")
            add = page.get_by_role("button", name="Add to queue")
            for name in ("images-seminar", "images-seminar-2", "images-seminar-3"):
                add.click()
                page.locator(".queue li", has_text=f"{name} images with seminar").wait_for()
            page.get_by_role("button", name="Remove images-seminar-2").click()
            page.locator(".queue li").nth(2).wait_for(state="detached")
            assert violations(page) == []
            page.reload()
            page.locator(".queue li").nth(1).wait_for()
            assert started == []
        run.write_about(about)
        page.locator(".queue li").first.wait_for(state="detached")
        assert started == ["images-seminar", "images-seminar-3"]
        add.wait_for(state="hidden")
    page.close()


def test_a_folder_of_ones_own_is_begun_on_the_page(browser: Any, tmp_path: Path) -> None:
    draw_stripes(0, 1).save(tmp_path / "one.png")
    (tmp_path / "place").mkdir()
    page = browser.new_page()
    with served([tmp_path / "place"]) as empty:
        page.goto(empty.address)
        page.get_by_role("heading", name="Train a network, and look inside").wait_for()
        assert page.get_by_text("Three ways to begin").is_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Draw practice images").click()
        stop = page.get_by_role("button", name="Stop drawing 1,000 images of eight classes")
        stop.wait_for()
        page.reload()
        stop.click()
        page.get_by_text("stopped; start again").wait_for()
        assert not (tmp_path / "place" / "practice").exists()
        assert page.get_by_role("button", name="Draw practice images").is_enabled()
        page.get_by_role("button", name="Start collecting").click()
        page.get_by_text("There are no images yet. Choose a class on the right, and add some.").wait_for()
        page.locator("#add-to").select_option("hand")
        page.locator("#pick").set_input_files(tmp_path / "one.png")
        page.get_by_text("1 image added to hand.").wait_for()
        page.locator(".cell").wait_for()
        assert violations(page) == []
        page.close()
    assert (tmp_path / "place" / "my-images" / "hand" / "one.png").is_file()


@pytest.mark.parametrize("view", ["inside/first", "lab", "break/first", "data/images?add=yes"])
def test_files_are_chosen_by_a_button_that_the_keyboard_reaches(tab: Any, studio: Studio, view: str) -> None:
    tab.on("filechooser", lambda _: None)  # from the first on, or a window of the system opens
    tab.goto(f"{studio.address}#/{view}")
    control = tab.locator("input[type=file]:not(#merge-file)").first  # that one is folded away
    control.wait_for(state="attached")
    tab.wait_for_load_state("networkidle")
    label = control.locator("xpath=..")
    assert control.evaluate("(one) => getComputedStyle(one).opacity") == "0", "the browser's own control is not seen"
    for color in ("backgroundColor", "color", "borderTopColor"):
        assert label.evaluate(f"(one) => getComputedStyle(one).{color}") == tab.locator("#help").evaluate(
            f"(one) => getComputedStyle(one).{color}"
        )
    outline = "(one) => getComputedStyle(one).outlineStyle"
    assert label.evaluate(outline) == "none"
    tab.keyboard.press("Tab")
    control.focus()
    assert label.evaluate(outline) == "solid"
    with tab.expect_file_chooser() as chooser:
        tab.keyboard.press("Enter")
    assert chooser.value.is_multiple() == ("add=yes" in view)
    with tab.expect_file_chooser():
        label.click()
