"""Two tests of the same images: how much better the second is, and how certain that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alexnet.records import Prediction, Record, wilson_interval

__all__ = ["PairedComparison", "compare_predictions", "paired_interval", "sign_test"]


@dataclass(frozen=True)
class PairedComparison(Record):
    """The difference from one test to another of the same images.

    fixed: files that only the first test gets wrong. broken: files that only the second gets wrong. difference:
    top-1 error after minus before, a fraction; negative is better. standard_error: of the difference, paired.
    interval: 95 % interval of the difference. p_value: of the sign test, two-sided. labels: the test whose labels
    were used for both, "" where both had the same. num_two_labels: images of which two labels are correct: either
    counts.
    """

    before: str
    after: str
    num_images: int
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    difference: float
    standard_error: float
    interval: tuple[float, float]
    p_value: float
    labels: str = ""
    num_two_labels: int = 0

    @property
    def changed_words(self) -> str:
        """How many mistakes are fixed and how many are new, in words."""
        fixed, new = len(self.fixed), len(self.broken)
        return f"{fixed} mistake{' is' if fixed == 1 else 's are'} fixed and {new} {'is' if new == 1 else 'are'} new"

    def __str__(self) -> str:
        points, low, high = (f"{100 * value:+.1f}" for value in (self.difference, *self.interval))
        return (
            f"{self.before} → {self.after}: test error {points} percentage points (95 % interval {low} to {high}, "
            f"sign test p = {self.p_value:.3g}); of {self.num_images} images, {self.changed_words}"
            + (f"; these are the images that both tested, with the labels of {self.labels}" if self.labels else "")
            + (f"; of {self.num_two_labels}, either of two labels counts" if self.num_two_labels else "")
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the numbers of images fixed and broken."""
        return super().to_dict() | {"num_fixed": len(self.fixed), "num_broken": len(self.broken)}


def compare_predictions(
    before: Sequence[Prediction], after: Sequence[Prediction], *, names: tuple[str, str] = ("before", "after")
) -> PairedComparison:
    """Compare two tests on the files that both hold.

        standard error = sqrt(broken + fixed - (broken - fixed)² / N) / N

    Args:
        names: what the two tests are called.

    Source: the variance of a difference of paired proportions, e.g. Agresti, Categorical Data Analysis, §10.1.

    >>> cat, dog = (Prediction("1.jpg", "cat", name, 0.9, 0.8, 0.1, ((name, 0.9),)) for name in ("cat", "dog"))
    >>> comparison = compare_predictions([dog], [cat])
    >>> comparison.fixed, comparison.difference
    (('1.jpg',), -1.0)
    """
    first = {p.file: p.is_mistake for p in before}
    pairs = [(p.file, first[p.file], p.is_mistake) for p in after if p.file in first]
    fixed = tuple(file for file, was_wrong, is_wrong in pairs if was_wrong and not is_wrong)
    broken = tuple(file for file, was_wrong, is_wrong in pairs if is_wrong and not was_wrong)
    num_both = sum(was_wrong and is_wrong for _, was_wrong, is_wrong in pairs)
    count, change = len(pairs), len(broken) - len(fixed)
    variance = len(broken) + len(fixed) - change**2 / count if count else 0.0
    return PairedComparison(
        before=names[0],
        after=names[1],
        num_images=count,
        fixed=fixed,
        broken=broken,
        difference=change / count if count else 0.0,
        standard_error=math.sqrt(variance) / count if count else 0.0,
        interval=paired_interval(num_both, len(broken), len(fixed), count),
        p_value=sign_test(len(fixed), len(broken)),
    )


def sign_test(num_fixed: int, num_broken: int) -> float:
    """Exact two-sided probability of a split at least as unequal if fixed and broken were equally likely.

    Source: McNemar 1947 in its exact form, doi:10.1007/BF02295996.

    >>> sign_test(9, 1)
    0.021484375
    """
    total, fewer = num_fixed + num_broken, min(num_fixed, num_broken)
    if total == 0:
        return 1.0
    return min(1.0, float(2 * sum(math.comb(total, k) for k in range(fewer + 1)) / 2**total))


def paired_interval(num_both: int, num_broken: int, num_fixed: int, count: int) -> tuple[float, float]:
    """95 % interval of the difference (num_broken - num_fixed) / count of two errors on the same images.

    Built from the Wilson intervals of both errors and their correlation. It has a width even where nothing was fixed
    or broken, and stays within -1 and 1.

    Args:
        num_both: images that both tests get wrong.
        num_broken: images that only the second gets wrong.
        num_fixed: images that only the first gets wrong.
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
    error_1, error_2 = after / count, before / count
    down_1, up_1, down_2, up_2 = error_1 - low_1, high_1 - error_1, error_2 - low_2, high_2 - error_2
    phi = _correlation(num_both, num_broken, num_fixed, count)
    below = math.sqrt(max(0.0, down_1**2 - 2 * phi * down_1 * up_2 + up_2**2))
    above = math.sqrt(max(0.0, up_1**2 - 2 * phi * up_1 * down_2 + down_2**2))
    difference = error_1 - error_2
    return difference - below, difference + above


def _correlation(num_both: int, num_broken: int, num_fixed: int, count: int) -> float:
    """Correlation of being wrong in both tests; a positive one with Newcombe's correction for small counts."""
    num_neither = count - num_both - num_broken - num_fixed
    product = num_both * num_neither - num_broken * num_fixed
    after, before = num_both + num_broken, num_both + num_fixed
    margins = after * (count - after) * before * (count - before)
    if margins == 0:
        return 0.0
    return (max(product - count / 2, 0.0) if product > 0 else product) / math.sqrt(margins)
