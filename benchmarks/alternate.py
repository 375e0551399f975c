"""Time several candidates alternately, so that a disturbance of the machine affects all of them alike."""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["alternate", "settle"]

QUIET_SECONDS = 0.06
"""Worker processes that used no CPU time for this long are idle; the system counts in units of 0.01 s."""

LONGEST_WAIT = 5.0
"""Seconds after which the next candidate starts even if workers are still busy."""


def alternate(
    candidates: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    slowest: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
    between: Callable[[], None] | None = None,
) -> dict[str, list[float]]:
    """Seconds of each repeat of each candidate. The candidates alternate, after one warm-up each.

    Args:
        repeats: rounds after the warm-up, >= 1.
        slowest: a candidate whose warm-up takes longer, in seconds, is repeated only once, in the first round.
        between: called before each call of a candidate, not timed; default: `settle`.
    """
    wait = settle if between is None else between

    def measure(run: Callable[[], object]) -> float:
        wait()
        started = clock()
        run()
        return clock() - started

    warm_up = {name: measure(run) for name, run in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for place in range(repeats):
        for name, run in candidates.items():
            if place == 0 or warm_up[name] <= slowest:
                seconds[name].append(measure(run))
    return seconds


def settle() -> None:
    """Wait until this process's workers are idle.

    The workers of a DataLoader continue to decode after the last requested step. Without the wait they would do so
    while the next candidate is timed, and their own loop would find its next batches ready. With the wait that loop
    still starts with a full queue, and the work after its last step is not counted: at most one batch, in favor of
    the loop.
    """
    started = time.perf_counter()
    while time.perf_counter() - started < LONGEST_WAIT:
        before = _cpu_ticks()
        if before is None:
            return
        time.sleep(QUIET_SECONDS)
        if _cpu_ticks() == before:
            return


def _cpu_ticks() -> int | None:
    """CPU time of all workers so far; None without workers, or if the system does not report it."""
    workers = multiprocessing.active_children()
    total = 0
    for worker in workers:
        try:
            fields = Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return None
        total += int(fields[11]) + int(fields[12])  # utime and stime of proc(5), counted from the name on
    return total if workers else None
