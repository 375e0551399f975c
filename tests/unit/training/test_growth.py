"""How long a loss stays at that of guessing, against the solution in closed form."""

import math

import pytest

from alexnet.training.growth import OBSERVED, steps_until_it_falls
from alexnet.training.layer_signal import LayerSignal


def test_steps_until_it_falls_equal_the_solution_of_a_chain_of_one_speed() -> None:
    """n layers that grow alike: dg/dt = r exp((n - 2) g), so that t = (1 - exp(-(n - 2) g)) / ((n - 2) r)."""
    layers = [LayerSignal(f"conv{i}", 1.0, 0.01, 1e-3, 1e-3, 0.0) for i in range(5)]
    each = math.log(100.0) / 5
    expected = OBSERVED * (1 - math.exp(-3 * each)) / (3 * 1e-3)
    assert steps_until_it_falls(layers) == pytest.approx(expected, rel=0.05)


def test_steps_until_it_falls_know_never_and_at_once() -> None:
    still = [LayerSignal("conv1", 1.0, 0.0, 0.0, 0.0, 0.0)]
    assert steps_until_it_falls(still) == math.inf
    assert steps_until_it_falls([LayerSignal("fc8", 2.0, 0.9, 0.1, 0.1, None)]) == 0.0
