"""What happens to a training of few steps: signals, kills and full disks at a chosen moment, and damaged files."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import small_recipe
from tests.kills import fill_disk

Command = Callable[..., tuple[int, str, str]]
"""The fixture `run_command`."""

NUM_STEPS = 6
RECIPE = small_recipe(epochs=2, batch_size=8, save_minutes=1e-9, name="faults")
SMALL = ["--set", "size=67", "--set", "start_size=none", "--set", "initialization=fan_in", "--set", "variant=narrow"]


def left(run: Path) -> list[str]:
    """Unfinished files."""
    return [str(path) for path in run.rglob("*.part*")]


def before(monkeypatch: pytest.MonkeyPatch, target: str, happens: Callable[[], object]) -> None:
    """Let something happen before the first call of a function."""
    module, _, names = target.partition(":")
    holder = __import__(module, fromlist=["_"])
    *parents, name = names.split(".")
    for parent in parents:
        holder = getattr(holder, parent)
    function, calls = getattr(holder, name), []

    def disturbed(*words: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            happens()
        return function(*words, **options)

    monkeypatch.setattr(holder, name, disturbed)


def send(name: str) -> Callable[[], None]:
    """Send this process a signal, or Ctrl-C twice."""

    def work() -> None:
        for _ in range(2 if name == "twice" else 1):
            os.kill(os.getpid(), getattr(signal, "SIGINT" if name == "twice" else name))

    return work


def full_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The disk is full when a file gets its name; `name` is a part of it."""
    replace = Path.replace

    def refused(path: Path, target: Path) -> Path:
        if name in str(target):
            fill_disk()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refused)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])
