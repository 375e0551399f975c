"""What people see of a training: plain lines without a terminal, a bar in one."""

import io
import itertools
import sys

import pytest
from rich.console import Console

from alexnet.cli import progress
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import Screen
from alexnet.records import EpochRecord, StepRecord
from alexnet.training.events import Ended, Note, Overall, Progress, Stepped, Warned

EPOCH = EpochRecord(2, 96, 0.5, 0.25, 0.4, 0.125, 0.45, 0.1, 0.01, 1e-3, 96, 30.0, 200.0)
STEP = Stepped(StepRecord(97, 3, 1e-3, 0.61, 0.2), 384, 8, 211.0, 3725.0)


def shown(monkeypatch: pytest.MonkeyPatch, *events: object, terminal: bool = False, quiet: bool = False) -> str:
    text = io.StringIO()
    monkeypatch.setattr(sys, "stderr", text)
    screen = Screen(quiet=quiet)
    if terminal:
        screen.terminal = Console(file=text, force_terminal=True, width=120, highlight=False)
    with ProgressDisplay(screen) as display:
        for event in events:
            display(event)  # type: ignore[arg-type]
    return text.getvalue()


def test_plain_lines_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    events = (Note("8 kinds"), Warned("careful"), Progress("decoding", 5, 5), STEP, Ended(EPOCH, 8, is_kept=True))
    scores = "train loss 0.500  error 25.0 %  validation error 12.5 %  test error 10.0 %"
    assert shown(monkeypatch, *events).splitlines() == [
        "8 kinds",
        "warning: careful",
        "decoding: 5 of 5 images",
        "epoch 3/8, step 97 of 384: loss 0.610  211 images/s  1:02:05 left",
        f"epoch  2/8  {scores}  200 images/s  kept",
    ]


def test_steps_are_rarely_shown_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, STEP, STEP, STEP) == ""


def test_a_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, Progress("downloading", 10_000_000, 20_000_000), STEP, terminal=True)
    assert text.index("starting") < text.index("10 of 20 MB")
    assert "epoch 3/8" in text


def test_jobs_are_counted_without_events(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(Screen()) as display:
        count = display.count("drawing")
        count(1, 9)
        count(9, 9)
        sweep = display.count(progress.SWEEP)
        sweep(3, 9)
        sweep(9, 9)
    assert capsys.readouterr().err == "drawing: 9 of 9 images\nswitching units off: 100 %\n"


def test_of_several_trainings_the_whole_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    line = shown(monkeypatch, Overall(2, 4, 0.349, 130.0), STEP)
    assert line.startswith("34 % done, 2:10 left: part 2 of 4, epoch 3/8, step 97 of 384: loss 0.610")
    text = shown(monkeypatch, Overall(2, 4, 0.349, 130.0), STEP, terminal=True)
    assert "34 % done" in text and "part 2 of 4" in text


def test_the_time_left_of_a_job_is_that_of_its_pace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with ProgressDisplay(Screen()) as display:
        for seconds, done in ((10.0, 100), (10.5, 120), (20.0, 200), (30.0, 300)):
            now[0] = seconds
            display(Progress("decoding", done, 300))
    assert capsys.readouterr().err.splitlines() == [
        "decoding: 100 of 300 images",
        "decoding: 120 of 300 images",
        "decoding: 200 of 300 images, 0:10 left",
        "decoding: 300 of 300 images",
    ]


@pytest.mark.parametrize(("often", "num_lines"), [("", 0), ("often", 1)])
def test_a_command_of_the_studio_tells_its_progress_often(
    monkeypatch: pytest.MonkeyPatch, often: str, num_lines: int
) -> None:
    monkeypatch.setenv("ALEXNET_PROGRESS", often)
    clock = itertools.count()
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock) / 2)
    assert len(shown(monkeypatch, STEP, STEP, STEP).splitlines()) == num_lines


def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    events = (Note("x"), STEP, Ended(EPOCH, 8, is_kept=False))
    assert shown(monkeypatch, *events, quiet=True, terminal=True) == ""


def test_escape_codes_of_names_are_shown_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class called `\\x1b]0;title` set the title of the window."""
    for terminal in (False, True):
        text = shown(monkeypatch, Note("class \x1b]0;mine\x07"), terminal=terminal)
        assert "\x1b]0;" not in text
        assert r"\x1b]0;mine\x07" in text
