"""How a command that the studio has started stands, as the page shows it: how much is done, and the time left."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet.studio.jobs import Jobs

__all__ = ["job_state"]

OVERALL = re.compile(r"((\d+) % done, [\d:]+ left: part \d+ of \d+, epoch \d+/\d+)")
"""What the command says of several trainings, before what it says of the step."""

COUNTED = re.compile(r"[a-z ]+: (\d+) of (\d+) images")


def job_state(jobs: Jobs, out: Path) -> dict[str, Any]:
    """The last command that writes to a path.

    Returns:
        is_alive: whether it runs. line: how far it is, in words. done: the same, a fraction, None where it does not
        say. fault: why it failed.
    """
    job = jobs.of(out)
    if job is None:
        return {"is_alive": False, "line": "", "done": None, "fault": ""}
    if not jobs.is_alive(job):
        return {"is_alive": False, "line": "", "done": None, "fault": jobs.fault(job)}
    line, done = _progress(jobs.lines(job))
    return {"is_alive": True, "line": line, "done": done, "fault": ""}


def _progress(lines: Sequence[str]) -> tuple[str, float | None]:
    """The last line that says how much is done, and the fraction; without one, the last line."""
    for line in reversed(lines):
        if overall := OVERALL.match(line):
            return overall[1], int(overall[2]) / 100
    for line in reversed(lines):
        if counted := COUNTED.match(line):
            return line, int(counted[1]) / max(1, int(counted[2]))
    return (lines[-1] if lines else ""), None
