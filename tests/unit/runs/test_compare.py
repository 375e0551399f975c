"""Runs beside each other."""

import pytest
from scipy.stats import binomtest

from alexnet.errors import RunError
from alexnet.runs.compare import compare_runs, draw_columns, sign_test
from alexnet.runs.run import Run


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (3, 0), (9, 1), (5, 5), (17, 30)])
def test_sign_test_equals_scipys_exact_one(fixed: int, broken: int) -> None:
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert sign_test(fixed, broken) == pytest.approx(expected)


def test_run_compared_with_itself_differs_in_nothing(trained_run: Run) -> None:
    comparison = compare_runs([trained_run, trained_run])
    assert comparison.settings == {}
    assert comparison.changes[0].num_common == 21
    assert (comparison.changes[0].fixed, comparison.changes[0].broken) == ((), ())
    assert len(draw_columns([trained_run, trained_run]).axes) == 4


def test_one_run_cannot_be_compared(trained_run: Run) -> None:
    with pytest.raises(RunError, match="at least two"):
        compare_runs([trained_run])
