"""A run and an image in the words of a shell: what the commands of a page are given."""

import shlex
from pathlib import Path

from alexnet.files import is_folder, shown_name, unescape_name
from alexnet.runs.run import Run

__all__ = ["image_words", "run_words"]


def run_words(run: Run) -> str:
    """The folder of a run."""
    return shlex.quote(shown_name(run.path))


def image_words(run: Run, file: str) -> str:
    """The path of a test image; IMAGE where the images are not files of a folder.

    Args:
        file: its name, as predictions have it.
    """
    folder = run.data_path
    if not is_folder(folder):
        return "IMAGE"
    return shlex.quote(shown_name(Path(folder) / unescape_name(file)))
