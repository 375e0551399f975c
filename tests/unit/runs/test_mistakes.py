"""The wrongly classified images: their order, the figure, and copies that stay in their folder."""

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet.errors import DataError, RecipeError, RunError
from alexnet.records import Prediction
from alexnet.run_folder import RunFolder
from alexnet.runs.mistakes import class_pairs, find_mistakes
from alexnet.runs.run import Run


def prediction(file: str, true: str, predicted: str, probability: float) -> Prediction:
    return Prediction(file, true, predicted, probability, 0.1, 1.0, ((predicted, probability),))


SOME = (
    prediction("1", "a", "b", 0.6),
    prediction("2", "a", "a", 0.9),
    prediction("3", "c", "b", 0.99),
    prediction("4", "a", "b", 0.7),
)


def test_mistakes_come_by_confidence_or_by_pair() -> None:
    assert [p.file for p in find_mistakes(SOME)] == ["3", "4", "1"]
    assert [p.file for p in find_mistakes(SOME, order="pair")] == ["4", "1", "3"]
    assert class_pairs(find_mistakes(SOME)) == [("a", "b", 2), ("c", "b", 1)]


def test_mistakes_are_a_sequence_that_cannot_be_changed(narrow_run: Run) -> None:
    mistakes = narrow_run.mistakes()
    assert len(mistakes) == narrow_run.evaluation.num_mistakes > 2
    assert list(mistakes) == [mistakes[place] for place in range(len(mistakes))]
    assert mistakes[:2] == (mistakes[0], mistakes[1])
    assert mistakes[0] in mistakes
    assert sum(count for _, _, count in mistakes.pairs) == len(mistakes)
    assert mistakes.to_dict()["mistakes"][0]["file"] == mistakes[0].file
    with pytest.raises(AttributeError):
        mistakes.predictions = ()  # type: ignore[misc]
    with pytest.raises(RecipeError, match="order = size: choose confidence or pair"):
        narrow_run.mistakes("size")  # type: ignore[arg-type]


def test_mistakes_are_drawn_in_one_line(narrow_run: Run) -> None:
    figure = narrow_run.mistakes().draw(most=2)
    count = narrow_run.evaluation.num_mistakes
    assert figure.get_suptitle() == f"{count} of 21 test images wrong, 2 of them shown"
    whole = narrow_run.mistakes("pair").draw()
    assert whole.get_suptitle() == f"{count} of 21 test images wrong"


def test_missing_image_is_named(narrow_run: Run, tmp_path: Path) -> None:
    file = narrow_run.mistakes()[0].file
    moved = copy_of(narrow_run, tmp_path)
    Path(moved.about.data.path, file).unlink()
    with pytest.raises(DataError, match=f"{Path(file).name} cannot be read .*put it back, or train again"):
        moved.mistakes().draw()
    with pytest.raises(DataError, match="x{200}.*cannot be read") as refused:
        moved.images_of(["x" * 5000])
    assert len(str(refused.value)) < 1000
    with pytest.raises(DataError, match="cannot be read"):
        moved.images_of([file])
    assert moved.images_of([file], missing_ok=True) == {}


def copy_of(run: Run, path: Path) -> Run:
    """A copy of a run and of its images, both free to be changed."""
    images = shutil.copytree(run.about.data.path, path / "images", copy_function=os.link)
    folder = RunFolder(shutil.copytree(run.path, path / "run"))
    folder.write_about(replace(folder.about, data=replace(folder.about.data, path=str(images))))
    return Run(folder)


HOSTILE = (
    "../../..", "/etc", "..", ".", "", "a/b", "C:\\x", "nul\0", "new\nline", "\x1b[31m", "CON", "x" * 400, "日" * 200,
    r"caf\xe9", r"\x1b", "trail.", "trail ", "*?", "\u202egpj",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_written_outside_the_folder(narrow_run: Run, tmp_path: Path, name: str) -> None:
    """As a run from somebody else might have it: classes and files of any name in predictions.csv."""
    run = copy_of(narrow_run, tmp_path)
    mistake = run.mistakes()[0]
    text = (run.path / "predictions.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    row = next(row for row in rows if row[0] == mistake.file)
    row[1:3] = [name or "?", f"{name}/.."]
    with (run.path / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    before = files_below(tmp_path)
    copies = run.mistakes().export(tmp_path / "out")
    new = files_below(tmp_path) - before
    assert new == {str(copy) for copy in copies}
    for copy in copies:
        assert copy.parent.parent == tmp_path / "out"
        assert copy.resolve() == copy


def files_below(path: Path) -> set[str]:
    """Every file below a folder."""
    return {str(file) for file in path.rglob("*") if not file.is_dir()}


def test_copies_are_named_by_rank_and_unchanged(narrow_run: Run, tmp_path: Path) -> None:
    copies = narrow_run.mistakes().export(tmp_path / "out")
    for number, (copy, mistake) in enumerate(zip(copies, narrow_run.mistakes(), strict=True), start=1):
        assert copy.parent.name == f"{mistake.true}-as-{mistake.predicted}"
        assert copy.name == f"{number:04d}-{100 * mistake.probability:.0f}-percent-{Path(mistake.file).name}"
        assert copy.read_bytes() == Path(narrow_run.about.data.path, mistake.file).read_bytes()
    with pytest.raises(RunError, match="out: exists and is not empty; choose another folder"):
        narrow_run.mistakes().export(tmp_path / "out")
