"""The command `alexnet`: how it starts, and how every run of it ends."""

import sys

__all__ = ["run"]

# Nothing more is imported here: Ctrl-C during an import is answered in `run`.


def run(arguments: list[str] | None = None) -> None:
    """Run the command line. Exit codes: 0 done, 2 wrong input, 130 interrupted, 1 a fault of the program."""
    try:
        from alexnet.cli.process import Interrupts, prepare_process

        with Interrupts() as interrupts:
            prepare_process()
            from alexnet.cli.ending import run_to_the_end

            code = run_to_the_end(arguments, interrupts)
    except KeyboardInterrupt:
        sys.stderr.write("alexnet: interrupted\n")
        code = 130
    sys.exit(code)
