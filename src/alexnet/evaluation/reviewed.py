"""Test error stated twice: as labeled, and with reviewed labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alexnet.data.corrections import Correction
from alexnet.evaluation.paired import PairedComparison, compare_predictions
from alexnet.records import Prediction, Record, wilson_interval

__all__ = ["ReviewedScore", "review", "reviewed_predictions"]


@dataclass(frozen=True)
class ReviewedScore(Record):
    """The test error of the same predictions under two sets of labels.

    num_reviewed: test images that a correction names. labeled_error, labeled_interval: as the folder labels them.
    num_images, num_mistakes, top1_error, top1_interval: with the reviewed labels, without excluded images; where two
    labels are right, either counts. difference: from the one to the other, on the images in both. Intervals: 95 %.
    """

    num_reviewed: int
    labeled_error: float
    labeled_interval: tuple[float, float]
    num_images: int
    num_mistakes: int
    top1_error: float
    top1_interval: tuple[float, float]
    difference: PairedComparison


def review(
    predictions: Sequence[Prediction], corrections: Iterable[Correction], labels: Mapping[str, str]
) -> ReviewedScore:
    """Score predictions by the labels of the folder, and by the reviewed ones.

    Args:
        predictions: of test images.
        corrections: decisions; the last about a file counts.
        labels: the class whose folder each file lies in.

    >>> wrong = Prediction("1.jpg", "cat", "dog", 0.9, 0.8, 0.1, (("dog", 0.9),))
    >>> score = review([wrong], [Correction("1.jpg", "relabel", "cat", "dog")], {"1.jpg": "cat"})
    >>> score.labeled_error, score.top1_error
    (1.0, 0.0)
    """
    lines = tuple(corrections)
    decided = {line.file for line in lines}
    labeled = [replace(each, true=labels.get(each.file, each.true)) for each in predictions]
    reviewed = reviewed_predictions(labeled, lines)
    wrong, before = sum(each.is_mistake for each in reviewed), sum(each.is_mistake for each in labeled)
    return ReviewedScore(
        num_reviewed=sum(each.file in decided for each in labeled),
        labeled_error=before / len(labeled) if labeled else 0.0,
        labeled_interval=wilson_interval(before, len(labeled)),
        num_images=len(reviewed),
        num_mistakes=wrong,
        top1_error=wrong / len(reviewed) if reviewed else 0.0,
        top1_interval=wilson_interval(wrong, len(reviewed)),
        difference=compare_predictions(labeled, reviewed, names=("as labeled", "reviewed")),
    )


def reviewed_predictions(predictions: Iterable[Prediction], corrections: Iterable[Correction]) -> list[Prediction]:
    """The predictions with reviewed labels, without those of excluded images."""
    decided = {line.file: line for line in corrections}
    reviewed = (_reviewed(each, decided.get(each.file)) for each in predictions)
    return [each for each in reviewed if each is not None]


def _reviewed(prediction: Prediction, line: Correction | None) -> Prediction | None:
    if line is None or line.action == "fine":
        return prediction
    if line.action == "exclude":
        return None
    is_other = line.action == "relabel" or prediction.predicted == line.to
    return replace(prediction, true=line.to) if is_other else prediction
