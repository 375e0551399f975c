"""One test image on a run's page: followed through the network, and edited until it is no longer recognized."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alexnet.files import shown_name, unescape_name
from alexnet.progress_callback import Progress
from alexnet.report.image_sources import figure_uri
from alexnet.report.inside_page import decision_uri, stage_sections
from alexnet.report.shell_words import image_words, run_words
from alexnet.runs.edit import edit
from alexnet.runs.images import read_files
from alexnet.runs.inside import inside
from alexnet.runs.run import Run
from alexnet.safe_name import safe_name

__all__ = ["edited_image", "followed_image"]

CHANGES = ("cover", "turn", "scale", "brightness")
"""Changes on the page: one of each kind (a part hidden, moved, resized, recolored)."""

NUM_MAPS = 2
"""Strongest maps of each layer; drawing takes most of the time."""


def followed_image(run: Run, file: str, on_progress: Progress | None) -> dict[str, Any]:
    """A test image on its way through the network, with the patches that excite the units of its maps.

    The units that decide come without patches: these would take another pass over all training images.

    Raises:
        DataError: the image, or those of the training, are not where they were.
        GeometryError: the network does not end in a fully connected layer.
    """
    with _image_file(run, file) as path:
        view = inside(run, path, num_maps=NUM_MAPS, deciding_patches=False, on_progress=on_progress)
    return {
        "title": view.title,
        "file": shown_name(file),
        "notes": view.notes,
        "sections": stage_sections(view),
        "decision": view.path.decision,
        "figure": decision_uri(view),
        "command": f"alexnet inside {run_words(run)} {image_words(run, file)}",
    }


def edited_image(run: Run, file: str) -> dict[str, Any]:
    """The probabilities of a test image while it is changed.

    Raises:
        DataError: the image is not where it was.
    """
    with _image_file(run, file) as path:
        edited = edit(run, path, CHANGES)
    options = " ".join(f"--change {name}" for name in CHANGES)
    return {
        "title": edited.title,
        "notes": edited.notes,
        "lines": [str(curve) for curve in edited.curves],
        "figure": figure_uri(edited.draw()),
        "command": f"alexnet edit {run_words(run)} {image_words(run, file)} {options}",
    }


@contextmanager
def _image_file(run: Run, file: str) -> Iterator[Path]:
    """Inside the block, a copy of a test image, wherever it is kept."""
    ((_, data),) = read_files(run.data_path, [file])
    with TemporaryDirectory() as folder:
        path = Path(folder) / safe_name(unescape_name(file.rpartition("/")[2]))
        path.write_bytes(data)
        yield path
