"""The newest test during a training, for whoever watches it: the confusion of the classes, and mistakes.

It is removed when the run is finished, whose own test takes its place.
"""

from dataclasses import dataclass

from alexnet.records import Record
from alexnet.run_folder import RunFolder
from alexnet.stored_values import Count, Fraction, Name

__all__ = ["LATEST", "MOST_CELLS", "MOST_MISTAKES", "LatestMistake", "LatestTest", "read_latest"]

LATEST = "latest.json"

MOST_MISTAKES = 24

MOST_CELLS = 1600
"""Cells of the confusion matrix that are kept: all of 40 classes; more would take a while to write."""


@dataclass(frozen=True)
class LatestMistake(Record):
    """A test image that the network gets wrong. probability: of the predicted class."""

    file: Name
    true: Name
    predicted: Name
    probability: Fraction


@dataclass(frozen=True)
class LatestTest(Record):
    """The test after an epoch.

    num_images, num_mistakes: all that were tested, and those of them that another class was predicted for.
    confusion: (true class, predicted class, images), classes by their number, where there are such images; of many
        classes the most confused pairs, at most 1,600.
    mistakes: the most confident ones, at most 24, the most confident first.
    """

    epoch: Count
    num_images: Count
    num_mistakes: Count
    classes: tuple[Name, ...]
    confusion: tuple[tuple[Count, Count, Count], ...]
    mistakes: tuple[LatestMistake, ...]

    def __post_init__(self) -> None:
        """Refuse the number of a class that there is not, in a damaged file."""
        if any(max(pair) >= len(self.classes) for *pair, _ in self.confusion):
            raise ValueError("confusion: names a class that is not there")

    @property
    def matrix(self) -> list[list[int]]:
        """The confusion as a table: a row for each true class, a column for each predicted one."""
        rows = [[0] * len(self.classes) for _ in self.classes]
        for true, predicted, count in self.confusion:
            rows[true][predicted] = count
        return rows


def read_latest(run: RunFolder) -> LatestTest | None:
    """The newest test of a training that goes on or was stopped; None where there is none.

    Raises:
        RunError: it is damaged.
    """
    return run.read_record(LATEST, LatestTest) if run.has(LATEST) else None
