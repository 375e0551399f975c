"""What people and programs get to see: results on standard output, all else on standard error."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from alexnet.training.events import Event

__all__ = ["Screen", "TrainingScreen", "percent", "screen"]

PLAIN_SECONDS = 10.0
"""Where there is no terminal, a line at least this often while an epoch runs."""


@dataclass
class Screen:
    """Where a command shows things. quiet: nothing but errors. as_json: one object on standard output.

    started: when the command began, on the clock of `time.perf_counter`.
    """

    quiet: bool = False
    as_json: bool = False
    started: float = 0.0
    out: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))

    def say(self, text: str) -> None:
        """A line for people; with `--json` it goes to standard error."""
        if not self.quiet:
            (self.err if self.as_json else self.out).print(Text(text))

    def note(self, text: str, style: str = "dim") -> None:
        """A line on the way, on standard error."""
        if not self.quiet:
            self.err.print(Text(text, style=style))

    @property
    def seconds(self) -> float:
        """How long the command has been at it."""
        return time.perf_counter() - self.started

    def error(self, text: str) -> None:
        """What went wrong, in one line."""
        self.err.print(Text(f"alexnet: {' '.join(text.split())}", style="red"))

    def give(self, values: Mapping[str, Any]) -> None:
        """The one JSON object of a command, where it was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")
            sys.stdout.flush()

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
        """A table; the columns in `right` hold numbers."""
        if self.quiet or self.as_json:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, title in enumerate(header):
            table.add_column(title, justify="right" if place in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        self.out.print(table)


screen = Screen()
"""The screen of this process; `main` sets it up."""


def percent(share: float | None) -> str:
    """A fraction as people read it."""
    return "–" if share is None else f"{100 * share:.1f} %"


class TrainingScreen(AbstractContextManager["TrainingScreen"]):
    """Shows a training: a bar in a terminal, plain lines elsewhere."""

    JOBS = ("decoding", "downloading", "drawing")

    def __init__(self, on: Screen) -> None:
        self._screen = on
        self._fancy = on.err.is_terminal and not on.quiet
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[said]}"),
        )
        self._bar = Progress(*columns, TimeElapsedColumn(), console=on.err, transient=True)
        self._task: TaskID | None = None
        self._last = time.monotonic()

    def __enter__(self) -> "TrainingScreen":
        if self._fancy:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fancy:
            self._bar.stop()

    def __call__(self, event: "Event") -> None:
        """Show an event."""
        from alexnet.training import events as ev

        match event:
            case ev.Note(text):
                self._screen.note(text)
            case ev.Warned(text):
                self._screen.note(f"warning: {text}", style="yellow")
            case ev.Progress(what, done, total):
                self._advance(what, done, total, _amount(what, done, total))
            case ev.Stepped(record, num_steps, num_epochs, speed, left):
                said = f"loss {record.loss:.3f}  {speed:.0f} images/s  {_clock(left)} left"
                self._advance(f"epoch {record.epoch}/{num_epochs}", record.step, num_steps, said)
            case ev.Ended(record, num_epochs, is_best):
                mark = "  kept" if is_best else ""
                self._screen.note(_epoch_line(record, num_epochs) + mark, style="default")
                self._last = time.monotonic()

    def _advance(self, what: str, done: int, total: int, said: str) -> None:
        if self._fancy:
            if self._task is None:
                self._task = self._bar.add_task(what, total=total or None, said=said)
            self._bar.update(self._task, description=what, completed=done, total=total or None, said=said)
            if what in self.JOBS and done == total:
                self._bar.remove_task(self._task)
                self._task = None
        elif time.monotonic() - self._last >= PLAIN_SECONDS or (what in self.JOBS and done == total):
            self._screen.note(f"{what}: {said}" if what in self.JOBS else f"{what}, step {done} of {total}: {said}")
            self._last = time.monotonic()


def _amount(what: str, done: int, total: int) -> str:
    if what == "downloading":
        return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
    return f"{done} of {total} images"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _epoch_line(record: Any, num_epochs: int) -> str:
    parts = [f"epoch {record.epoch:>2}/{num_epochs}", f"train loss {record.train_loss:.3f}"]
    parts.append(f"error {percent(record.train_top1_error)}")
    if record.validation_top1_error is not None:
        parts.append(f"validation error {percent(record.validation_top1_error)}")
    if record.test_top1_error is not None:
        parts.append(f"test error {percent(record.test_top1_error)}")
    parts.append(f"{record.images_per_second:.0f} images/s")
    return "  ".join(parts)
