"""Time several candidates in turn, so that whatever disturbs the machine disturbs all of them alike."""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["alternate", "settle"]

QUIET_SECONDS = 0.06
"""Worker processes that used no CPU time for so long are idle; the system counts in 0.01 s."""

LONGEST_WAIT = 5.0
"""Seconds after which the next candidate has its turn, whatever the workers do."""


def alternate(
    candidates: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    slowest: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
    between: Callable[[], None] | None = None,
) -> dict[str, list[float]]:
    """Seconds of each repeat of each candidate, one candidate after the other, after one warm-up of each.

    Args:
        repeats: rounds after the warm-up, >= 1.
        slowest: a candidate whose warm-up takes more seconds has one repeat only, in the first round.
        between: called before each turn, outside of the time measured; `settle` if not given.
    """
    rest = settle if between is None else between

    def taken(run: Callable[[], object]) -> float:
        rest()
        started = clock()
        run()
        return clock() - started

    warm_up = {name: taken(run) for name, run in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for place in range(repeats):
        for name, run in candidates.items():
            if place == 0 or warm_up[name] <= slowest:
                seconds[name].append(taken(run))
    return seconds


def settle() -> None:
    """Wait until this process's workers are idle.

    The workers of a DataLoader go on decoding after the step that was asked for: without the wait they would do so
    in the next candidate's time, and have the batches ready for their own loop's next turn. With it that loop still
    starts with a full queue, and what the workers do after the last step of a turn is not counted: at most one
    batch, in favour of the loop.
    """
    started = time.perf_counter()
    while time.perf_counter() - started < LONGEST_WAIT:
        before = _processor_ticks()
        if before is None:
            return
        time.sleep(QUIET_SECONDS)
        if _processor_ticks() == before:
            return


def _processor_ticks() -> int | None:
    """CPU time of all workers so far; None where there is none or the system does not say."""
    workers = multiprocessing.active_children()
    total = 0
    for worker in workers:
        try:
            fields = Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return None
        total += int(fields[11]) + int(fields[12])  # utime and stime of proc(5), counted from the name on
    return total if workers else None
