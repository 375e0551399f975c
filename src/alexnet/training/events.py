"""What a training tells while it runs; who listens decides how it is shown."""

from collections.abc import Callable
from dataclasses import dataclass

from alexnet.records import EpochRecord, StepRecord

__all__ = ["Ended", "Event", "Listener", "Note", "Overall", "Progress", "Stepped", "Warned", "ignore"]


@dataclass(frozen=True)
class Note:
    """Something worth knowing, one line."""

    text: str


@dataclass(frozen=True)
class Warned:
    """Something that probably goes wrong, with its likely cause, one line."""

    text: str


@dataclass(frozen=True)
class Progress:
    """A long job besides the steps. what: `decoding` (images) or `downloading` (bytes)."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Stepped:
    """One step is done."""

    record: StepRecord
    num_steps: int
    num_epochs: int
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Overall:
    """How far a job of several trainings is; told before each step.

    part: the training that runs, from 1. done: fraction of the whole, 0 to 1. seconds_left: of the whole, estimated.
    """

    part: int
    num_parts: int
    done: float
    seconds_left: float


@dataclass(frozen=True)
class Ended:
    """One epoch is done and measured."""

    record: EpochRecord
    num_epochs: int
    is_kept: bool


Event = Note | Warned | Progress | Overall | Stepped | Ended
Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""
