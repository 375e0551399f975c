"""How a long job is shown: a bar in a terminal, a line now and then elsewhere."""

import os
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from alexnet.cli.screen import Screen, percent, screen

if TYPE_CHECKING:
    from alexnet.records import EpochRecord
    from alexnet.training.events import Event

__all__ = ["ProgressDisplay"]

PLAIN_SECONDS = 10.0
"""Without a terminal, a line at least this often while an epoch runs."""

OFTEN = "ALEXNET_PROGRESS"
"""Environment variable: where it is `often`, as for a command that the studio starts, a line every second."""

LEAST_SECONDS = 1.0
"""A job is counted this long before the time left is told."""

SWEEP, EXPLAINING = "switching units off", "explaining"
"""Jobs whose steps are not images: they show percent."""

JOBS: tuple[str, ...]
JOBS = ("classifying", "comparing", "copying", "decoding", "downloading", "drawing", "looking", "writing")
JOBS += (SWEEP, EXPLAINING)
"""Jobs besides training, each with a bar of its own."""


STARTING = "starting"
"""What a terminal shows until the first event: torch is loaded and folders are read."""


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """Shows the events of a job; to be called with each of them."""

    def __init__(self, on: Screen = screen) -> None:
        self._screen = on
        self._bar: Any = None
        self._task: Any = None
        self._starting: Any = None
        self._last = time.monotonic()
        self._period = min(PLAIN_SECONDS, 1.0) if os.environ.get(OFTEN) == "often" else PLAIN_SECONDS
        self._counted = ("", 0.0, 0)  # the job that is counted, since when, and how much was done then
        self._whole = ""

    def __enter__(self) -> "ProgressDisplay":
        if self._screen.terminal is not None and not self._screen.quiet:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = TextColumn("{task.description}"), BarColumn(bar_width=28), TextColumn("{task.fields[amount]}")
            self._bar = Progress(*columns, TimeElapsedColumn(), console=self._screen.terminal, transient=True)
            self._bar.start()
            self._starting = self._bar.add_task(STARTING, total=None, amount="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: "Event") -> None:
        """Show an event."""
        from alexnet.training import events

        match event:
            case events.Note(text):
                if text not in self._screen.told:
                    self._screen.note(text)
            case events.Warned(text):
                self._screen.note(f"warning: {text}", style="yellow")
            case events.Progress(what, done, total):
                self._count(what, done, total)
            case events.Overall(part, num_parts, whole, left):
                self._whole = f"{int(100 * whole)} % done, {_clock(left)} left: part {part} of {num_parts}, "
            case events.Stepped(record, num_steps, num_epochs, speed, left):
                amount = f"loss {record.loss:.3f}  {speed:.0f} images/s  {_clock(left)} left"
                self._advance(f"{self._whole}epoch {record.epoch}/{num_epochs}", record.step, num_steps, amount)
            case events.Ended(record, num_epochs, is_kept):
                mark = "  kept" if is_kept else ""
                self._screen.note(_epoch_line(record, num_epochs) + mark, style="default")
                self._last = time.monotonic()

    def count(self, what: str) -> Any:
        """A function of (done, total) that shows a job of this name."""

        def show(done: int, total: int) -> None:
            self._count(what, done, total)

        return show

    def _count(self, what: str, done: int, total: int) -> None:
        """Show how much of a job is done, and how long the rest will take at the pace so far."""
        now, amount = time.monotonic(), _amount(what, done, total)
        name, since, first = self._counted
        if name != what or done < first:
            self._counted = (what, now, done)
        elif now - since >= LEAST_SECONDS and first < done < total:
            amount += f", {_clock((now - since) * (total - done) / (done - first))} left"
        self._advance(what, done, total, amount)

    def _advance(self, what: str, done: int, total: int, amount: str) -> None:
        is_done = what in JOBS and done == total
        if self._bar is not None:
            if self._starting is not None:
                self._bar.remove_task(self._starting)
                self._starting = None
            if self._task is None:
                self._task = self._bar.add_task(what, total=total or None, amount=amount)
            self._bar.update(self._task, description=what, completed=done, total=total or None, amount=amount)
            if is_done:
                self._bar.remove_task(self._task)
                self._task = None
        elif is_done or time.monotonic() - self._last >= self._period:
            self._screen.note(f"{what}: {amount}" if what in JOBS else f"{what}, step {done} of {total}: {amount}")
            self._last = time.monotonic()


def _amount(what: str, done: int, total: int) -> str:
    if what == "downloading":
        return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
    if what in (SWEEP, EXPLAINING):
        return f"{100 * done // total} %"
    return f"{done} of {total} images" if total else f"{done} images"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _epoch_line(record: "EpochRecord", num_epochs: int) -> str:
    parts = [f"epoch {record.epoch:>2}/{num_epochs}", f"train loss {record.train_loss:.3f}"]
    parts.append(f"error {percent(record.train_top1_error)}")
    if record.validation_top1_error is not None:
        parts.append(f"validation error {percent(record.validation_top1_error)}")
    if record.test_top1_error is not None:
        parts.append(f"test error {percent(record.test_top1_error)}")
    parts.append(f"{record.images_per_second:.0f} images/s")
    return "  ".join(parts)
