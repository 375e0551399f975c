"""Which images were classified wrongly, in an order worth looking at."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from alexnet.records import Prediction

__all__ = ["MistakeOrder", "class_pairs", "find_mistakes", "fixed_and_broken"]

MistakeOrder = Literal["confidence", "pair"]


def find_mistakes(predictions: Iterable[Prediction], *, order: MistakeOrder = "confidence") -> tuple[Prediction, ...]:
    """The wrongly classified images.

    order: `confidence` puts those first of which the network was surest; `pair` groups by (true, predicted), the
    most frequent pair first.
    """
    wrong = [prediction for prediction in predictions if prediction.is_mistake]
    wrong.sort(key=lambda p: (-p.probability, p.file))
    if order == "pair":
        frequency = Counter((p.true, p.predicted) for p in wrong)
        wrong.sort(key=lambda p: (-frequency[p.true, p.predicted], str(p.true), p.predicted))
    return tuple(wrong)


def class_pairs(mistakes: Iterable[Prediction]) -> list[tuple[str, str, int]]:
    """(true, predicted, count), most frequent first."""
    frequency = Counter((str(p.true), p.predicted) for p in mistakes)
    return [(*pair, count) for pair, count in sorted(frequency.items(), key=lambda item: (-item[1], item[0]))]


def fixed_and_broken(
    before: Iterable[Prediction], after: Iterable[Prediction]
) -> tuple[tuple[Prediction, ...], tuple[Prediction, ...]]:
    """Of the files that both tests hold: mistakes of the first that the second gets right, and the reverse."""
    first = {p.file: p for p in before}
    both = [(first[p.file], p) for p in after if p.file in first]
    fixed = tuple(a for a, b in both if a.is_mistake and not b.is_mistake)
    broken = tuple(b for a, b in both if b.is_mistake and not a.is_mistake)
    return fixed, broken
