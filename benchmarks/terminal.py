"""Tables for the terminal."""

import math

from benchmarks.measured import Comparison, PartResult

__all__ = ["comparison_lines", "part_lines"]

RATE_UNITS = ("images/s", "frames/s", "GFLOP/s", "GB/s")


def part_lines(result: PartResult) -> list[str]:
    """The lines of a part's result."""
    lines = [f"\n== {result.part} ({result.seconds:.0f} s)"]
    if result.missing:
        lines.append(f"  {result.missing}")
    for comparison in result.comparisons:
        lines += ["", *comparison_lines(comparison)]
    return lines


def comparison_lines(comparison: Comparison) -> list[str]:
    """Medians, quartiles, speed relative to the peer, and the fraction of the machine's limit."""
    head = f"  {comparison.title}"
    if comparison.limits:
        rates = [f"{rate / 1e9:.0f} GFLOP/s {dtype}" for dtype, rate in comparison.limits.flops.items()]
        rates.append(f"{comparison.limits.bytes_per_second / 1e9:.1f} GB/s")
        head += f"  [limits: {', '.join(rates)}]"
    lines = [head]
    width = max(len(candidate.name) for candidate in comparison.candidates)
    for candidate in comparison.candidates:
        low, middle, high = (_number(comparison.shown(v, candidate.work)) for v in candidate.quartiles)
        if comparison.unit in RATE_UNITS:
            low, high = high, low
        times = "once" if len(candidate.values) == 1 else f"n={len(candidate.values)}"
        unit = comparison.unit if middle != "never" else ""
        line = f"    {candidate.name:<{width}}  {middle:>9} {unit}  ({low} to {high}, {times})"
        ratio, fraction = comparison.ratio(candidate), comparison.fraction_of_limit(candidate)
        if ratio is not None and candidate.name != comparison.peer:
            line += f"  {ratio:.2f} x {comparison.peer}"
        if fraction is not None:
            line += f"  {100 * fraction:.0f} % of limit"
        lines.append(line)
    return lines + [f"    - {note}" for note in comparison.notes]


def _number(value: float) -> str:
    """The number with three or four digits."""
    if not math.isfinite(value):
        return "never"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}" if value >= 100 else f"{value:.3g}"
