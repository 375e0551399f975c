"""Doubts and the fraction of wrong labels: by hand, beside cleanlab, and on labels that were spoiled on purpose."""

import numpy as np
import pytest

from alexnet.audit.label_doubts import count_wrong, doubt_scores, wrong_fraction
from alexnet.audit.linear_head import assign_folds, fit_head, fold_digests, held_out_probabilities


def spoiled(
    num: int = 2000, num_classes: int = 5, noise: float = 0.1, seed: int = 0, strength: float = 4.0
) -> tuple[np.ndarray, ...]:
    """True classes, labels of which a fraction is wrong, and probabilities of a fairly good network."""
    rng = np.random.default_rng(seed)
    true = rng.integers(num_classes, size=num)
    labels = np.where(rng.random(num) < noise, (true + rng.integers(1, num_classes, num)) % num_classes, true)
    logits = rng.normal(size=(num, num_classes))
    logits[np.arange(num), true] += rng.gamma(strength, 1.0, num)
    powers = np.exp(logits)
    return true, labels, powers / powers.sum(1, keepdims=True)


def test_count_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9], [0.95, 0.05]])
    # predicted 0: the first, second and last, of which the last is the most certain; predicted 1: the fifth is
    assert count_wrong(labels, probs) == (1, 2)
    fraction, (low, high) = wrong_fraction(labels, probs)
    assert fraction == 0.5
    assert 0.0 < low < 0.5 < high < 1.0


def test_doubts_are_those_of_cleanlab() -> None:
    from cleanlab import rank

    for seed in range(3):
        _, labels, probs = spoiled(seed=seed)
        margins = rank.get_normalized_margin_for_each_label(labels, probs)
        ours, _ = doubt_scores(labels, probs)
        # margins and ratios order differently, but agree on which labels are not the most probable class
        assert np.array_equal(ours > 0.5, margins < 0.5)


def test_estimate_is_near_the_truth_and_mostly_within_its_interval() -> None:
    """Also where the network is right about 83 % only, whose mistakes confident learning takes for wrong labels."""
    from cleanlab import count

    inside, better = 0, 0
    for seed in range(20):
        true, labels, probs = spoiled(noise=0.06, seed=seed, strength=3.0)
        fraction, (low, high) = wrong_fraction(labels, probs)
        truth = (true != labels).mean()
        inside += low <= truth <= high
        theirs = 1.0 - np.trace(count.estimate_joint(labels, probs))
        better += abs(fraction - truth) < abs(theirs - truth)
    assert inside >= 17
    assert better >= 15


def test_spoiled_labels_come_first() -> None:
    true, labels, probs = spoiled(noise=0.05)
    scores, others = doubt_scores(labels, probs)
    first = np.argsort(-scores)[: (true != labels).sum()]
    wrong = true != labels
    assert wrong[first].mean() > 0.75
    assert (others[first] == true[first])[wrong[first]].mean() > 0.95


def test_head_equals_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 6)) * [1, 5, 0.1, 1, 1, 1] + 3
    labels = (values[:, 0] + values[:, 1] / 5 > 3.6).astype(int) + (values[:, 2] > 3.05)
    head = fit_head(values, labels, 3, l2=1e-2)
    scaled = (values - values.mean(0)) / values.std(0)
    theirs = linear.LogisticRegression(C=1 / (2 * 1e-2 * 300), max_iter=5000, tol=1e-8).fit(scaled, labels)
    assert np.abs(head.probabilities(values) - theirs.predict_proba(scaled)).max() < 0.01


def test_folds_hold_each_class_evenly_and_identical_images_together() -> None:
    classes = ["a"] * 40 + ["b"] * 20
    digests = [str(n) for n in range(58)] + ["0", "0"]
    folds = assign_folds(classes, digests, 4)
    assert {int(folds[0]), int(folds[58]), int(folds[59])} == {int(folds[0])}
    for name in "ab":
        counts = np.bincount(folds[[c == name for c in classes]], minlength=4)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(folds, assign_folds(classes, digests, 4, seed=1))


def test_groups_are_shared_out_so_that_folds_stay_even() -> None:
    """Twelve frames of one film, eight of another and twenty single images of a class: as many in each half."""
    digests = ["film"] * 12 + ["other film"] * 8 + [str(n) for n in range(20)]
    folds = assign_folds(["a"] * 40, digests, 2)
    assert len(set(folds[:12])) == len(set(folds[12:20])) == 1
    assert np.bincount(folds).tolist() == [20, 20]


def test_a_class_that_is_one_group_keeps_its_images_apart() -> None:
    """Else one part would have no image of it to train on."""
    own, groups = list("uvwxyz"), ["u", "u", "u", "x", "y", "x"]
    assert fold_digests(groups, own, ["a"] * 3 + ["b"] * 3, 2) == ["u", "v", "w", "x", "y", "x"]
    assert fold_digests(groups, own, ["a"] * 3 + ["b"] * 3, 3) == own


def test_no_row_is_judged_by_a_head_that_has_seen_it() -> None:
    """Features that name each image let a head learn every label by heart; held out, it knows nothing."""
    rng = np.random.default_rng(0)
    values, labels = np.eye(60), rng.integers(2, size=60)
    folds = np.arange(60) % 5
    assert (fit_head(values, labels, 2).probabilities(values).argmax(1) == labels).all()
    held = held_out_probabilities(values, labels, folds, 2)
    assert (held.argmax(1) == labels).mean() < 0.8
