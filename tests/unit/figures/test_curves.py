"""The scales of the curves: no loss of an epoch is cut off, and columns that share an axis share its limits."""

from dataclasses import replace

from alexnet.figures.curves import Course, draw_comparison, draw_curves
from alexnet.records import EpochRecord, StepRecord

STEPS = tuple(StepRecord(n, 1, 1e-3, 2.0, 0.8) for n in range(1, 6))
EPOCH = EpochRecord(1, 5, 1.5, 0.5, 1.4, 0.45, 1.3, 0.4, None, 1e-3, 96, 2.0, 50.0)


def course(**losses: float | None) -> Course:
    return Course("fast, seminar", STEPS, (EPOCH, replace(EPOCH, epoch=2, step=10, **losses)), 8)  # type: ignore[arg-type]


def test_held_out_losses_lie_within_the_axis() -> None:
    for field in ("train_loss", "validation_loss", "test_loss"):
        assert 9.0 < draw_curves(course(**{field: 9.0})).axes[1].get_ylim()[1] < 10.0


def test_losses_that_are_missing_or_not_finite_do_not_set_the_limit() -> None:
    highest = draw_curves(course()).axes[1].get_ylim()
    assert draw_curves(course(validation_loss=None, test_loss=None)).axes[1].get_ylim() == highest
    assert draw_curves(course(train_loss=float("nan"))).axes[1].get_ylim() == highest


def test_comparison_shows_the_largest_loss_of_all_columns() -> None:
    high, low = course(test_loss=9.0), course()
    for pair in ([high, low], [low, high]):
        rows = draw_comparison(pair).axes[2:]
        assert [axes.get_ylim()[1] > 9.0 for axes in rows] == [True, True]
