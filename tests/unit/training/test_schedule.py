"""Learning rates and image sizes over a training."""

import itertools

import pytest

from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.training.schedule import Plateau, image_size, rates_at, usable_sizes


def factors(recipe: Recipe, num_steps: int, steps_per_epoch: int) -> list[float]:
    return [rates_at(recipe, s, num_steps=num_steps, steps_per_epoch=steps_per_epoch).main for s in range(num_steps)]


def test_one_cycle_rises_to_its_peak_and_falls_to_nearly_nothing() -> None:
    values = factors(Recipe(warmup=0.2), 100, 10)
    assert values[0] == pytest.approx(0.05)
    assert max(values) == pytest.approx(1.0)
    assert values.index(max(values)) in (19, 20)
    assert values[-1] == pytest.approx(1 / 80)
    assert all(b <= a for a, b in itertools.pairwise(values[20:]))


def test_seminar_rate_never_drops_within_its_20_epochs() -> None:
    assert set(factors(PRESETS["seminar"], 20 * 39, 39)) == {1.0}
    assert factors(PRESETS["seminar"].replace(step_epochs=2), 6, 2)[-1] == pytest.approx(0.1)


def test_program_drops_where_its_log_says_and_biases_keep_their_rate() -> None:
    """layer-params-145.cfg: epsW 0.01, then 0.001, 0.0001, 0.00001 at epochs 25, 51, 79; conv1 at 67, 72."""
    recipe, told = PRESETS["program"], {}
    for epoch in range(91):
        rates = rates_at(recipe, epoch * 10, num_steps=910, steps_per_epoch=10)
        told[epoch] = [
            round(recipe.learning_rate * rates.of("conv2", is_bias=False), 9),
            round(recipe.learning_rate * rates.of("conv1", is_bias=False), 9),
            round(recipe.learning_rate * recipe.bias_learning_rate_factor * rates.of("conv2", is_bias=True), 9),
            round(recipe.learning_rate * recipe.bias_learning_rate_factor * rates.of("conv1", is_bias=True), 9),
        ]
    changes = {epoch: told[epoch] for epoch in range(91) if epoch == 0 or told[epoch] != told[epoch - 1]}
    assert changes == {
        0: [0.01, 0.01, 0.02, 0.02],
        25: [0.001, 0.001, 0.02, 0.02],
        51: [0.0001, 0.0001, 0.02, 0.02],
        67: [0.0001, 0.00001, 0.02, 0.02],
        72: [0.0001, 0.0, 0.02, 0.0],
        79: [0.00001, 0.0, 0.02, 0.0],
    }


def test_plateau_drops_three_times_when_validation_stops_improving() -> None:
    recipe = PRESETS["paper"].replace(plateau_epochs=2)
    plateau = Plateau()
    dropped = [
        plateau.update(error, recipe) for error in (0.5, 0.4, 0.4, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
    ]
    assert [i for i, yes in enumerate(dropped) if yes] == [3, 6, 8]
    rates = [rates_at(recipe, 0, num_steps=9, steps_per_epoch=3, num_drops=n).main for n in range(4)]
    assert rates == pytest.approx([1.0, 0.1, 0.01, 0.001])


def test_sizes_keep_the_input_of_the_fully_connected_layers() -> None:
    spec = VARIANTS["seminar"]
    sizes = usable_sizes(spec, 72, 96)
    assert sizes == (72, 76, 80, 84, 88, 92, 96)
    assert {spec.flat_features(size) for size in sizes} == {256}
    assert usable_sizes(spec, 63, 128)[0] > 96, "a smaller input would not fit fc6"
    assert usable_sizes(VARIANTS["torchvision"], 64, 96)[0] == 64


def test_size_grows_to_the_full_one() -> None:
    recipe = Recipe(start_size=72, growth=0.5)
    sizes = usable_sizes(VARIANTS["seminar"], 72, 96)
    grown = [image_size(recipe, sizes, step, num_steps=100) for step in range(100)]
    assert grown[0] == 72
    assert grown == sorted(grown)
    assert set(grown[50:]) == {96}


def test_start_size_above_the_size_means_the_size() -> None:
    sizes = usable_sizes(VARIANTS["seminar"], 128, 67)
    assert sizes == (67,)
    assert image_size(Recipe(start_size=128, size=67), sizes, 0, num_steps=10) == 67


def test_size_stays_where_it_is_not_to_grow() -> None:
    assert image_size(Recipe(), (96,), 0, num_steps=10) == 96
