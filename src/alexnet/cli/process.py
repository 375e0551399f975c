"""Settings of the whole process. Only the command makes them, before it loads torch; the library never does."""

import _thread
import contextlib
import ctypes
import os
import signal
import sys
from types import FrameType
from typing import Any, Self

__all__ = ["SPIN_COUNT", "Interrupts", "keep_freed_memory", "prepare_process", "share_cores"]

SPIN_COUNT = "10000"
"""Turns that a waiting thread keeps its core before it gives it up (EXPERIMENTS.md)."""


def prepare_process() -> None:
    """Set up this process for fast training; call it before torch is loaded.

    Waiting threads give up their core to other programs sooner, and memory that is freed is kept for reuse. The
    command does this first; a script or notebook of your own may do the same.

    >>> prepare_process()
    """
    share_cores()
    keep_freed_memory()


def share_cores() -> None:
    """Let waiting threads give up their core soon: beside another program, a step is 2 times slower instead of 6.

    Read by GNU OpenMP while torch is loaded. The user's own settings stay.

    Source: libgomp's manual, GOMP_SPINCOUNT.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def keep_freed_memory() -> bool:
    """Ask the C library (glibc) to keep freed memory for reuse; False where it cannot be asked.

    Each training step and each convolution of a photograph allocates and frees the same large blocks. If they go back
    to the system, it has to map and clear them again: a fifth to a third of a step on two cores (EXPERIMENTS.md,
    "Memory that is kept").

    Source: mallopt(3): M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    return all([mallopt(m_mmap_max, 0), mallopt(m_trim_threshold, -1), mallopt(m_top_pad, 64 << 20)])


class Interrupts:
    """Notices Ctrl-C during a `with` block, also where Python would lose it.

    `kill` and a closed terminal (SIGTERM, SIGHUP) count as Ctrl-C; what is ignored stays so (SIGHUP under nohup).
    A KeyboardInterrupt inside an import can become another error, or be printed and dropped. For the first case there
    is `is_pressed`; in the second, it is raised again. Who starts the program may block SIGINT until then.
    Outside the main thread nothing is done.
    """

    def __init__(self) -> None:
        self.is_pressed = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._hook = sys.unraisablehook
        with contextlib.suppress(ValueError):  # not the main thread
            self._handlers[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
            for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # the last one is Windows's Ctrl-Break
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    self._handlers[number] = signal.signal(number, self._interrupt)
            sys.unraisablehook = self._raise_again
            if hasattr(signal, "pthread_sigmask"):  # one that was pressed while Python was loaded comes now
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._handlers:
            sys.unraisablehook = self._hook

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.is_pressed = True
        raise KeyboardInterrupt

    def _raise_again(self, lost: Any) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            _thread.interrupt_main()
        else:
            self._hook(lost)
