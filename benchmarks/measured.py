"""What was measured: every value, and what follows from the values alone."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Candidate", "Comparison", "Limits", "PartResult", "quartiles"]

UNITS = ("ms", "s", "µs/image", "images/s", "GFLOP/s", "GB/s", "MB")
"""How a comparison is shown; `MB` holds bytes, every other unit seconds."""


def quartiles(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile, between the values themselves (the least one is the 0th part).

    >>> quartiles((1.0, 2.0, 3.0, 4.0, 5.0))
    (2.0, 3.0, 4.0)
    """
    if len(values) == 1 or math.inf in values:
        return (min(values), statistics.median_low(values), max(values))
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


@dataclass(frozen=True)
class Limits:
    """What the machine can do, measured in the same rounds: float operations/s by dtype, bytes/s of a copy."""

    flops: Mapping[str, float]
    bytes_per_second: float


@dataclass(frozen=True)
class Candidate:
    """One way to do it. values: seconds (or bytes) of each repeat; less is better.

    work: what one call does (images, operations, bytes). flop: float operations of one call that count against the
    machine's limit; moved: bytes that it must at least read and write. dtype: of the operations.
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
        """Whether it is this project's."""
        return self.name.startswith("ours")


@dataclass(frozen=True)
class Comparison:
    """Candidates measured in turn.

    peer: the candidate that the others are compared with, None if there is none. unit: one of `UNITS`. notes: what a
    reader must know, one line each. charted: whether it goes onto the chart, too.
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
        """How many times as fast as the peer (as small, of bytes) for the same work; above 1 is better."""
        if self.peer is None:
            return None
        peer = self[self.peer]
        return (peer.median / peer.work) / (candidate.median / candidate.work)

    def ratio_range(self, candidate: Candidate) -> tuple[float, float]:
        """The ratio with the candidate's upper and lower quartile in the place of its median."""
        ratio = self.ratio(candidate) or math.nan
        low, middle, high = candidate.quartiles
        return ratio * middle / high, ratio * middle / low

    def share_of_limit(self, candidate: Candidate) -> float | None:
        """Seconds that the machine's limits allow at best, over the seconds taken; None where nothing is counted."""
        if self.limits is None or not (candidate.flop or candidate.moved):
            return None
        by_product = candidate.flop / self.limits.flops[candidate.dtype] if candidate.flop else 0.0
        by_memory = candidate.moved / self.limits.bytes_per_second
        return max(by_product, by_memory) / candidate.median

    def shown(self, value: float, work: float) -> float:
        """A value of one call in the comparison's unit."""
        match self.unit:
            case "ms":
                return 1e3 * value
            case "s":
                return value
            case "µs/image":
                return 1e6 * value / work
            case "images/s":
                return work / value
            case "GFLOP/s" | "GB/s":
                return work / value / 1e9
            case "MB":
                return value / 1e6
        raise ValueError(f"unit {self.unit}: choose one of {', '.join(UNITS)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; of every candidate all values, and what follows from them."""
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
                    "share_of_limit": self.share_of_limit(candidate),
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
        """Back from `to_dict`."""
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
    """What never came about (infinite) is null in JSON."""
    return value if math.isfinite(value) else None


@dataclass
class PartResult:
    """What a part gave. missing: why it could not run, empty if it did. seconds: what the whole part took."""

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
        """Back from `to_dict`."""
        comparisons = [Comparison.from_dict(row) for row in values["comparisons"]]
        return cls(values["part"], comparisons, values["missing"], values["part_seconds"])
