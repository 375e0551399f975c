"""Runs side by side."""

from pathlib import Path

import pytest

from alexnet.errors import RunError
from alexnet.report.page import write_comparison
from alexnet.runs.compare import compare_runs, draw_comparison
from alexnet.runs.run import Run


def test_run_compared_with_itself_differs_in_nothing(narrow_run: Run) -> None:
    comparison = compare_runs([narrow_run, narrow_run.path])
    assert comparison.settings == {}
    difference = comparison.differences[0]
    assert (difference.num_images, difference.fixed, difference.broken, difference.p_value) == (21, (), (), 1.0)
    assert difference.interval[0] < 0 < difference.interval[1]
    assert len(draw_comparison([narrow_run, str(narrow_run.path)]).axes) == 4


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
