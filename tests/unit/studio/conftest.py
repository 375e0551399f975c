"""One studio for all tests of this folder, on a copy of the images and the run that other tests use too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet.runs.run import Run
from alexnet.studio.jobs import Job
from tests.conftest import copy_images, copy_linked, draw_stripes
from tests.studio_server import Studio, served

AWKWARD = 'a <b> & "quoted" \u202egpj.png'
"""The name of an image that is markup, and turns the direction of text."""


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, image_folder: Path, narrow_run: Run) -> Path:
    """A folder as a user has it: `images`, `runs/first`, and things beside them."""
    root = tmp_path_factory.mktemp("studio") / "place"
    copy_images(image_folder, root / "images")
    draw_stripes(0, 77).save(root / "images" / "train" / "across" / AWKWARD)
    copy_linked(narrow_run.path, root / "runs" / "first")
    (root / "notes").mkdir()
    (root / "notes" / "secret.txt").write_text("not to be served", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def studio(place: Path) -> Iterator[Studio]:
    with served([place]) as running:
        yield running


@pytest.fixture
def started(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that are started, which are only written down."""
    commands: list[tuple[str, ...]] = []

    def start(words: Any, out: Path) -> Job:
        commands.append(tuple(words))
        return Job(str(out), tuple(words), 0, "")

    monkeypatch.setattr(studio.workspace.jobs, "start", start)
    return commands
