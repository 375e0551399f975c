"""Several networks on the same images: each alone, and the mean of their probabilities."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.data.decode import PixelRows
from alexnet.data.split import Subset
from alexnet.evaluation.evaluate import average_probabilities, score, subset_probabilities
from alexnet.evaluation.views import describe_views
from alexnet.model.checkpoint import Classifier
from alexnet.records import Evaluation, Prediction

__all__ = ["EnsembleMember", "evaluate_members"]


@dataclass(frozen=True)
class EnsembleMember:
    """A network and its images. pixels: decoded as it needs them. subset: the rows that are tested."""

    classifier: Classifier
    pixels: PixelRows
    subset: Subset
    views: str


def evaluate_members(
    members: Sequence[EnsembleMember], files: Sequence[str], *, split: str = "test"
) -> tuple[tuple[Evaluation, ...], Evaluation, tuple[Prediction, ...]]:
    """Test networks of the same classes on the same images, and the mean of their probabilities after the softmax.

    Args:
        members: at least one; their subsets name the same images in the same order, in each one's own pixels.
        files: the name of each image of the subsets, in order.
        split: what the subset is called.

    Returns:
        The scores of each network alone; the scores and predictions of their mean, for one network its own.

    Source: Krizhevsky et al. 2012, §6.1: "averaging the predictions of five similar CNNs".
    """
    true, classes = members[0].subset.labels, members[0].classifier.classes
    parts, scores = [], []
    for member in members:
        started = time.perf_counter()
        parts.append(subset_probabilities(member.classifier, member.pixels, member.subset, views=member.views))
        seconds = time.perf_counter() - started
        words = describe_views(member.views, member.classifier.preprocessing)
        scores.append(score(parts[-1], true, classes, files, split=split, views=words, seconds=seconds)[0])
    kinds = {each.views for each in scores}
    words = scores[0].views if len(kinds) == 1 else "each network's own views"
    seconds = sum(evaluation.seconds for evaluation in scores)
    probs = average_probabilities(parts)
    evaluation, predictions = score(probs, true, classes, files, split=split, views=words, seconds=seconds)
    return tuple(scores), evaluation, predictions
