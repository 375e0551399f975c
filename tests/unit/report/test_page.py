"""The pages of runs: what they hold, and that names of any kind stay text."""

import base64
import html
import io
import os
import re
import shlex
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import typer
from PIL import Image

from alexnet.errors import RunError
from alexnet.evaluation.calibration import NUM_BINS
from alexnet.figures.canvas import save_figure
from alexnet.figures.kernel_frame import kernel_frame
from alexnet.files import shown_name
from alexnet.inspection.kernel_history import KernelHistory
from alexnet.inspection.top_patches import Patch
from alexnet.report.kernel_film import film_data, moment_lines
from alexnet.report.page import write_comparison, write_report
from alexnet.report.run_sections import patch_data
from alexnet.report.shell_words import image_words
from alexnet.run_folder import RunFolder
from alexnet.runs.ablate import ablate
from alexnet.runs.kept_ablations import keep_ablation
from alexnet.runs.run import Run, open_run

pytestmark = pytest.mark.slow

ODD = (
    "</title><script>alert(1)</script>", "$5_$x^ \\frac{", "a\x1b[31m\nb\u202egpj.exe\u2066", "caf\udce9",
    "{{ 7*7 }}",    "日本 🐶", "--><!-- x", "'\"><img src=x onerror=alert(1)>", "=1+1",
)  # fmt: skip


