"""What a command shows: results on standard output, everything else on standard error."""

import json
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

from alexnet.files import shown_name

__all__ = ["Screen", "number_of", "percent", "screen"]

UNSHOWN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that JSON allows in a text, but that a terminal obeys or cannot show."""


@dataclass
class Screen:
    """Where a command shows things; names in them are escaped, so that no file or class can steer the terminal.

    quiet: show errors only. as_json: standard output gets one JSON object, and people's lines go to standard error.
    started: when the command started, on the clock of `time.perf_counter`. told: notes that need not come again.
    """

    quiet: bool = False
    as_json: bool = False
    started: float = 0.0
    told: frozenset[str] = frozenset()

    @property
    def seconds(self) -> float:
        """Seconds since the command started."""
        return time.perf_counter() - self.started

    def print(self, text: str) -> None:
        """A line of the result."""
        if not self.quiet:
            (sys.stderr if self.as_json else sys.stdout).write(shown_name(text) + "\n")

    def note(self, text: str, style: str = "dim") -> None:
        """A line about the work, on standard error."""
        if not self.quiet:
            self._print_styled(shown_name(text), style)

    def tell(self, notes: Iterable[str]) -> None:
        """Notes about the data; where a training or a test has the same ones, they are not shown again."""
        notes = tuple(notes)
        self.told |= set(notes)
        for text in notes:
            self.note(text)

    def error(self, text: str) -> None:
        """What went wrong, in one line."""
        self._print_styled(f"alexnet: {shown_name(' '.join(text.split()))}", "red")

    @cached_property
    def terminal(self) -> Any:
        """Standard error as a terminal with colors, if it is one, else None."""
        if not sys.stderr.isatty():
            return None
        from rich.console import Console  # here, so that `alexnet --help` does not load it

        return Console(stderr=True, highlight=False, soft_wrap=True)

    def _print_styled(self, text: str, style: str) -> None:
        if self.terminal is None:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        else:
            from rich.text import Text

            self.terminal.print(Text(text, style=style))

    def print_json(self, values: Mapping[str, Any]) -> None:
        """The one JSON object of a command, if `--json` asks for it. What is not a number (NaN, infinity) is null."""
        if self.as_json:
            from alexnet.records import plain_value  # here, so that `alexnet --help` does not load it

            is_unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
            text = json.dumps(plain_value(values), ensure_ascii=not is_unicode, allow_nan=False)
            sys.stdout.write(UNSHOWN.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")
            sys.stdout.flush()

    def print_figure(self, path: PathLike[str], values: Mapping[str, Any]) -> None:
        """Where a figure was written; `--json` gets the path with the values."""
        self.print(f"written: {path}")
        self.print_json({**values, "figure": str(path)})

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
        """A table of the result. right: columns of numbers."""
        if self.quiet or self.as_json:
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, title in enumerate(header):
            table.add_column(Text(shown_name(title)), justify="right" if place in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text("" if cell is None else shown_name(str(cell))) for cell in row))
        Console(highlight=False, soft_wrap=True).print(table)


screen = Screen()
"""The screen of this process."""


def percent(fraction: float | None) -> str:
    """A fraction in percent."""
    return "–" if fraction is None else f"{100 * fraction:.1f} %"


def number_of(count: int, word: str) -> str:
    """A count with its noun: `1 image`, `2 images`.

    >>> number_of(1, "image"), number_of(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"
