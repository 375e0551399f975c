"""The pages of runs: what they hold, and that names of any kind stay text."""

import os
import re
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

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
        assert "script" not in page.elements
        assert page.handlers == []
        assert set(page.elements) <= set(plain.elements)
    whole = Page(run.folder.report_path.read_text(encoding="utf-8")).text
    for name in odd:
        assert shown_name(name) in whole
    for figure in (run.confusion_matrix(), run.mistakes().draw(images={}), run.curves()):
        svg = save_figure(figure, tmp_path / "figure.svg").read_text(encoding="utf-8")
        assert unseen(svg) == []
        ElementTree.fromstring(svg)
        save_figure(figure, tmp_path / "figure.pdf")


def test_report_of_a_run_names_what_is_true_and_predicted(reported_run: Run) -> None:
    text = Page(reported_run.folder.report_path.read_text(encoding="utf-8")).text
    mistake = reported_run.mistakes()[0]
    assert re.search(rf"predicted: {mistake.predicted} \d+\.\d\s%true: {mistake.true}", text)
    assert "Most confused pairs" in text
    assert not re.search(r"\b(w|r): ", text)


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
