"""What the check says and advises, from numbers made up for the purpose."""

import math
from dataclasses import replace

import pytest

from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.training.advice import Judgment, Situation, explain_plateau, judge
from alexnet.training.layer_signal import LayerSignal
from alexnet.training.optimizer import parameters_in_table, rule_for
from alexnet.training.step_budget import StepBudget

NAMES = [*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8"]

HEALTHY = tuple(LayerSignal(name, 1.0, 0.9, 0.01, 0.01, None if name == "fc8" else 0.1) for name in NAMES)
"""Layers that let a loss fall within a few steps."""

SLOW = tuple(replace(layer, variation=0.2, scale=0.05, relative_update=1e-3) for layer in HEALTHY)
"""Layers that need some more steps."""

SLOWER = tuple(replace(layer, relative_update=2e-4) for layer in SLOW)
"""Layers that need some hundred steps."""


def situation(
    recipe: Recipe, *, images: int = 6220, batch: int = 128, epochs: int = 8, **changes: object
) -> Situation:
    budget = StepBudget(images, batch, epochs)
    rules = {
        info.layer: rule_for(info, recipe)
        for info in parameters_in_table(VARIANTS["seminar"].geometry(96, 8))
        if not info.is_bias
    }
    values = {
        "recipe": recipe,
        "budget": budget,
        "full_steps": budget.num_steps / 2,
        "chance": math.log(8),
        "chance_formula": "ln 8 = 2.079",
        "unit_input": True,
        "small_kernels": False,
        "rules": rules,
    }
    return Situation(**{**values, **changes})


def judged(situation: Situation, layers: tuple[LayerSignal, ...] = HEALTHY, **values: float | None) -> Judgment:
    return judge(layers, situation, **{"loss": 2.1, "sharpness": None, **values})


def test_healthy_layers_train() -> None:
    assert judged(situation(PRESETS["fast"])).verdict == "trains"


def test_few_steps_are_named_with_the_settings_that_give_more() -> None:
    result = judged(situation(PRESETS["fast"], images=300))
    assert result.verdict == "stalls"
    assert [str(finding) for finding in result.findings] == [
        "the training has only 16 steps (8 epochs, 2 in each): expect it to end before the network has learned much; "
        "set epochs=auto and batch_size=auto (about 666 steps)"
    ]


def test_few_steps_are_extended_by_as_many_as_the_layers_need() -> None:
    few = situation(PRESETS["fast"], images=80, batch=80)
    assert judged(few).findings[0].advice == "set epochs=auto and batch_size=auto (about 360 steps)"
    slow = judged(few, tuple(replace(layer, relative_update=5e-4) for layer in SLOW))
    assert 100 < slow.steps_needed < 200
    epochs = math.ceil(4 * slow.steps_needed / 5)  # a step counts half on average, and twice as many are advised
    assert slow.findings[0].advice == f"set batch_size=16 and epochs={epochs} ({5 * epochs} steps)"


def test_few_steps_are_enough_for_trained_weights() -> None:
    recipe = PRESETS["finetune"].replace(variant="seminar", weights="kernels.pth")
    assert judged(situation(recipe, images=300, batch=64, epochs=3)).verdict == "trains"


def test_slow_layers_are_advised_a_larger_learning_rate_or_more_steps() -> None:
    result = judged(situation(PRESETS["fast"], images=1280, batch=64, epochs=4), SLOWER)
    assert result.verdict == "stalls"
    needed = result.steps_needed
    (finding,) = result.findings
    assert finding.problem == (
        f"a step changes the kernels by 0.02 % of their norm; about {needed:,.0f} steps are needed before the loss "
        "falls, and the training has 40"
    )
    assert finding.consequence == "expect the loss to stay at that of guessing, ln 8 = 2.079"
    assert finding.advice.startswith("set muon_learning_rate=0.")
    assert finding.advice.endswith(" steps)")


def test_chance_of_unequal_classes_is_what_the_training_images_say() -> None:
    formula = "0.562 (ln 2 = 0.693 if the classes were equally frequent)"
    result = judged(situation(PRESETS["fast"], images=1280, batch=64, epochs=4, chance_formula=formula), SLOWER)
    assert result.findings[0].consequence == f"expect the loss to stay at that of guessing, {formula}"


@pytest.mark.parametrize(("layer", "setting"), [("conv2", "muon_learning_rate"), ("fc7", "learning_rate")])
def test_too_large_a_step_names_the_learning_rate_of_its_layer(layer: str, setting: str) -> None:
    layers = tuple(replace(row, relative_update=0.6) if row.layer == layer else row for row in HEALTHY)
    result = judged(situation(PRESETS["fast"]), layers)
    assert result.verdict == "diverges"
    rate = getattr(PRESETS["fast"], setting) / 30
    assert str(result.findings[0]) == (
        f"one step changes the weights of {layer} by 60 % of their norm: expect the first steps to diverge, and the "
        f"loss to stay at that of guessing (ln 8 = 2.079); set {setting}={float(f'{rate:.1g}'):g}"
    )


def test_sharp_curvature_diverges_for_descent_only() -> None:
    descent = Recipe(optimizer="sgd", learning_rate=0.01, warmup=0.0)
    result = judged(situation(descent), sharpness=12.0)
    assert (result.verdict, result.sharpness_limit) == ("diverges", pytest.approx(3.8))
    assert "(learning rate x curvature = 12.0, stable up to 3.8)" in str(result.findings[0])
    assert "set learning_rate=0.001" in str(result.findings[0])
    assert judged(situation(descent.replace(warmup=0.1)), sharpness=11.0).verdict == "trains"
    assert judged(situation(PRESETS["fast"])).sharpness_limit is None


@pytest.mark.parametrize(
    ("name", "changes", "advised"),
    [
        ("custom", {"optimizer": "sgd"}, "use preset paper-small or fast"),
        ("custom", {"optimizer": "adamw"}, "use preset fast"),
        ("fast", {"optimizer": "muon"}, "use preset fast with its own learning rates and initialization"),
        ("paper-small", {"optimizer": "sgd_2012"}, "use preset fast"),
        ("custom", {"optimizer": "adamw", "weights": "kernels.pth"}, "use preset finetune"),
    ],
)
def test_another_preset_is_advised_only_for_what_it_is_made_for(
    name: str, changes: dict[str, object], advised: str
) -> None:
    assert situation(Recipe(name=name, **changes)).other_preset() == advised


def test_plateau_of_a_training_of_few_steps_is_explained_by_them() -> None:
    text = explain_plateau(SLOW, situation(PRESETS["fast"], images=300), steps_left=5.0)
    assert text.startswith("the training has only 16 steps (8 epochs, 2 in each); start again: set epochs=auto")
