"""The kinds of files that a figure can be written as."""

from pathlib import Path

from alexnet.errors import RunError
from alexnet.files import shown_name

__all__ = ["figure_kind"]

KINDS = ("png", "svg", "pdf", "jpg", "jpeg", "webp")


def figure_kind(path: Path) -> str:
    """The kind of file that a path's suffix names, in lower case and without the dot.

    Raises:
        RunError: another suffix.

    >>> figure_kind(Path("Kernels.PNG"))
    'png'
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise RunError(f"{shown_name(path)}: unknown suffix; choose one of .{', .'.join(KINDS)}")
    return kind
