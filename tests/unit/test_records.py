"""Frozen values: as plain data and back, what is refused, and the interval."""

import dataclasses
import json
import math
import subprocess
import sys
from typing import Any

import pytest
from scipy.stats import binomtest

from alexnet.records import EpochRecord, Evaluation, Prediction, Preprocessing, Record, StepRecord, wilson_interval
from alexnet.runs.run import Run


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (1, 10), (18, 352), (352, 352), (500, 1200)])
def test_interval_equals_scipys_wilson(hits: int, trials: int) -> None:
    expected = binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_interval_of_nothing_is_everything() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


PREDICTION = Prediction("a.jpg", "cat", "dog", 0.9, 0.8, 2.3, (("dog", 0.9), ("cat", 0.1)))
STEP = StepRecord(3, 1, 1e-3, 1 / 3, 0.5)
EPOCH = EpochRecord(1, 5, 0.3, 0.5, None, None, None, None, None, 1e-3, 96, 1.0, 10.0)
PREPROCESSING = Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3)


def evaluation(**changes: Any) -> dict[str, Any]:
    """Three images of two classes, one of them wrong."""
    score = {"split": "test", "views": "center crop", "num_images": 3, "num_mistakes": 1, "top1_error": 1 / 3}
    score |= {"top1_interval": [0.06, 0.79], "top5_error": None, "top5_interval": None, "loss": 1.0}
    score |= {"classes": ["a", "b"], "confusion": [[1, 1], [0, 1]], "seconds": 1.0, "images_per_second": 3.0}
    return score | changes


def test_prediction_knows_whether_it_is_a_mistake() -> None:
    assert PREDICTION.is_mistake
    assert not dataclasses.replace(PREDICTION, true=None, loss=None).is_mistake


@pytest.mark.parametrize("record", [PREDICTION, STEP, EPOCH, PREPROCESSING, Evaluation.from_dict(evaluation())])
def test_records_come_back_from_json_and_cannot_be_changed(record: Record) -> None:
    values = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    assert type(record).from_dict(values) == record
    assert type(record).from_dict(values | {"of a later version": 1}) == record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.anything = 1  # type: ignore[attr-defined]


def test_evaluation_of_a_run_comes_back_from_json(trained_run: Run) -> None:
    values = json.loads(json.dumps(trained_run.evaluation.to_dict()))
    assert values["per_class"][0]["recall"] == trained_run.evaluation.per_class[0].recall
    assert Evaluation.from_dict(values) == trained_run.evaluation


def test_nan_and_infinity_are_null_in_json() -> None:
    record = dataclasses.replace(EPOCH, train_loss=math.nan, validation_loss=math.nan)
    values = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    assert (values["train_loss"], values["validation_loss"]) == (None, None)
    assert math.isnan(EpochRecord.from_dict(values).train_loss)


def test_names_that_are_not_utf8_are_names() -> None:
    odd = dataclasses.replace(PREDICTION, file="caf\udce9.jpg", predicted="\x1b[31m")
    assert Prediction.from_dict(odd.to_dict()) == odd


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (StepRecord, STEP.to_dict() | {"loss": "much"}, "loss: input should be a valid number, .*not 'much'"),
        (StepRecord, STEP.to_dict() | {"loss": 1e300}, "loss: a finite number is needed, not 1e"),
        (StepRecord, STEP.to_dict() | {"top1_error": 1.5}, "top1_error: a fraction of 0 to 1 is needed, not 1.5"),
        (StepRecord, STEP.to_dict() | {"step": -1}, "step: .*greater than or equal to 0, not -1"),
        (StepRecord, STEP.to_dict() | {"step": 10**30}, "step: "),
        (StepRecord, {"step": 1}, "epoch is missing"),
        (Prediction, PREDICTION.to_dict() | {"file": 7}, "file: text is needed, not 7"),
        (Prediction, PREDICTION.to_dict() | {"probability": None}, "probability: "),
        (Preprocessing, PREPROCESSING.to_dict() | {"size": 10**9}, "size: "),
        (
            Preprocessing,
            PREPROCESSING.to_dict() | {"std": [1.0, -2.0, 1.0]},
            "std.1: .*at least 0 is needed, not -2.0",
        ),
        (Preprocessing, PREPROCESSING.to_dict() | {"channels": "HSV"}, "channels: "),
        (Evaluation, evaluation(confusion=[[1, 2]]), "confusion needs 2 rows and columns"),
        (Evaluation, evaluation(num_mistakes=2), "num_images, num_mistakes and confusion do not agree"),
        (Evaluation, evaluation(classes=[]), "classes: "),
        (Evaluation, evaluation(loss=None), "loss: "),
        (Evaluation, [], "input should be a dictionary"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(kind: type[Record], values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        kind.from_dict(values)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_importing_the_records_builds_no_checks() -> None:
    code = "from alexnet.records import StepRecord; print(StepRecord.__pydantic_complete__)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
