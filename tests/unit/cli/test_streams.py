"""A closed reader is no fault, and a full disk is reported when the work is done."""

import contextlib
import io
import os
import sys

import pytest

from alexnet.cli.streams import Stream, steady_streams


class Failing(io.StringIO):
    """A stream whose writes fail after the first."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        if self.getvalue():
            raise self.error
        return super().write(text)


def test_a_reader_that_is_gone_is_not_written_to_again() -> None:
    inner = Failing(BrokenPipeError(32, "Broken pipe"))
    stream = Stream(inner)
    for _ in range(3):
        assert stream.write("line\n") == 5
    assert (inner.getvalue(), stream.fault) == ("line\n", None)


def test_a_full_disk_is_kept_for_the_end() -> None:
    error = OSError(28, "No space left on device")
    stream = Stream(Failing(error))
    stream.write("line\n")
    stream.write("line\n")
    stream.flush()
    assert stream.fault is error


def test_no_stream_at_all_is_silent() -> None:
    stream = Stream(None)
    stream.write("line")
    stream.flush()


def test_streams_are_as_before_afterwards() -> None:
    before = sys.stdout, sys.stderr
    with contextlib.suppress(ValueError), steady_streams() as (output, errors):
        assert (sys.stdout, sys.stderr) == (output, errors)
        raise ValueError("inside")
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has other pipes")
def test_what_is_buffered_for_a_closed_pipe_is_dropped_without_a_word() -> None:
    """At its exit Python flushes standard output again, and would end with code 120."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        stream = Stream(pipe)
        stream.write("line\n")
        stream.flush()
        pipe.flush()
    assert stream.fault is None
