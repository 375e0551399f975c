"""Files to keep of a unit's page and of a comparison: figures as PNG and SVG, numbers as CSV."""

import csv
import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import alexnet
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.studio.compare_files import TABLES
from tests.conftest import copy_linked
from tests.studio_server import Answer, Studio, served


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run) -> Iterator[Studio]:
    """Two runs: the second gets an image wrong that the first gets right, and another one right."""
    root = tmp_path_factory.mktemp("downloads")
    for name in ("first", "second"):
        copy_linked(narrow_run.path, root / "runs" / name)
    other = RunFolder(root / "runs" / "second")
    predictions = list(other.predictions)
    right = next(place for place, each in enumerate(predictions) if not each.is_mistake)
    wrong = next(place for place, each in enumerate(predictions) if each.is_mistake)
    predicted = {right: next(name for name in other.about.classes if name != predictions[right].true),
                 wrong: predictions[wrong].true}  # fmt: skip
    for place, name in predicted.items():
        predictions[place] = replace(predictions[place], predicted=name)
    (other.path / "predictions.csv").unlink()  # it is a link
    other.write_predictions(predictions)
    with served([root]) as running:
        yield running
    shutil.rmtree(root)


def rows_of(answer: Answer) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


def test_a_units_page_is_kept_as_a_figure_and_as_a_table(studio: Studio, narrow_run: Run) -> None:
    base = "/api/runs/first/units/conv2/3"
    png, svg = studio.ask(f"{base}/figure?download=1"), studio.ask(f"{base}/figure?format=svg&download=1")
    assert png.body.startswith(b"\x89PNG") and svg.body.startswith(b"<svg")
    assert 'filename="first-conv2-3.svg"' in svg.headers["content-disposition"]
    rows = rows_of(studio.ask(f"{base}/table"))
    strips = alexnet.unit(narrow_run, "conv2/3", most=8).strips
    patches = [(strip.level, patch) for strip in strips for patch in strip.patches]
    assert [(float(row["level"]), row["file"]) for row in rows] == [(level, each.file) for level, each in patches]
    assert [float(row["activation"]) for row in rows] == pytest.approx([each.activation for _, each in patches])
    assert studio.ask(f"{base}/figure?format=exe").status == 404
    assert "conv2 has units 0 to 47" in studio.ask("/api/runs/first/units/conv2/999/table").error


def test_a_comparison_is_kept_as_figures_and_tables(studio: Studio) -> None:
    query = "run=first&run=second"
    for name in ("curves", "kernels"):
        answer = studio.ask(f"/api/compare/figures/{name}?{query}&format=svg&download=1")
        assert answer.body.startswith(b"<svg")
        assert f'filename="first-second-{name}.svg"' in answer.headers["content-disposition"]
    rows = {name: rows_of(studio.ask(f"/api/compare/tables/{name}?{query}")) for name in TABLES}
    runs = [alexnet.open_run(Path(studio.workspace.run(name).path)) for name in ("first", "second")]
    compared = alexnet.compare_runs(runs)
    assert [float(row["top1_error"]) for row in rows["scores"]] == [s["top1_error"] for s in compared.scores]
    (difference,) = compared.differences
    changed = (("fixed", difference.fixed[0]), ("broken", difference.broken[0]))
    assert [tuple(row.values()) for row in rows["images"]] == [("first", "second", *each) for each in changed]
    assert rows["settings"] == []
    assert [row["epoch"] for row in rows["epochs"]] == ["1", "2"] * 2
    assert all(row["kernel_before"] == row["kernel_after"] for row in rows["kernels"]) and rows["kernels"]
    for path in ("figures/none", "tables/none"):
        assert "choose one of" in studio.ask(f"/api/compare/{path}?{query}").error
    assert "choose two or three runs" in studio.ask("/api/compare/tables/scores?run=first").error
