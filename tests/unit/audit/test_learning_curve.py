"""The learning curve: it recovers a known law, and its intervals hold what they promise when images differ."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import beta

from alexnet.audit.learning_curve import Mistakes, compare_half, fit_curve, measure_curve

COUNTS = np.array([100, 200, 400, 800])
NUM_TEST = 500


def law(count: int | np.ndarray) -> np.ndarray:
    """The true error of the simulated learner."""
    return np.asarray(2.0 * np.asarray(count, float) ** -0.5)


def independent(rng: np.random.Generator) -> Mistakes:
    """Mistakes of one seed, where every image is as hard as the others."""
    return np.asarray(rng.random((1, 4, NUM_TEST)) < law(COUNTS)[:, None])


def with_hard_images(rng: np.random.Generator, num_seeds: int, *, spread: float) -> Mistakes:
    """Mistakes with p = expit(level of the size + spread * difficulty of the image), whose mean follows the law."""
    grid = np.random.default_rng(9).normal(size=4_000)

    def excess(level: float, error: float) -> float:
        return float(expit(level + spread * grid).mean() - error)

    levels = np.array([brentq(excess, -30, 10, args=(error,)) for error in law(COUNTS)])
    chances = expit(levels[:, None] + spread * rng.normal(size=NUM_TEST))
    return np.asarray(rng.random((num_seeds, *chances.shape)) < chances)


def test_curve_equals_a_line_through_the_logarithms() -> None:
    counts, errors = np.array([50.0, 100, 200, 400]), np.array([0.31, 0.24, 0.15, 0.12])
    slope, start = np.polyfit(np.log(counts), np.log(errors), 1)
    a, b = fit_curve(counts, errors, np.ones(4))
    assert (float(a), float(b)) == pytest.approx((np.exp(start), -slope))
    weights = np.array([9.0, 7, 5, 3])
    slope, start = np.polyfit(np.log(counts), np.log(errors), 1, w=np.sqrt(weights))
    a, b = fit_curve(counts, np.stack([errors, errors[::-1]]), np.stack([weights, weights]))
    assert (a[0], b[0]) == pytest.approx((np.exp(start), -slope))
    assert b[1] == 0.0  # more images never harm


def test_law_of_a_simulated_learner_is_within_the_interval() -> None:
    """Mistakes drawn from error = 2 n^-0.5 on 500 test images: what two and three times as many give is predicted."""
    rng, inside = np.random.default_rng(0), np.zeros(3)
    for _ in range(100):
        curve = measure_curve("a", COUNTS, independent(rng), more_times=3.0)
        assert curve.more is not None and curve.more.num_images == 2400
        inside += [
            low <= true <= high
            for (low, high), true in (
                (curve.interval, law(1600)),
                (curve.gain_interval, law(800) - law(1600)),
                (curve.more.interval, law(2400)),
            )
        ]
    assert inside.min() >= 90


def test_three_seeds_on_the_same_images_are_not_three_times_the_images() -> None:
    """The interval holds the truth in 95 of 100 cases; one that takes the seeds for other images does not."""
    rng, inside, naive = np.random.default_rng(1), 0, 0
    for _ in range(100):
        wrong = with_hard_images(rng, 3, spread=6.0)
        curve = measure_curve("a", COUNTS, wrong)
        inside += curve.interval[0] <= law(1600) <= curve.interval[1]
        pooled = measure_curve("a", COUNTS, wrong.transpose(1, 0, 2).reshape(1, 4, -1))
        naive += pooled.interval[0] <= law(1600) <= pooled.interval[1]
    assert inside >= 90
    assert naive < 85


def test_interval_of_one_seed_and_one_size_is_the_beta_distribution() -> None:
    wrong = np.zeros((1, 4, 200), bool)
    wrong[..., :30] = True
    curve = measure_curve("a", np.array([10, 10, 10, 10]), wrong)  # one size, four times: no slope
    assert curve.expected == pytest.approx(30.5 / 201)
    low, high = beta.ppf([0.025, 0.975], 30.5, 170.5)
    assert curve.interval == pytest.approx((low, high), rel=0.08)


def test_a_class_without_mistakes_gains_nothing_and_the_sentence_speaks_of_every_class() -> None:
    curve = measure_curve("ball", np.array([10, 20, 40, 80]), np.zeros((1, 4, 100), bool))
    assert curve.gain == pytest.approx(0.0, abs=0.01)
    assert curve.gain_interval[1] > 0.001  # a hundred images do not prove that there is nothing to gain
    text = str(curve)
    assert text.startswith("with twice as many images of every class, ball would be wrong 0.0 to ")
    assert text.endswith(" points less often, which may be chance")


def test_sentences_name_the_gain_and_its_interval() -> None:
    rng = np.random.default_rng(3)
    wrong = independent(rng)
    curve = measure_curve("post", COUNTS, wrong, more_times=1.5)
    low, high = (100 * value for value in curve.gain_interval)
    assert str(curve) == (
        f"with twice as many images of every class, post would be wrong {100 * curve.gain:.1f} points less often "
        f"(95 % interval {low:.1f} to {high:.1f})"
    )
    assert curve.more_sentence is not None
    assert curve.more_sentence.startswith(
        "with 400 more images of every class (1,200 instead of 800 of it), post would be wrong "
    )
    assert measure_curve(None, COUNTS, wrong).more_sentence is None
    assert measure_curve(None, COUNTS, wrong, more_times=4.1).more is None  # beyond the fit
    assert "the test error would be" in str(measure_curve(None, COUNTS, wrong))


def test_half_of_a_class_is_compared_on_the_same_images() -> None:
    """Two trainings that err on the same images but ten: the interval is that of the ten, not of all mistakes."""
    wrong = np.zeros((1, 2, 400), bool)
    wrong[..., :150] = True
    wrong[0, 1, :10] = False
    is_own = np.arange(400) < 200
    half = compare_half("cat", (40, 80), wrong, is_own)
    assert half.errors == (150 / 200, 140 / 200)
    assert half.gain == pytest.approx(10 / 200) and half.overall_gain == pytest.approx(10 / 400)
    assert half.gain_interval == pytest.approx((0.025, 0.085), abs=0.015)
    assert str(half).startswith("80 instead of 40 images of cat alone, measured: its error -5.0 points (95 %")
