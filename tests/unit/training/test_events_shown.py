"""What people see of a training: plain lines without a terminal, a bar with one."""

import io

import pytest
from rich.console import Console

from alexnet.cli import show
from alexnet.cli.show import Screen, TrainingScreen, percent
from alexnet.records import EpochRecord, StepRecord
from alexnet.training.events import Ended, Note, Progress, Stepped, Warned

EPOCH = EpochRecord(2, 96, 0.5, 0.25, 0.4, 0.125, 0.45, 0.1, 0.01, 1e-3, 96, 30.0, 200.0)
STEP = Stepped(StepRecord(97, 3, 1e-3, 0.61, 0.2), 384, 8, 211.0, 3725.0)


def shown(*events: object, terminal: bool = False, quiet: bool = False) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120, highlight=False)
    with TrainingScreen(Screen(quiet=quiet, err=console)) as listener:
        for event in events:
            listener(event)  # type: ignore[arg-type]
    return text.getvalue()


def test_plain_lines_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "PLAIN_SECONDS", 0.0)
    lines = shown(Note("8 kinds"), Warned("careful"), Progress("decoding", 5, 5), STEP, Ended(EPOCH, 8, is_best=True))
    scores = "train loss 0.500  error 25.0 %  validation error 12.5 %  test error 10.0 %"
    assert lines.splitlines() == [
        "8 kinds",
        "warning: careful",
        "decoding: 5 of 5 images",
        "epoch 3/8, step 97 of 384: loss 0.610  211 images/s  1:02:05 left",
        f"epoch  2/8  {scores}  200 images/s  kept",
    ]


def test_steps_come_seldom_without_a_terminal() -> None:
    assert shown(STEP, STEP, STEP) == ""


def test_a_bar_in_a_terminal() -> None:
    text = shown(Progress("downloading", 10_000_000, 20_000_000), STEP, terminal=True)
    assert "10 of 20 MB" in text
    assert "epoch 3/8" in text


def test_quiet_shows_nothing() -> None:
    assert shown(Note("x"), STEP, Ended(EPOCH, 8, is_best=False), quiet=True, terminal=True) == ""


def test_shares_are_shown_as_people_read_them() -> None:
    assert (percent(0.0369), percent(None)) == ("3.7 %", "–")
