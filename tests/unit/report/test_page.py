"""The pages of runs: what they hold, and that names of any kind stay text."""

import html
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

import pytest
import typer

from alexnet.errors import RunError
from alexnet.figures.canvas import save_figure
from alexnet.files import shown_name
from alexnet.report.page import write_comparison, write_report
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run

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
    assert len(commands) >= 12
    for words in commands:
        assert any(word.endswith("my run") for word in words), words
        command = get_command(app)
        context = typer.Context(command, info_name="alexnet")
        _, command, rest = command.resolve_command(context, words[1:])
        command.make_context(
            words[1], [str(complete_report) if word == "IMAGE" else word for word in rest], parent=context
        )


def test_report_with_everything_stays_small_and_says_what_is_left_out(
    narrow_run: Run, complete_report: Path, tmp_path: Path
) -> None:
    assert complete_report.stat().st_size < 15e6
    text = complete_report.read_text(encoding="utf-8")
    assert "Without " not in Page(text).text.replace("Without a kernel", "")
    names = {name: name for name in narrow_run.about.classes}
    moved = write_report(renamed(narrow_run, tmp_path / "moved", names), everything=True).read_text(encoding="utf-8")
    for part in ("units", "image map", "calibration"):
        assert f"Without {part}: " in Page(moved).text
    assert 'id="conv1-23"' in moved and 'id="map"' not in moved


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
