"""`python -m alexnet` does what `alexnet` does, where the command is not on the path."""

import subprocess
import sys


def test_module_prints_the_help_of_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "alexnet", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: alexnet [OPTIONS] COMMAND")
    assert done.stderr == ""
