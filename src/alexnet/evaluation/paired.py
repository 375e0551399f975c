"""Two tests of the same images: how much better the second is, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alexnet.evaluation.mistakes import fixed_and_broken
from alexnet.records import Prediction, Record, wilson_interval

__all__ = ["PairedDifference", "paired_difference", "paired_interval"]


@dataclass(frozen=True)
class PairedDifference(Record):
    """From one test to another of the same images.

    fixed, broken: files whose mistake went away, or is new. difference: top-1 error after less before, a fraction;
    negative is better. standard_error: of the difference, paired. interval: 95 %, see `paired_interval`.
    """

    before: str
    after: str
    num_images: int
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    difference: float
    standard_error: float
    interval: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """With the numbers of images fixed and broken."""
        return super().to_dict() | {"num_fixed": len(self.fixed), "num_broken": len(self.broken)}


def paired_difference(
    before: tuple[str, Sequence[Prediction]], after: tuple[str, Sequence[Prediction]]
) -> PairedDifference:
    """The difference of two tests, each with its name, on the files that both hold.

        standard error = sqrt(broken + fixed - (broken - fixed)² / N) / N

    Source: the variance of a difference of paired shares, e.g. Agresti, Categorical Data Analysis, §10.1.
    """
    files = {p.file for p in before[1]}
    common = [p for p in after[1] if p.file in files]
    fixed, broken = fixed_and_broken(before[1], after[1])
    num_after = sum(p.is_mistake for p in common)
    num_both = num_after - len(broken)
    count, change = len(common), len(broken) - len(fixed)
    spread = len(broken) + len(fixed) - change**2 / count if count else 0.0
    return PairedDifference(
        before=before[0],
        after=after[0],
        num_images=count,
        fixed=tuple(p.file for p in fixed),
        broken=tuple(p.file for p in broken),
        difference=change / count if count else 0.0,
        standard_error=math.sqrt(spread) / count if count else 0.0,
        interval=paired_interval(num_both, len(broken), len(fixed), count),
    )


def paired_interval(num_both: int, num_broken: int, num_fixed: int, count: int) -> tuple[float, float]:
    """95 % interval of the difference (num_broken - num_fixed) / count of two error shares of the same images.

    Built of both shares' Wilson intervals and of their correlation: it has a width also where nothing was fixed or
    broken, and stays within -1 and 1.

    Args:
        num_both: images that both tests get wrong.
        num_broken: images that the second alone gets wrong. num_fixed: the first alone.
        count: images in all.

    Source: Newcombe 1998, Statistics in Medicine 17:2635, method 10.

    >>> low, high = paired_interval(36, 12, 2, 50)
    >>> round(low, 4), round(high, 4)
    (0.0569, 0.3404)
    """
    if count == 0:
        return -1.0, 1.0
    after, before = num_both + num_broken, num_both + num_fixed
    low_1, high_1 = wilson_interval(after, count)
    low_2, high_2 = wilson_interval(before, count)
    share_1, share_2 = after / count, before / count
    down_1, up_1, down_2, up_2 = share_1 - low_1, high_1 - share_1, share_2 - low_2, high_2 - share_2
    phi = _correlation(num_both, num_broken, num_fixed, count)
    below = math.sqrt(max(0.0, down_1**2 - 2 * phi * down_1 * up_2 + up_2**2))
    above = math.sqrt(max(0.0, up_1**2 - 2 * phi * up_1 * down_2 + down_2**2))
    difference = share_1 - share_2
    return difference - below, difference + above


def _correlation(num_both: int, num_broken: int, num_fixed: int, count: int) -> float:
    """Of being wrong in both tests; where it is positive, with Newcombe's correction for small counts."""
    num_neither = count - num_both - num_broken - num_fixed
    product = num_both * num_neither - num_broken * num_fixed
    after, before = num_both + num_broken, num_both + num_fixed
    margins = after * (count - after) * before * (count - before)
    if margins == 0:
        return 0.0
    return (max(product - count / 2, 0.0) if product > 0 else product) / math.sqrt(margins)
