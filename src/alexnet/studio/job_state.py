"""How a command that the studio has started stands, as the page shows it, and how it is stopped."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet.errors import DataError
from alexnet.studio.jobs import Jobs

__all__ = ["job_state", "stop_job"]

OVERALL = re.compile(r"((\d+) % done, [\d:]+ left: part \d+ of \d+, epoch \d+/\d+)")
"""What the command says of several trainings, before what it says of the step."""

COUNTED = re.compile(r"(?:[a-z ]+: (?=\d+ of \d+ images)|epoch \d+/\d+, step )(\d+) of (\d+)")
"""How much of one thing is done: images, or the steps of a training."""


def job_state(jobs: Jobs, out: Path) -> dict[str, Any]:
    """The last command that writes to a path.

    Returns:
        is_alive: whether it runs. line: how far it is, in words. done: the same, a fraction, None where it does not
        say. fault: why it failed. is_stopped: whether it was interrupted instead.
    """
    job = jobs.of(out)
    state: dict[str, Any] = {"is_alive": False, "line": "", "done": None, "fault": "", "is_stopped": False}
    if job is None:
        return state
    if jobs.is_alive(job):
        line, done = _progress(jobs.lines(job))
        return state | {"is_alive": True, "line": line, "done": done}
    is_stopped = jobs.was_interrupted(job)
    return state | {"is_stopped": is_stopped, "fault": "" if is_stopped else jobs.fault(job)}


def stop_job(jobs: Jobs, out: Path) -> None:
    """Ask the command that writes to a path to end, as Ctrl-C does.

    Raises:
        DataError: none is running.
    """
    job = jobs.of(out)
    if job is None or not jobs.is_alive(job):
        raise DataError("nothing is running here that could be stopped; reload the page")
    jobs.stop(job)


def _progress(lines: Sequence[str]) -> tuple[str, float | None]:
    """The last line that says how much is done, and the fraction; without one, the last line."""
    for line in reversed(lines):
        if overall := OVERALL.match(line):
            return overall[1], int(overall[2]) / 100
    for line in reversed(lines):
        if counted := COUNTED.match(line):
            return line, int(counted[1]) / max(1, int(counted[2]))
    return (lines[-1] if lines else ""), None
