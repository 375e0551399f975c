"""Scores against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from alexnet.evaluation.metrics import class_scores, confusion_matrix, num_wrong

GENERATOR = torch.Generator().manual_seed(3)
SCORES = torch.randn(200, 7, generator=GENERATOR)
LABELS = torch.randint(0, 7, (200,), generator=GENERATOR)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_error_equals_scikit_learns(k: int) -> None:
    expected = sklearn_metrics.top_k_accuracy_score(LABELS, SCORES, k=k, labels=range(7))
    assert 1 - num_wrong(SCORES, LABELS, k=k).item() / 200 == pytest.approx(expected)


def test_of_equals_the_first_counts_as_predicted() -> None:
    scores = torch.zeros(2, 3)
    assert num_wrong(scores, torch.tensor([0, 1])).item() == 1
    assert scores.argmax(1).tolist() == [0, 0]


def test_what_is_no_number_is_wrong() -> None:
    assert num_wrong(torch.full((3, 4), float("nan")), torch.tensor([0, 1, 2]), k=4).item() == 3


def test_confusion_precision_and_recall_equal_scikit_learns() -> None:
    predicted = SCORES.argmax(1)
    confusion = confusion_matrix(LABELS, predicted, 7)
    np.testing.assert_array_equal(confusion.numpy(), sklearn_metrics.confusion_matrix(LABELS, predicted))
    scores = class_scores(tuple("abcdefg"), confusion)
    precision, recall, _, counts = sklearn_metrics.precision_recall_fscore_support(LABELS, predicted)
    assert [score.precision for score in scores] == pytest.approx(precision)
    assert [score.recall for score in scores] == pytest.approx(recall)
    assert [score.num_images for score in scores] == counts.tolist()


def test_class_that_was_never_predicted_has_no_precision() -> None:
    confusion = confusion_matrix(torch.tensor([0, 1]), torch.tensor([0, 0]), 3)
    scores = class_scores(("a", "b", "c"), confusion)
    assert (scores[1].precision, scores[1].recall, scores[2].recall) == (None, 0.0, None)
