"""How far a job of several equal trainings is, from what each of them tells."""

from alexnet.training.events import Event, Listener, Overall, Stepped

__all__ = ["OverallProgress"]

TRAINING = 0.9
"""Fraction of a part that its steps take; in the rest its network judges the images that it has not seen."""


class OverallProgress:
    """A listener that tells, before each step, how far the whole is; everything else is passed on.

        seconds of a part = seconds per step * steps / TRAINING

    Args:
        num_parts: trainings, of which some may have been finished by an earlier call.
    """

    def __init__(self, num_parts: int, on_event: Listener) -> None:
        self._num_parts, self._on_event = num_parts, on_event
        self._part = 0
        self._seconds = 0.0  # of a part

    def start(self, part: int) -> None:
        """Say which training begins, from 1; those before it are done."""
        self._part = part

    def __call__(self, event: Event) -> None:
        """Hear an event of the training that runs."""
        if isinstance(event, Stepped):
            done = event.record.step / event.num_steps
            if done < 1.0:
                self._seconds = event.seconds_left / (1.0 - done) / TRAINING
            parts_left = self._num_parts - (self._part - 1) - TRAINING * done
            overall = 1.0 - parts_left / self._num_parts
            self._on_event(Overall(self._part, self._num_parts, overall, self._seconds * parts_left))
        self._on_event(event)