class Page(HTMLParser):
    """The elements of a page by name, their event handlers, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.handlers += [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def renamed(run: Run, path: Path, names: Mapping[str, str]) -> Run:
    """A copy of a run whose classes, files and folder have other names, and whose images are no longer there."""
    folder = RunFolder(
        shutil.copytree(run.path, path, copy_function=os.link, ignore=shutil.ignore_patterns("report*"))
    )
    classes = tuple(names[name] for name in run.about.classes)
    folder.write_about(
        replace(run.about, classes=classes, data=replace(run.about.data, path=str(path) + names["across"]))
    )
    folder.write_model_info(replace(folder.model_info, classes=classes))
    scores = tuple(replace(score, name=names[score.name]) for score in run.evaluation.per_class)
    folder.write_evaluation(replace(run.evaluation, classes=classes, per_class=scores))
    folder.write_predictions(
        [
            replace(
                p,
                file=f"{names[str(p.true)]}/{p.file}",
                true=names[str(p.true)],
                predicted=names[p.predicted],
                top=tuple((names[name], probability) for name, probability in p.top),
            )
            for p in run.predictions
        ]
    )
    return Run(folder)


def unseen(text: str) -> list[str]:
    """Characters that no page should hold: control characters, and those that turn the direction of text."""
    return [c for c in text if (unicodedata.category(c) == "Cc" and c not in "\n\t") or c in "\u202e\u2066\ufffd"]


@pytest.mark.parametrize("start", range(0, len(ODD), 3))
def test_names_of_any_kind_stay_text(narrow_run: Run, reported_run: Run, tmp_path: Path, start: int) -> None:
    odd = ODD[start : start + 3]
    run = renamed(narrow_run, tmp_path / "run $x$ <b>", dict(zip(narrow_run.about.classes, odd, strict=True)))
    plain = Page(reported_run.folder.report_path.read_text(encoding="utf-8"))
    for path in (write_report(run), write_comparison([run, narrow_run], tmp_path / "c.html")):
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert unseen(text) == []
        assert page.elements.count("script") == (
            plain.elements.count("script") - 4 if path.name == "report.html" else 0
        )
        assert page.handlers == []
        assert set(page.elements) <= {*plain.elements, "h3", "figcaption"}
    whole = Page(run.folder.report_path.read_text(encoding="utf-8")).text
    for name in odd:
        assert shown_name(name) in whole
    for figure in (run.confusion_matrix(), run.mistakes().draw(images={}), run.curves()):
        svg = save_figure(figure, tmp_path / "figure.svg").read_text(encoding="utf-8")
        assert unseen(svg) == []
        ElementTree.fromstring(svg)
        save_figure(figure, tmp_path / "figure.pdf")


def test_report_of_a_run_names_what_is_true_and_predicted(reported_run: Run) -> None:
    text = reported_run.folder.report_path.read_text(encoding="utf-8")
    mistake = reported_run.mistakes()[0]
    items = re.findall(r'"true": "(\w+)", "predicted": "(\w+)"', text)
    assert items[0] == (mistake.true, mistake.predicted)
    assert len(items) == reported_run.evaluation.num_mistakes
    assert "Most confused pairs" in text


def test_every_command_on_the_page_is_one(complete_report: Path) -> None:
    """Each `alexnet ...` parses as it stands, with the name of a folder that a shell would split."""
    from typer.main import get_command

    from alexnet.cli.commands import app

    text = complete_report.read_text(encoding="utf-8")
    commands = [shlex.split(html.unescape(code)) for code in re.findall(r"<code>(alexnet .*?)</code>", text)]
    assert len(commands) >= 16
    for words in commands:
        assert any(word.endswith("my run") for word in words), words
        command = get_command(app)
        context = typer.Context(command, info_name="alexnet")
        _, command, rest = command.resolve_command(context, words[1:])
        command.make_context(words[1], rest, parent=context)
        assert words[1] not in ("maps", "inside", "edit") or Path(words[3]).is_file(), "a command names the image"
    assert {words[1] for words in commands} >= {"maps", "inside", "edit", "unit", "kernels", "calibrate"}
    (note, *_) = re.findall(r"was not tested: `(alexnet why .*?)` does", text)
    assert Path(shlex.split(html.unescape(note.replace('\\"', '"')))[3]).is_file()


def test_report_with_everything_stays_small_and_says_what_is_left_out(
    narrow_run: Run, complete_report: Path, tmp_path: Path
) -> None:
    assert complete_report.stat().st_size < 15e6
    text = complete_report.read_text(encoding="utf-8")
    assert "Without " not in Page(text).text.replace("Without a kernel", "")
    assert f"Test images in {NUM_BINS} groups by" in Page(text).text
    assert "where an activation follows the layer before and after it; the image is" in Page(text).text
    names = {name: name for name in narrow_run.about.classes}
    moved = write_report(renamed(narrow_run, tmp_path / "moved", names), everything=True).read_text(encoding="utf-8")
    assert 'id="inside"' not in moved and 'id="edited"' not in moved
    for part in ("units", "image map", "calibration"):
        assert f"Without {part}: " in Page(moved).text
    assert 'id="conv1-23"' in moved and 'id="map"' not in moved


def test_one_image_is_followed_and_edited_on_the_page(complete_report: Path) -> None:
    text = complete_report.read_text(encoding="utf-8")
    for layer in ("conv1", "norm1", "pool1", "conv5", "decision"):
        assert f'id="inside-{layer}"' in text or layer == "norm1"
    followed, edited = (text.split(f'id="{anchor}"')[1].split("<h2")[0] for anchor in ("inside", "edited"))
    title = r"<p>\w+\.png: \w+ [\d.]+ % \(squashed image\)"
    assert re.search(title, followed) and re.search(title, edited)
    assert re.findall(r"<li>(\w+): (?:recognized|no longer)", edited) == ["cover", "turn", "scale", "brightness"]
    assert followed.count("<img") > 8 and edited.count("<img") == 1


def test_every_unit_has_weaker_patches_beside_the_strongest(complete_report: Path) -> None:
    text = complete_report.read_text(encoding="utf-8")
    units = [part.split("</div></div>")[0] for part in text.split('<div class="unit"')[1:]]
    assert len(units) == 20
    for unit in units:
        levels = re.findall(r"<p>([^<]+)</p>", unit)
        assert levels == ["strongest", "nearest to 90 %", "nearest to 50 %", "nearest to 10 %"][: len(levels)]
        counts = [strip.count("<img") for strip in unit.split("<p>")[1:]]
        assert counts == [8, 4, 4, 4][: len(levels)]
    assert sum(unit.count("<p>") == 4 for unit in units) > 10


def test_large_patches_are_made_smaller() -> None:
    pixels, inside = np.full((195, 150, 3), 7, np.uint8), np.ones((195, 150), bool)
    patch = Patch("a.png", "cat", 1.0, 0, 0, 0, 0, 195, 150, pixels, inside)
    sizes = []
    for most in (None, 96):
        source = str(patch_data(patch, most=most)["source"])
        sizes.append(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size)
    assert sizes == [(150, 195), (74, 96)]


def test_an_image_in_an_archive_has_no_path(narrow_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "my images"
    folder.mkdir()
    assert image_words(Run(narrow_run.folder, data=folder), "test/it's.png") == shlex.quote(f"{folder}/test/it's.png")
    (tmp_path / "images.zip").touch()
    assert image_words(Run(narrow_run.folder, data=tmp_path / "images.zip"), "test/a.png") == "IMAGE"


def test_a_film_of_many_epochs_has_its_start_and_its_end(narrow_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.random.default_rng(0).normal(size=(41, 2, 3, 5, 5)).astype(np.float32)
    history = KernelHistory("conv1", tuple(range(41)), weights)
    monkeypatch.setattr("alexnet.report.kernel_film.kernel_history", lambda _run: history)
    data = film_data(narrow_run)
    assert len(data["epochs"]) == len(data["own"]) == len(data["common"]) == len(data["numbers"]) == 8
    assert (data["epochs"][0], data["epochs"][-1]) == (0, 40)
    frame = base64.b64decode(data["own"][-1].partition(",")[2])
    assert frame == kernel_frame(weights[-1])
    assert data["numbers"][40] == moment_lines(history)[40]


def test_report_shows_a_sweep_that_was_made(narrow_run: Run, tmp_path: Path) -> None:
    run = open_run(shutil.copytree(narrow_run.path, tmp_path / "run", copy_function=os.link))
    sweep = ablate(run, "conv5")
    keep_ablation(run, sweep)
    text = write_report(run).read_text(encoding="utf-8")
    assert "it is not done here" not in text
    (section,) = re.findall(r'<details id="without-conv5">.*?</details>', text, re.DOTALL)
    largest = max(sweep.units, key=lambda unit: unit.difference)
    assert f"{100 * largest.difference:+.1f} percentage points without {largest.unit}" in section
    assert "<svg" in section and "all 21 test images, squashed image" in section
    (run.path / "ablation-conv5.json").write_text("{}")
    assert "it is not done here: after" in write_report(run).read_text(encoding="utf-8"), (
        "what is damaged is left out"
    )


def test_report_without_the_images_says_so(narrow_run: Run, tmp_path: Path) -> None:
    names = {name: name for name in narrow_run.about.classes}
    text = write_report(renamed(narrow_run, tmp_path / "run", names)).read_text(encoding="utf-8")
    count = narrow_run.evaluation.num_mistakes
    assert f"{count} of the wrongly classified images are no longer where they were, and are not shown." in text


def test_report_takes_a_path_and_of_an_unfinished_run_says_what_to_do(narrow_run: Run, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(narrow_run.path, tmp_path / "run", copy_function=os.link))
    copy.write_about(replace(copy.about, status="running"))
    (copy.path / "evaluation.json").unlink()
    with pytest.raises(RunError, match=r"evaluation.json: is missing; .*continue it with `alexnet resume .*run`"):
        write_report(str(copy.path))


def test_page_that_cannot_be_written_is_one_line(narrow_run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file/c.html: cannot be written"):
        write_comparison([narrow_run, narrow_run.path], tmp_path / "file" / "c.html")
