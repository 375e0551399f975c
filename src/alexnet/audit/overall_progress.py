"""How far a job of several trainings is, from what each of them tells."""

from collections.abc import Sequence

from alexnet.training.events import Event, Listener, Overall, Stepped

__all__ = ["OverallProgress"]


TRAINING = 0.9
"""Fraction of a part that its steps take, where nothing else is known; in the rest its network judges images."""


class OverallProgress:
    """A listener that tells, before each step, how far the whole is; everything else is passed on.

        seconds of a part = seconds per step * steps / training

    Args:
        num_parts: trainings, of which some may have been finished by an earlier call.
        sizes: of each part, in any unit; by default all take the same time.
        training: fraction of a part that its steps take; in the rest its networks judge images.
    """

    def __init__(
        self, num_parts: int, on_event: Listener, *, sizes: Sequence[float] | None = None, training: float = TRAINING
    ) -> None:
        self._sizes, self._on_event, self._training = sizes or [1.0] * num_parts, on_event, training
        self._part = 0
        self._pace = 0.0  # seconds of a part for each unit of its size

    def start(self, part: int) -> None:
        """Say which training begins, from 1; those before it are done."""
        self._part = part

    def __call__(self, event: Event) -> None:
        """Hear an event of the training that runs."""
        if isinstance(event, Stepped):
            size, done = self._sizes[self._part - 1], event.record.step / event.num_steps
            if done < 1.0:
                self._pace = event.seconds_left / (1.0 - done) / self._training / size
            left = sum(self._sizes[self._part - 1 :]) - self._training * done * size
            overall = 1.0 - left / sum(self._sizes)
            self._on_event(Overall(self._part, len(self._sizes), overall, self._pace * left))
        self._on_event(event)
