"""From the words of the command line to an exit code: every error becomes one line."""

import os
import sys
import time
import traceback
from typing import Any

import typer

from alexnet.cli.commands import app
from alexnet.cli.process import Interrupts
from alexnet.cli.screen import screen
from alexnet.cli.streams import Stream, steady_streams
from alexnet.errors import AlexNetError, DataError, is_lack_of_memory

__all__ = ["run_to_the_end"]

CommandLineError: Any = typer.BadParameter.__mro__[1]
"""What a wrong argument raises, in click or in the copy of it that typer brings."""

OPTIONAL_VALUES = {("predict", "--neighbours"): "5"}
"""Options of a command whose value, a number, may be left out, and what it then is."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it: 128 + SIGINT."""


def run_to_the_end(arguments: list[str] | None, interrupts: Interrupts) -> int:
    """Run a command and show how it ended; returns the exit code.

    Args:
        arguments: the words of the command line; those of this process by default.
    """
    # the CPU time that Python took to start belongs to the command
    screen.started = time.perf_counter() - (time.process_time() if arguments is None else 0.0)
    screen.quiet = screen.as_json = False
    screen.told = frozenset()
    with steady_streams() as (output, _):
        code = _run(list(sys.argv[1:] if arguments is None else arguments), interrupts)
        output.flush()
        return _report_fault(output, code)


def _run(words: list[str], interrupts: Interrupts) -> int:
    try:
        code = app(args=_expand(words), standalone_mode=False, prog_name="alexnet")
    except AlexNetError as error:
        screen.error(str(error))
        return 2
    except CommandLineError as error:
        path = error.ctx.command_path if error.ctx else "alexnet"
        screen.error(f"{error.format_message().rstrip('.')}; see `{path} --help`")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        screen.error("interrupted")
        return INTERRUPTED
    except Exception as error:
        if interrupts.is_pressed:  # Python turns a KeyboardInterrupt inside some imports into another error
            screen.error("interrupted")
            return INTERRUPTED
        if is_lack_of_memory(error):
            screen.error(
                "too little memory; close other programs, or use fewer or smaller images, or a smaller network"
            )
            return 2
        traceback.print_exc()
        screen.error(f"a fault of this program ({type(error).__name__}); please report it with the lines above")
        return 1
    if code == INTERRUPTED:  # typer makes this code of a KeyboardInterrupt
        screen.error("interrupted")
    return code if isinstance(code, int) else 0


def _expand(words: list[str]) -> list[str]:
    """The words with `--quiet` taken out, which may stand anywhere, and `~/` as the home folder.

    Of addresses, only those of shards are read.

    A shell expands `--out ~/x`, but most leave `--out=~/x` as it is.
    """
    end = words.index("--") if "--" in words else len(words)
    options = [word for word in words[:end] if word not in ("--quiet", "-q")]
    screen.quiet = screen.quiet or len(options) < end
    for word in words:
        if word.lower().startswith(("http://", "https://")) and not word.endswith("/shards.json"):
            raise DataError(f"{word}: is an address; commands read files, so download it and give the file's path")
    return [_expand_home(word) for word in _with_values(options)] + words[end:]


def _with_values(words: list[str]) -> list[str]:
    """The words with the values of options that may be left out: a number after the option is its value."""
    filled: list[str] = []
    for word, after in zip(words, [*words[1:], ""], strict=True):
        filled.append(word)
        value = OPTIONAL_VALUES.get((words[0], word))
        if value is not None and not after.lstrip("-").isdecimal():
            filled.append(value)
    return filled


def _expand_home(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if value != "~" and not value.startswith("~/"):
        return word
    expanded = os.path.expanduser(value)  # noqa: PTH111  # a Path would drop a closing slash
    if expanded == value:
        raise typer.BadParameter(f"{word}: this user has no home folder; write the path in full")
    return option + equals + expanded


def _report_fault(output: Stream, code: int) -> int:
    """Say that results could not be written; the work itself is done and saved."""
    if output.fault is None:
        return code
    reason = output.fault.strerror or str(output.fault)
    screen.error(f"standard output: cannot be written ({reason}); free some space or write it elsewhere")
    return code or 2
