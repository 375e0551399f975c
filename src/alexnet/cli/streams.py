"""Standard output and error that no reader and no disk can turn into the end of the work."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["Stream", "steady_streams"]


class Stream:
    """A text stream that goes silent when it cannot be written.

    A reader that closes its pipe (`| head -1`) is no fault: the work goes on, and what would be printed is dropped.
    Any other error, such as a full disk, is kept in `fault`, to be reported when the work is done.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = io.StringIO() if stream is None else stream  # None: closed at the start, or under pythonw
        self._is_silent = stream is None
        self.fault: OSError | None = None

    def write(self, text: str) -> int:
        """Write, or drop the text."""
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        """Bring everything out, or drop it."""
        self._try("flush")

    def _try(self, name: str, *values: str) -> None:
        if self._is_silent:
            return
        try:
            getattr(self._stream, name)(*values)
        except OSError as error:
            self._is_silent = True
            self.fault = None if error.errno == errno.EPIPE else error
            # what is still buffered goes nowhere, also when Python exits
            with contextlib.suppress(OSError, ValueError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _fill_closed_places() -> None:
    """Let no file that is opened later become standard output or error, into which native code may write."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


@contextlib.contextmanager
def steady_streams() -> Iterator[tuple[Stream, Stream]]:
    """Make standard output and error a `Stream` each; characters that they cannot encode are written as escapes."""
    before = sys.stdout, sys.stderr
    _fill_closed_places()
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    streams = Stream(before[0]), Stream(before[1])
    sys.stdout, sys.stderr = streams
    try:
        yield streams
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before
