"""Ctrl-C, termination and a closed terminal, held back until a step is complete."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interrupts_deferred"]

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""What ends a training early: Ctrl-C, `kill`, a terminal or connection that is closed (not
on Windows), and Ctrl-Break (only there)."""


@contextmanager
def interrupts_deferred() -> Iterator[threading.Event]:
    """Yield an event that the first signal sets, so that no step is cut in half; a second Ctrl-C raises at once.

    A closed terminal may send SIGHUP twice, and a batch system SIGTERM to a whole group; a second Ctrl-C shows that
    somebody is waiting. Python delivers signals to the main thread only: in any other thread the event is never set.
    A signal that is ignored stays so: under nohup, a closed terminal is no interrupt. On leaving, the signal handlers
    are those from before.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        interrupted.set()

    heard = [number for number in SIGNALS if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, handle) for number in heard}
    try:
        yield interrupted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
