"""The steps of a training, and the settings that give more of them."""

import pytest

from alexnet.training.step_budget import FEW_STEPS, StepBudget


def test_steps_are_whole_batches() -> None:
    budget = StepBudget(num_images=300, batch_size=128, epochs=8)
    assert (budget.steps_per_epoch, budget.num_steps, budget.is_small) == (2, 16, True)
    assert str(budget) == "16 steps (8 epochs, 2 in each)"
    assert str(StepBudget(16, 16, 1)) == "1 step (1 epoch, 1 in each)"
    assert not StepBudget(FEW_STEPS * 16, 16, 1).is_small


@pytest.mark.parametrize("num_images", [5, 17, 76, 285, 300, 1216, 6220])
@pytest.mark.parametrize("batch_size", [1, 12, 64, 76, 100, 128])
@pytest.mark.parametrize("wanted", [1, 50, 200, 1000])
def test_extended_budget_has_the_steps_and_costs_no_more_than_it_must(
    num_images: int, batch_size: int, wanted: int
) -> None:
    budget = StepBudget(num_images, min(batch_size, num_images), 8)
    longer = budget.extended(wanted)
    assert longer is not None
    assert longer.num_steps >= wanted
    assert longer.batch_size <= budget.batch_size
    assert longer.epochs >= budget.epochs
    if longer.epochs > budget.epochs:
        assert longer.batch_size == min(16, budget.batch_size), "smaller batches come first"
        assert (longer.epochs - 1) * longer.steps_per_epoch < wanted


def test_budget_that_is_long_enough_stays() -> None:
    budget = StepBudget(6220, 128, 8)
    assert budget.extended(300) == budget
    assert budget.advice(300) is None


@pytest.mark.parametrize(
    ("budget", "wanted", "advice"),
    [
        (StepBudget(300, 128, 8), 100, "set epochs=auto and batch_size=auto (about 666 steps)"),
        (StepBudget(300, 128, 8), 720, "set batch_size=16 and epochs=40 (720 steps)"),
        (StepBudget(80, 16, 8), 500, "set epochs=100 (500 steps)"),
        (StepBudget(80, 16, 8), 1e6, None),
        (StepBudget(80, 16, 8), float("inf"), None),
    ],
)
def test_advice_names_the_settings_that_change(budget: StepBudget, wanted: float, advice: str | None) -> None:
    assert budget.advice(wanted) == advice
