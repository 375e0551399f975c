"""Differences of two tests against hand counts, NumPy and an enumeration of all that may happen."""

import doctest
from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest

from alexnet.evaluation import paired as module
from alexnet.evaluation.paired import compare_predictions, paired_interval, sign_test
from alexnet.records import Prediction


def predictions(wrong: str) -> list[Prediction]:
    """Images 0, 1, 2 ..., each wrong where the text has an x."""
    message = ["b" if mark == "x" else "a" for mark in wrong]
    return [Prediction(str(place), "a", name, 0.6, 0.2, 0.5, ((name, 0.6),)) for place, name in enumerate(message)]


BEFORE, AFTER = "xxx...x...", "x...xx...."


def test_difference_equals_a_count_by_hand() -> None:
    result = compare_predictions(predictions(BEFORE), predictions(AFTER), names=("centre", "ten_crop"))
    assert (result.before, result.after, result.num_images) == ("centre", "ten_crop", 10)
    assert (result.fixed, result.broken) == (("1", "2", "6"), ("4", "5"))
    assert result.difference == pytest.approx(-0.1)
    low, high = (f"{100 * value:+.1f}" for value in paired_interval(1, 2, 3, 10))
    assert str(result) == (
        f"centre → ten_crop: test error -10.0 percentage points (95 % interval {low} to {high}, sign test p = 1); "
        "of 10 images, 3 mistakes are fixed and 2 are new"
    )
    values = result.to_dict()
    assert (values["num_fixed"], values["num_broken"]) == (3, 2)
    assert values["interval"] == list(paired_interval(1, 2, 3, 10))
    assert result.p_value == sign_test(3, 2)
    one = compare_predictions(predictions("x."), predictions(".x"), names=("a", "b"))
    assert str(one).endswith("of 2 images, 1 mistake is fixed and 1 is new")


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (3, 0), (9, 1), (5, 5), (17, 30)])
def test_sign_test_equals_scipys_exact_one(fixed: int, broken: int) -> None:
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert sign_test(fixed, broken) == pytest.approx(expected)


def test_standard_error_is_that_of_the_mean_of_single_differences() -> None:
    single = np.array([mark == "x" for mark in AFTER], float) - np.array([mark == "x" for mark in BEFORE], float)
    result = compare_predictions(predictions(BEFORE), predictions(AFTER), names=("one", "two"))
    assert result.difference == pytest.approx(single.mean())
    assert result.standard_error == pytest.approx(single.std() / np.sqrt(10))


def test_only_images_of_both_tests_count() -> None:
    result = compare_predictions(predictions(BEFORE)[2:], predictions(AFTER)[:6], names=("one", "two"))
    assert (result.num_images, result.fixed, result.broken) == (4, ("2",), ("4", "5"))
    nothing = compare_predictions(predictions("x"), [], names=("one", "two"))
    assert (nothing.num_images, nothing.difference, nothing.interval) == (0, 0.0, (-1.0, 1.0))


def test_interval_turns_over_with_its_sides_and_holds_the_difference() -> None:
    for both, broken, fixed, count in [(3, 5, 1, 20), (0, 4, 0, 9), (7, 0, 0, 7), (0, 0, 0, 30), (1, 1, 6, 8)]:
        low, high = paired_interval(both, broken, fixed, count)
        assert -1 <= low <= (broken - fixed) / count <= high <= 1
        assert low < high, "also without a change there is room for one"
        assert paired_interval(both, fixed, broken, count) == pytest.approx((-high, -low))


@pytest.mark.parametrize("shares", [(0.1, 0.1, 0.1), (0.05, 0.02, 0.1), (0.3, 0.1, 0.2)])
def test_interval_holds_the_truth_in_95_of_100_tests(shares: tuple[float, float, float]) -> None:
    """Every outcome of a test of 30 images with its probability."""
    count, inside = 30, 0.0
    rest = 1 - sum(shares)
    for both in range(count + 1):
        for broken in range(count - both + 1):
            for fixed in range(count - both - broken + 1):
                low, high = paired_interval(both, broken, fixed, count)
                if low <= shares[1] - shares[2] <= high:
                    ways = comb(count, both) * comb(count - both, broken) * comb(count - both - broken, fixed)
                    left = count - both - broken - fixed
                    inside += ways * shares[0] ** both * shares[1] ** broken * shares[2] ** fixed * rest**left
    assert 0.93 < inside < 0.99


def test_examples_run() -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0
