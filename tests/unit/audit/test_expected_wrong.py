"""How many wrong labels to expect among the first: beside the truth, for networks of any quality and calibration."""

import numpy as np
import pytest

from alexnet.audit.expected_wrong import ExpectedPrecision, expected_precision, wrong_probabilities
from alexnet.audit.label_doubts import doubt_scores, wrong_fraction
from tests.unit.audit.test_label_doubts import spoiled


def test_probability_by_hand() -> None:
    """Bayes: of labels with p = 0.2 among three classes, 0.9 * 0.2 are right and 0.1 * 0.4 are wrong."""
    probs = np.array([[0.2, 0.3, 0.5]])
    wrong = 0.1 * (1 - 0.2) / 2
    by_hand = [wrong / (0.9 * 0.2 + wrong)]
    fitted = wrong_probabilities(np.array([0]), probs, 0.1)
    # one label says nothing of the temperature but that it is the most probable one under the flattest
    assert fitted.shape == (1,) and fitted[0] < by_hand[0]
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(3), 20_000)  # calibrated, so that the temperature is 1
    true = (probs.cumsum(1) < rng.random((len(probs), 1))).sum(1)
    labels = np.where(rng.random(len(probs)) < 0.1, (true + rng.integers(1, 3, len(probs))) % 3, true)
    own = probs[np.arange(len(probs)), labels]
    expected = 0.1 / 2 * (1 - own) / (0.9 * own + 0.1 / 2 * (1 - own))
    assert wrong_probabilities(labels, probs, 0.1) == pytest.approx(expected, abs=0.08)
    assert wrong_probabilities(labels, probs, 0.0).sum() == 0.0


def test_temperature_of_the_network_does_not_matter() -> None:
    _, labels, probs = spoiled()
    sharper = probs**1.3 / (probs**1.3).sum(1, keepdims=True)
    assert wrong_probabilities(labels, sharper, 0.1) == pytest.approx(
        wrong_probabilities(labels, probs, 0.1), abs=0.08
    )


@pytest.mark.parametrize("strength", [2.0, 3.0, 6.0])
@pytest.mark.parametrize("noise", [0.01, 0.03, 0.06])
def test_expected_precision_is_near_the_truth_and_its_interval_holds_it(strength: float, noise: float) -> None:
    """Networks that are right about 68 to 98 %, whose probabilities are too timid."""
    differences, inside = [], []
    for seed in range(10):
        true, labels, probs = spoiled(noise=noise, seed=seed, strength=strength)
        order = np.argsort(-doubt_scores(labels, probs)[0], kind="stable").tolist()
        expected, _ = expected_precision(labels, probs, order, wrong_fraction(labels, probs))
        assert [each.n for each in expected] == [10, 20, 60, 120]
        for each in expected:
            truth = (true != labels)[order[: each.n]].mean()
            differences.append(each.precision - truth)
            inside.append(each.low - 1e-9 <= truth <= each.high + 1e-9)
            assert 0.0 <= each.low <= each.precision <= each.high <= 1.0
    # a network that is right about 68 % only lets the estimated fraction itself be too high (test_label_doubts.py)
    assert abs(np.mean(differences)) < (0.15 if strength == 2.0 else 0.08)
    assert np.mean(inside) >= 0.85


def test_no_more_are_expected_than_there_are() -> None:
    labels, probs = np.zeros(400, int), np.tile([0.1, 0.9], (400, 1))
    expected, _ = expected_precision(labels, probs, range(400), (0.01, (0.0, 0.02)))
    assert all(each.high <= max(0.02 * 400 / each.n, each.precision) for each in expected)
    assert str(ExpectedPrecision(69, 0.87, 0.751, 0.93)) == "60 of the first 69 (52 to 64)"
    assert [each.n for each in expected_precision(labels, probs, range(4), (0.0, (0.0, 0.01)))[0]] == [4]
    assert expected_precision(labels, probs, [], (0.0, (0.0, 0.01)))[0] == ()
