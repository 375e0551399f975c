"""The curve through test errors at several numbers of training images, and what more of them would bring."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from alexnet.records import Record, wilson_interval

__all__ = [
    "MOST_TIMES",
    "ClassCurve",
    "ClassHalf",
    "Forecast",
    "Mistakes",
    "SizeScore",
    "compare_half",
    "fit_curve",
    "measure_curve",
    "measure_size",
    "predict_last",
]

NUM_DRAWS = 400
CHUNK = 50
"""Draws at a time: bounds the memory."""

MOST_TIMES = 4.0
"""Times the training images up to which the curve is read. The sizes measured span a factor of eight."""

Mistakes = Bool[np.ndarray, "seeds sizes N"]
"""Whether the network of a seed and a size errs on a test image."""


@dataclass(frozen=True)
class SizeScore(Record):
    """The test error with a number of training images, over all seeds. interval: 95 %, of the images tested."""

    fraction: float
    num_images: int
    top1_error: float
    interval: tuple[float, float]
    errors: tuple[float, ...]


@dataclass(frozen=True)
class Forecast(Record):
    """The error expected with a number of training images, and how much lower it is; fractions, 95 % intervals."""

    num_images: int
    expected: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]


@dataclass(frozen=True)
class ClassHalf(Record):
    """A class trained with half of its images and all images of the others, against the training with all.

    num_images: of the class, half and all. errors: of the class. gain: by how much the other half lowers the error of
    the class; overall_gain: that of all classes, which may rise, since the class is predicted more often. Fractions;
    intervals: 95 %.
    """

    name: str
    num_images: tuple[int, int]
    errors: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    overall_gain: float
    overall_interval: tuple[float, float]

    def __str__(self) -> str:
        half, whole = self.num_images
        own, every = (
            f"{100 * gain:+.1f} points (95 % interval {100 * low:+.1f} to {100 * high:+.1f})"
            for gain, (low, high) in (
                (-self.gain, (-self.gain_interval[1], -self.gain_interval[0])),
                (-self.overall_gain, (-self.overall_interval[1], -self.overall_interval[0])),
            )
        )
        return (
            f"{whole:,} instead of {half:,} images of {self.name} alone, measured: its error {own}, "
            f"that of all classes {every}"
        )


@dataclass(frozen=True)
class ClassCurve(Record):
    """The error of one class (or of all, name None) by the number of its training images, all classes growing alike.

    errors: at each fraction. expected: with twice as many images of every class, by the fitted curve; interval: 95 %.
    gain: error with all images, by the curve, minus expected; a fraction. gain_interval: 95 %.
    more: the same with as many more images of every class as were asked about; None where none were, or where they
    are more than four times the images of the class.
    """

    name: str | None
    num_images: tuple[int, ...]
    errors: tuple[float, ...]
    expected: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    more: Forecast | None = None

    def __str__(self) -> str:
        return f"with twice as many images of every class, {self._less(self.gain, self.gain_interval)}"

    @property
    def more_sentence(self) -> str | None:
        """What the number of images that was asked about would bring; None where none was."""
        if self.more is None:
            return None
        now, then = self.num_images[-1], self.more.num_images
        what = f"{then - now:,} more images of every class ({then:,} instead of {now:,} of it)"
        if self.name is None:
            what = f"as many more images of every class ({then:,} instead of {now:,} in all)"
        return f"with {what}, {self._less(self.more.gain, self.more.gain_interval)}"

    def _less(self, gain: float, interval: tuple[float, float]) -> str:
        low, high = (f"{100 * value:.1f}" for value in interval)
        what = f"{self.name} would be wrong" if self.name else "the test error would be"
        how = "less often" if self.name else "lower"
        if low == "0.0":
            return f"{what} {low} to {high} points {how}, which may be chance"
        return f"{what} {100 * gain:.1f} points {how} (95 % interval {low} to {high})"


def fit_curve(
    counts: Float[np.ndarray, " S"], errors: Float[np.ndarray, "*D S"], weights: Float[np.ndarray, "*D S"]
) -> tuple[Float[np.ndarray, "*D"], Float[np.ndarray, "*D"]]:
    """a and b of error = a * images ** -b, by weighted least squares on the logarithms; b is at least 0.

    >>> a, b = fit_curve(np.array([10.0, 20.0, 40.0]), np.array([0.4, 0.2, 0.1]), np.ones(3))
    >>> round(float(a), 3), round(float(b), 3)
    (4.0, 1.0)
    """
    relative = weights / weights.sum(-1, keepdims=True)
    x, y = np.log(counts), np.log(errors)
    mean_x, mean_y = (relative * x).sum(-1), (relative * y).sum(-1)
    from_mean = x - mean_x[..., None]
    spread = (relative * from_mean**2).sum(-1)
    slope = (relative * from_mean * (y - mean_y[..., None])).sum(-1) / np.maximum(spread, 1e-12)
    b = np.maximum(0.0, -slope)
    return np.exp(mean_y + b * mean_x), b


def measure_curve(
    name: str | None, counts: Int[np.ndarray, " sizes"], wrong: Mistakes, *, more_times: float | None = None
) -> ClassCurve:
    """The curve of a class from its mistakes, with intervals for chance in the test images and in the trainings.

    A draw weights the test images at random (one weight for all seeds and sizes, since an image that is hard once is
    hard again) and takes one seed fewer than there are, with replacement, which leaves the variance of a mean as it
    is. With one seed the intervals tell nothing of chance in the training.

    Args:
        counts: training images of each size.
        more_times: times as many training images for `more`; None for no such forecast.

    Source: the Bayesian bootstrap: Rubin 1981, Ann. Statist. 9(1); one fewer: Rao & Wu 1988, J. Am. Stat. Assoc. 83.
    """
    num_images = wrong.shape[2]
    sums = wrong.mean(0).sum(-1)
    point = (sums + 0.5) / (num_images + 1)  # never 0, whose logarithm is none
    rates = np.concatenate([point[None], *_draw_rates(wrong, np.random.default_rng(0))])
    curve = fit_curve(counts.astype(float), rates, rates * (num_images + 1))
    twice = _forecast(curve, int(counts[-1]), 2.0)
    asked = more_times is not None and more_times <= MOST_TIMES
    return ClassCurve(
        name, tuple(map(int, counts)), tuple(float(value) for value in sums / max(num_images, 1)),
        twice.expected, twice.interval, twice.gain, twice.gain_interval,
        _forecast(curve, int(counts[-1]), more_times) if asked and more_times else None,
    )  # fmt: skip


def measure_size(fraction: float, num_images: int, wrong: Bool[np.ndarray, "seeds N"]) -> SizeScore:
    """The test error of one size over its seeds."""
    errors, total = wrong.mean(1), wrong.shape[1]
    interval = wilson_interval(round(float(errors.mean()) * total), total)
    return SizeScore(fraction, num_images, float(errors.mean()), interval, tuple(map(float, errors)))


def compare_half(
    name: str, num_images: tuple[int, int], wrong: Mistakes, is_own: Bool[np.ndarray, " N"]
) -> ClassHalf:
    """What the second half of a class's images brought. wrong: its two sizes are half and all. is_own: its images."""

    def gain(part: Mistakes) -> tuple[float, tuple[float, float]]:
        rates = np.concatenate(list(_draw_rates(part, np.random.default_rng(0))))
        low, high = np.quantile(rates[:, 0] - rates[:, 1], [0.025, 0.975])
        half, whole = part.mean((0, 2))
        return float(half - whole), (float(low), float(high))

    half, whole = wrong[..., is_own].mean((0, 2))
    return ClassHalf(name, num_images, (float(half), float(whole)), *gain(wrong[..., is_own]), *gain(wrong))


