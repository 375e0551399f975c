"""Calibration against values worked out by hand, and the temperature against a search by torch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from alexnet.errors import DataError
from alexnet.evaluation.calibration import apply_temperature, fit_temperature, measure_calibration


def two_classes(*probabilities: float) -> np.ndarray:
    return np.array([[p, 1.0 - p] for p in probabilities])


def test_expected_error_is_the_mean_gap_of_the_bins() -> None:
    probs = two_classes(0.91, 0.92, 0.61, 0.62)
    result = measure_calibration(probs, np.array([0, 1, 0, 0]))
    # one bin: confidence 0.915, accuracy 0.5; the other: confidence 0.615, accuracy 1
    assert result.expected_error == pytest.approx(0.5 * 0.415 + 0.5 * 0.385)
    assert [row.num_images for row in result.bins] == [2, 2]
    assert result.accuracy == 0.75
    assert result.interval[0] <= result.expected_error <= result.interval[1]


def test_network_that_keeps_its_word_has_a_small_error() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1.0, 20_000)
    y_true = (rng.uniform(size=20_000) > sure).astype(int)
    assert measure_calibration(two_classes(*sure), y_true).expected_error < 0.02


def test_temperature_equals_that_of_a_search_over_logits() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 4.0 * torch.randn(500, 5, generator=generator, dtype=torch.float64)
    labels = torch.multinomial((logits / 3.0).softmax(1), 1, generator=generator)[:, 0]
    result = fit_temperature(logits.softmax(1).numpy(), labels.numpy())
    grid = torch.linspace(1.0, 6.0, 2001, dtype=torch.float64)
    losses = torch.stack([F.cross_entropy(logits / t, labels) for t in grid])
    assert result == pytest.approx(float(grid[losses.argmin()]), abs=0.01)
    scaled = apply_temperature(logits.softmax(1).numpy(), result)
    np.testing.assert_allclose(scaled, (logits / result).softmax(1).numpy(), rtol=1e-9)


def test_no_images_are_refused() -> None:
    with pytest.raises(DataError, match="no validation images"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(DataError, match="no images"):
        measure_calibration(np.zeros((0, 3)), np.zeros(0, int))


def test_interval_holds_the_error_that_many_images_have() -> None:
    draw = np.random.default_rng(5)
    for gap in (0.0, 0.1):
        held = 0
        for _ in range(24):
            confidence = draw.uniform(0.62, 0.98, 300)
            y_true = (draw.random(300) > confidence - gap).astype(int)
            low, high = measure_calibration(two_classes(*confidence), y_true).interval
            held += low - 0.012 <= gap <= high  # 15 bins of 300 images: a network without a gap still shows a little
        assert held >= 20, (gap, held)
