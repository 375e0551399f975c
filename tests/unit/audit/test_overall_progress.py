"""How far several trainings are together, from the steps of each."""

import pytest

from alexnet.audit.overall_progress import TRAINING, OverallProgress
from alexnet.records import StepRecord
from alexnet.training.events import Event, Note, Overall, Stepped


def step(number: int, *, seconds_left: float) -> Stepped:
    return Stepped(StepRecord(number, 1, 0.1, 1.0, 0.5), 100, 4, 300.0, seconds_left)


def test_the_whole_is_told_before_each_step_and_grows_to_its_end() -> None:
    events: list[Event] = []
    progress = OverallProgress(2, events.append)
    progress.start(1)
    progress(Note("images"))
    progress(step(50, seconds_left=45.0))  # a part takes 90 s of steps, 100 s with what comes after
    progress.start(2)
    progress(step(50, seconds_left=45.0))
    progress(step(100, seconds_left=0.0))
    assert [type(event) for event in events] == [Note, *[Overall, Stepped] * 3]
    first, second, last = (event for event in events if isinstance(event, Overall))
    assert (first.part, first.num_parts) == (1, 2) and first.done == pytest.approx(TRAINING / 4)
    assert first.seconds_left == pytest.approx(100 * (2 - TRAINING / 2))
    assert second.done == pytest.approx(0.5 + TRAINING / 4)
    assert last.done == pytest.approx(0.5 + TRAINING / 2) and last.seconds_left == pytest.approx(10.0)


def test_a_part_that_an_earlier_call_has_finished_is_done() -> None:
    events: list[Event] = []
    progress = OverallProgress(4, events.append)
    progress.start(4)
    progress(step(1, seconds_left=99.0))
    (overall,) = (event for event in events if isinstance(event, Overall))
    assert overall.done == pytest.approx(0.75 + TRAINING / 400)


def test_a_small_part_counts_for_less_and_takes_less_time() -> None:
    events: list[Event] = []
    progress = OverallProgress(2, events.append, sizes=[1.0, 3.0])
    progress.start(1)
    progress(step(50, seconds_left=45.0))  # a part of size 1 takes 100 s, the other one three times as long
    progress.start(2)
    progress(step(50, seconds_left=135.0))
    first, second = (event for event in events if isinstance(event, Overall))
    assert first.done == pytest.approx(TRAINING / 2 / 4)
    assert first.seconds_left == pytest.approx(100 * (1 - TRAINING / 2) + 300)
    assert second.done == pytest.approx((1 + 3 * TRAINING / 2) / 4)
    assert second.seconds_left == pytest.approx(300 * (1 - TRAINING / 2))
