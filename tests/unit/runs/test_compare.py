"""Runs side by side."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet.data.corrections import Correction, write_corrections
from alexnet.errors import RunError
from alexnet.report.page import write_comparison
from alexnet.run_folder import RunFolder
from alexnet.runs.compare import compare_runs, draw_comparison
from alexnet.runs.run import Run
from tests.conftest import copy_linked


def test_run_compared_with_itself_differs_in_nothing(narrow_run: Run) -> None:
    comparison = compare_runs([narrow_run, narrow_run.path])
    assert comparison.settings == {}
    difference = comparison.differences[0]
    assert (difference.num_images, difference.fixed, difference.broken, difference.p_value) == (21, (), (), 1.0)
    assert difference.interval[0] < 0 < difference.interval[1]
    assert len(draw_comparison([narrow_run, str(narrow_run.path)]).axes) == 4


def test_runs_before_and_after_a_correction_are_compared_on_the_images_of_both(
    narrow_run: Run, tmp_path: Path
) -> None:
    wrong, excluded, *_ = (each for each in narrow_run.predictions if each.is_mistake)
    later = RunFolder(copy_linked(narrow_run.path, tmp_path / "later"))
    right = {wrong.file: replace(wrong, true=wrong.predicted)}
    tested = [right.get(each.file, each) for each in narrow_run.predictions if each.file != excluded.file]
    pairs = Counter((each.true, each.predicted) for each in tested)
    classes, wrong_now = narrow_run.about.classes, sum(each.is_mistake for each in tested)
    confusion = tuple(tuple(pairs[true, predicted] for predicted in classes) for true in classes)
    counts = {"num_images": len(tested), "num_mistakes": wrong_now, "confusion": confusion}
    later.write_evaluation(replace(narrow_run.evaluation, **counts, top1_error=wrong_now / len(tested), per_class=()))
    later.write_predictions(tested)
    data = replace(narrow_run.about.data, fingerprint="corrected")
    later.write_about(replace(narrow_run.about, data=data, created="2999-01-01T00:00:00+00:00"))
    lines = [Correction(wrong.file, "relabel", to=wrong.predicted), Correction(excluded.file, "exclude")]
    write_corrections(later.corrections_path, lines)
    for runs in ([narrow_run.path, later.path], [later.path, narrow_run.path]):
        comparison = compare_runs(runs)
        (difference,) = comparison.differences
        assert (difference.num_images, difference.fixed, difference.broken) == (20, (), ()), "their network is one"
        assert difference.labels == str(later.path)
        assert f"with the labels of {later.path}" in str(difference)
        assert set(comparison.settings["corrections"]) == {"none", "1 exclude, 1 relabel"}
    later.write_about(replace(later.about, data=replace(data, path="/elsewhere")))
    assert compare_runs([narrow_run, later.path]).differences == (), "equal names are not equal images"


def test_where_two_labels_are_correct_either_counts_for_both_runs(narrow_run: Run, tmp_path: Path) -> None:
    known = narrow_run.predictions
    wrong = next(each for each in known if each.is_mistake)
    other = next(each for each in known if not each.is_mistake)
    third = next(name for name in narrow_run.about.classes if name not in (wrong.true, wrong.predicted))
    later = RunFolder(copy_linked(narrow_run.path, tmp_path / "later"))
    changed = {
        wrong.file: replace(wrong, predicted=third, top=((third, 1.0),))
    }  # another network's answer, wrong too
    later.write_predictions([changed.get(each.file, each) for each in known])
    later.write_about(replace(narrow_run.about, created="2999-01-01T00:00:00+00:00"))
    assert compare_runs([narrow_run, later.path]).differences[0].fixed == ()
    lines = [Correction(wrong.file, "both", to=third), Correction(other.file, "both", to=third)]
    write_corrections(later.corrections_path, lines)
    for runs, kind in (([narrow_run, later.path], "fixed"), ([later.path, narrow_run], "broken")):
        (difference,) = compare_runs(runs).differences  # type: ignore[arg-type]
        assert getattr(difference, kind) == (wrong.file,), "what one run calls it is its second label"
        assert (difference.num_two_labels, difference.num_images) == (2, 21)
        assert difference.labels == str(later.path) and "of 2, either of two labels counts" in str(difference)
    first = RunFolder(copy_linked(narrow_run.path, tmp_path / "first"))
    write_corrections(first.corrections_path, lines)
    (difference,) = compare_runs([first.path, later.path]).differences
    assert (difference.fixed, difference.labels) == ((wrong.file,), ""), "both were trained with these corrections"
    page = write_comparison([first.path, later.path], tmp_path / "c.html").read_text(encoding="utf-8")
    assert "Of 2 of them, either of two labels counts" in page


@pytest.mark.parametrize("call", [compare_runs, draw_comparison])
def test_one_run_cannot_be_compared(narrow_run: Run, call: object) -> None:
    for runs in ([narrow_run], narrow_run.path):
        with pytest.raises(RunError, match="at least two"):
            call(runs)  # type: ignore[operator]


@pytest.mark.slow
def test_comparison_is_a_page_or_a_figure(narrow_run: Run, tmp_path: Path) -> None:
    runs = [narrow_run, narrow_run.path]
    assert "Settings that differ" in write_comparison(runs, tmp_path / "c.html").read_text(encoding="utf-8")
    assert write_comparison(runs, str(tmp_path / "c.png")).read_bytes().startswith(b"\x89PNG")
