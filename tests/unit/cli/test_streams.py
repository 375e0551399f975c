"""A closed reader is no fault, and a full disk is reported when the work is done."""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

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
    assert not stream.isatty()


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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
def test_no_file_becomes_standard_output_where_that_was_closed(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        for number in (1, 2):
            os.close(number)
        with steady_streams(), (tmp_path / "model").open("w") as file:
            os._exit(file.fileno())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) > 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_command_with_full_standard_output_ends_with_one_line(
    run_command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, _, err = run_command("model", "seminar")
    assert code == 2
    assert err.startswith("alexnet: standard output: cannot be written (No space left on device); free some space")
