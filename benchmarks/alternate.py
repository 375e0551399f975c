"""Time several candidates in turn, so that whatever disturbs the machine disturbs all of them alike."""

import json
import statistics
import time
from collections.abc import Callable, Mapping

from alexnet.training.processes import describe_machine

__all__ = ["alternate", "print_table"]


def alternate(candidates: Mapping[str, Callable[[], object]], *, repeats: int = 7) -> dict[str, list[float]]:
    """Seconds of each repeat of each candidate, after one warm-up of each, one candidate after the other."""
    for run in candidates.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, run in candidates.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def print_table(
    title: str, seconds: Mapping[str, list[float]], *, peer: str, work: float = 1.0, unit: str = "s"
) -> None:
    """Median and spread (quartiles) of each candidate, and how many times as fast as the peer it is.

    work: if given, what is done in one call; the table then shows `unit` (per second).
    """
    print(f"\n{title}\n{json.dumps(describe_machine())}")
    base = statistics.median(seconds[peer])
    for name, values in seconds.items():
        low, middle, high = statistics.quantiles(values, n=4)
        shown = f"{work / middle:9.1f} {unit}" if unit != "s" else f"{1000 * middle:9.2f} ms"
        print(
            f"  {name:<44} {shown}  quartiles {1000 * low:.1f} to {1000 * high:.1f} ms  {base / middle:5.2f} x {peer}"
        )
