"""Several networks on the same pictures: each alone, and the mean of their probabilities."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.data.decode import Pixels
from alexnet.data.split import Subset
from alexnet.evaluation.evaluate import average_probabilities, score, subset_probabilities
from alexnet.evaluation.views import SAID
from alexnet.model.checkpoint import TrainedNetwork
from alexnet.records import Evaluation, Prediction

__all__ = ["Exam", "TogetherScore", "evaluate_together"]


@dataclass(frozen=True)
class Exam:
    """A network before its pictures. pixels: decoded as it needs them. subset: the rows that are tested."""

    trained: TrainedNetwork
    pixels: Pixels
    subset: Subset
    views: str


@dataclass(frozen=True)
class TogetherScore:
    """members: each network alone. evaluation, predictions: of their mean; of one network, its own."""

    members: tuple[Evaluation, ...]
    evaluation: Evaluation
    predictions: tuple[Prediction, ...]


def evaluate_together(exams: Sequence[Exam], files: Sequence[str], *, split: str = "test") -> TogetherScore:
    """Test networks of the same classes on the same pictures, and the mean of their probabilities after the softmax.

    Args:
        exams: at least one; their subsets name the same pictures in the same order, in each one's own pixels.
        files: the name of each picture of the subsets, in order.
        split: what the subset is called.

    Source: Krizhevsky et al. 2012, §6.1: "averaging the predictions of five similar CNNs".
    """
    true, classes = exams[0].subset.labels, exams[0].trained.classes
    parts, members = [], []
    for exam in exams:
        started = time.perf_counter()
        parts.append(subset_probabilities(exam.trained, exam.pixels, exam.subset, views=exam.views))
        seconds = time.perf_counter() - started
        said = SAID[exam.views]
        members.append(score(parts[-1], true, classes, files, split=split, views=said, seconds=seconds)[0])
    ways = {exam.views for exam in exams}
    said = SAID[exams[0].views] if len(ways) == 1 else "each network's own views"
    seconds = sum(member.seconds for member in members)
    probs = average_probabilities(parts)
    evaluation, predictions = score(probs, true, classes, files, split=split, views=said, seconds=seconds)
    return TogetherScore(tuple(members), evaluation, predictions)
