"""Measured values, and what is computed from them."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Candidate", "Comparison", "Limits", "PartResult", "quartiles"]

UNITS = ("ms", "s", "µs/image", "images/s", "frames/s", "GFLOP/s", "GB/s", "MB")
"""Units of a comparison. The values are bytes for `MB` and seconds for all others."""


def quartiles(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile, interpolated between the values (the smallest is the 0th quantile).

    >>> quartiles((1.0, 2.0, 3.0, 4.0, 5.0))
    (2.0, 3.0, 4.0)
    """
    if len(values) == 1 or math.inf in values:
        return (min(values), statistics.median_low(values), max(values))
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


@dataclass(frozen=True)
class Limits:
    """Limits of the machine, measured in the same rounds: float operations/s by dtype, and bytes/s of a copy."""

    flops: Mapping[str, float]
    bytes_per_second: float


@dataclass(frozen=True)
class Candidate:
    """One candidate of a comparison.

    values: seconds (or bytes) of each repeat; lower is better. work: images, operations or bytes of one call. flop:
    float operations of one call, compared with the machine's limit. moved: bytes that one call must read and write
    at least. dtype: the dtype of the operations.
    """

    name: str
    values: tuple[float, ...]
    work: float = 1.0
    flop: float = 0.0
    moved: float = 0.0
    dtype: str = "float32"

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median, upper quartile of the values."""
        return quartiles(self.values)

    @property
    def median(self) -> float:
        """The middle value."""
        return self.quartiles[1]

    @property
    def is_ours(self) -> bool:
        """Whether the candidate is this program."""
        return self.name.startswith("ours")


@dataclass(frozen=True)
class Comparison:
    """Candidates that were measured alternately.

    peer: name of the candidate that the others are compared with, or None. unit: one of `UNITS`. notes: what a
    reader must know, one line each. charted: whether the chart shows it.
    """

    title: str
    candidates: tuple[Candidate, ...]
    unit: str = "ms"
    peer: str | None = None
    limits: Limits | None = None
    notes: tuple[str, ...] = ()
    charted: bool = True

    def __getitem__(self, name: str) -> Candidate:
        """A candidate by its name."""
        return next(candidate for candidate in self.candidates if candidate.name == name)

    def ratio(self, candidate: Candidate) -> float | None:
        """Speed relative to the peer for the same work (for bytes: how many times smaller); above 1 is better."""
        if self.peer is None:
            return None
        peer = self[self.peer]
        return (peer.median / peer.work) / (candidate.median / candidate.work)

    def ratio_range(self, candidate: Candidate) -> tuple[float, float]:
        """The ratio computed from the candidate's upper and from its lower quartile instead of the median."""
        ratio = self.ratio(candidate) or math.nan
        low, middle, high = candidate.quartiles
        return ratio * middle / high, ratio * middle / low

    def fraction_of_limit(self, candidate: Candidate) -> float | None:
        """Shortest time that the machine's limits allow, divided by the time measured; None if no work is counted."""
        if self.limits is None or not (candidate.flop or candidate.moved):
            return None
        by_matmul = candidate.flop / self.limits.flops[candidate.dtype] if candidate.flop else 0.0
        by_memory = candidate.moved / self.limits.bytes_per_second
        return max(by_matmul, by_memory) / candidate.median

    def shown(self, value: float, work: float) -> float:
        """The value of one call in the unit of the comparison."""
        match self.unit:
            case "ms":
                return 1e3 * value
            case "s":
                return value
            case "µs/image":
                return 1e6 * value / work
            case "images/s" | "frames/s":
                return work / value
            case "GFLOP/s" | "GB/s":
                return work / value / 1e9
            case "MB":
                return value / 1e6
        raise ValueError(f"unit {self.unit}: choose one of {', '.join(UNITS)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: all values of every candidate, and what is computed from them."""
        rows = []
        for candidate in self.candidates:
            low, middle, high = candidate.quartiles
            rows.append(
                {
                    "name": candidate.name,
                    "bytes" if self.unit == "MB" else "seconds": [_plain(value) for value in candidate.values],
                    "median": _plain(middle),
                    "quartiles": [_plain(low), _plain(high)],
                    "shown": _plain(self.shown(middle, candidate.work)),
                    "ratio_to_peer": self.ratio(candidate),
                    "fraction_of_limit": self.fraction_of_limit(candidate),
                    **{key: getattr(candidate, key) for key in ("work", "flop", "moved", "dtype")},
                }
            )
        return {
            "title": self.title,
            "unit": self.unit,
            "peer": self.peer,
            "limits": asdict(self.limits) if self.limits else None,
            "notes": list(self.notes),
            "charted": self.charted,
            "candidates": rows,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Comparison":
        """The inverse of `to_dict`."""
        key = "bytes" if values["unit"] == "MB" else "seconds"
        candidates = tuple(
            Candidate(
                row["name"],
                tuple(math.inf if value is None else value for value in row[key]),
                **{name: row[name] for name in ("work", "flop", "moved", "dtype")},
            )
            for row in values["candidates"]
        )
        limits = Limits(**values["limits"]) if values["limits"] else None
        return cls(
            values["title"], candidates, values["unit"], values["peer"], limits,
            tuple(values["notes"]), values["charted"],
        )  # fmt: skip


def _plain(value: float) -> float | None:
    """The value for JSON; infinity (never reached) becomes null."""
    return value if math.isfinite(value) else None


@dataclass
class PartResult:
    """The result of a part. missing: why it could not run, or empty. seconds: duration of the whole part."""

    part: str
    comparisons: list[Comparison] = field(default_factory=list)
    missing: str = ""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "part": self.part,
            "missing": self.missing,
            "part_seconds": self.seconds,
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PartResult":
        """The inverse of `to_dict`."""
        comparisons = [Comparison.from_dict(row) for row in values["comparisons"]]
        return cls(values["part"], comparisons, values["missing"], values["part_seconds"])
