"""Paths as the commands on the page have them: what is printed works where the studio was started."""

import shlex
from pathlib import Path

from alexnet.files import shown_name

__all__ = ["shell_path"]


def shell_path(path: Path) -> str:
    """A path to be typed into a shell in the folder where the studio was started, quoted where needed.

    It is relative if it lies below that folder, otherwise absolute.
    """
    try:
        text = str(path.resolve().relative_to(Path.cwd()))
    except (OSError, ValueError):  # that folder was deleted, or the path lies elsewhere
        text = str(path.resolve())
    return shlex.quote(shown_name(f"./{text}" if text.startswith("-") else text))
