"""Frozen values and the interval."""

import json
import math

import pytest
from scipy.stats import binomtest

from alexnet.records import EpochRecord, Evaluation, Prediction, wilson_interval


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (1, 10), (18, 352), (352, 352), (500, 1200)])
def test_interval_equals_scipys_wilson(hits: int, trials: int) -> None:
    expected = binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_interval_of_nothing_is_everything() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_prediction_knows_whether_it_is_a_mistake() -> None:
    prediction = Prediction("a.jpg", "cat", "dog", 0.9, 0.8, 2.3, (("dog", 0.9), ("cat", 0.1)))
    assert prediction.is_mistake
    assert not Prediction("a.jpg", None, "dog", 0.9, 0.8, None, (("dog", 0.9),)).is_mistake


def test_records_become_plain_json_also_with_what_is_no_number() -> None:
    record = EpochRecord(1, 5, math.nan, 0.5, None, None, None, None, None, 1e-3, 96, 1.0, 10.0)
    assert json.loads(json.dumps(record.to_dict(), allow_nan=False))["train_loss"] is None


def test_evaluation_survives_its_dict(trained_run: object) -> None:
    evaluation = trained_run.evaluation  # type: ignore[attr-defined]
    assert Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict()))) == evaluation
