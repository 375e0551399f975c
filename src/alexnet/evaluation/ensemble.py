"""Several networks on the same images: each alone, and the mean of their probabilities."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.data.decode import Pixels
from alexnet.data.split import Subset
from alexnet.evaluation.evaluate import average_probabilities, score, subset_probabilities
from alexnet.evaluation.views import SAID
from alexnet.model.checkpoint import Classifier
from alexnet.records import Evaluation, Prediction

__all__ = ["EnsembleMember", "EnsembleScore", "evaluate_ensemble"]


@dataclass(frozen=True)
class EnsembleMember:
    """A network before its images. pixels: decoded as it needs them. subset: the rows that are tested."""

    classifier: Classifier
    pixels: Pixels
    subset: Subset
    views: str


@dataclass(frozen=True)
class EnsembleScore:
    """members: each network alone. evaluation, predictions: of their mean; of one network, its own."""

    members: tuple[Evaluation, ...]
    evaluation: Evaluation
    predictions: tuple[Prediction, ...]


def evaluate_ensemble(
    members: Sequence[EnsembleMember], files: Sequence[str], *, split: str = "test"
) -> EnsembleScore:
    """Test networks of the same classes on the same images, and the mean of their probabilities after the softmax.

    Args:
        members: at least one; their subsets name the same images in the same order, in each one's own pixels.
        files: the name of each image of the subsets, in order.
        split: what the subset is called.

    Source: Krizhevsky et al. 2012, §6.1: "averaging the predictions of five similar CNNs".
    """
    true, classes = members[0].subset.labels, members[0].classifier.classes
    parts, scores = [], []
    for member in members:
        started = time.perf_counter()
        parts.append(subset_probabilities(member.classifier, member.pixels, member.subset, views=member.views))
        seconds = time.perf_counter() - started
        said = SAID[member.views]
        scores.append(score(parts[-1], true, classes, files, split=split, views=said, seconds=seconds)[0])
    ways = {member.views for member in members}
    said = SAID[members[0].views] if len(ways) == 1 else "each network's own views"
    seconds = sum(member_score.seconds for member_score in scores)
    probs = average_probabilities(parts)
    evaluation, predictions = score(probs, true, classes, files, split=split, views=said, seconds=seconds)
    return EnsembleScore(tuple(scores), evaluation, predictions)