def predict_last(curve: ClassCurve, num_test: int) -> float:
    """The error with all images, by the curve through the smaller sizes only: what the curve was worth a step ago."""
    counts, hits = np.array(curve.num_images[:-1], float), np.array(curve.errors[:-1]) * num_test
    a, b = fit_curve(counts, (hits + 0.5) / (num_test + 1), hits + 0.5)
    return min(1.0, float(a * float(curve.num_images[-1]) ** -b))


def _forecast(curve: Sequence[Float[np.ndarray, " D"]], last: int, times: float) -> Forecast:
    """curve: a and b; first those that were measured, then those of the draws."""
    a, b = curve
    now, then = a * float(last) ** -b, a * (times * last) ** -b
    low, high = np.quantile(np.stack([then[1:], (now - then)[1:]]), [0.025, 0.975], axis=1)
    return Forecast(
        round(times * last), min(1.0, float(then[0])), (float(low[0]), min(1.0, float(high[0]))),
        float(now[0] - then[0]), (float(low[1]), float(high[1])),
    )  # fmt: skip


def _draw_rates(wrong: Mistakes, rng: np.random.Generator) -> Iterator[Float[np.ndarray, "CHUNK sizes"]]:
    """Error rates as other test images and other trainings might have given them.

    Half a mistake and half a hit are added to each size (Jeffreys' prior), so that no mistake among ten images does
    not count as certain. With one seed the rate of a size is then distributed as Beta(mistakes + 1/2, hits + 1/2).
    """
    num_seeds, num_sizes, num_images = wrong.shape
    flat = wrong.reshape(-1, num_images).astype(np.float32)
    for _ in range(NUM_DRAWS // CHUNK):
        weights = rng.standard_exponential((CHUNK, num_images), np.float32)
        by_seed = (weights @ flat.T).reshape(CHUNK, num_seeds, num_sizes)
        seed_weights = np.ones((CHUNK, 1))
        if num_seeds > 1:
            seed_weights = rng.multinomial(num_seeds - 1, np.full(num_seeds, 1 / num_seeds), CHUNK) / (num_seeds - 1)
        prior = rng.standard_gamma(0.5, (2, CHUNK, num_sizes))
        mistakes = (seed_weights[..., None] * by_seed).sum(1) + prior[0]
        yield np.clip(mistakes / (weights.sum(1, keepdims=True) + prior.sum(0)), 1e-9, 1.0)
