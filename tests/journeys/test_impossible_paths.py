"""Paths that no file system has: one line and exit code 2, in every place of a command where a path is given."""

from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]

LONG = "x" * 300
"""A name that is too long for a file; unlike missing permissions, this is refused to the superuser, too."""


@pytest.mark.parametrize(
    "words",
    [
        ["train", LONG],
        ["train", "IMAGES", "--weights", LONG],
        ["train", "IMAGES", "--weights", f"{LONG}@3"],
        ["train", "IMAGES", "--weights", f"{LONG}/model.safetensors"],
        ["train", "IMAGES", "--recipe", LONG],
        ["train", "IMAGES", "--corrections", LONG],
        ["train", "IMAGES", "--out", LONG],
        ["train", "IMAGES", "--plan", "--out", LONG],
        ["resume", LONG],
        ["export", "RUN", f"{LONG}.onnx"],
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG"),
)
def test_impossible_path_is_one_line(
    run_command: Command, words: list[str], image_folder: Path, request: pytest.FixtureRequest
) -> None:
    if words[0] == "export":
        pytest.importorskip("onnxscript")
    paths = {"IMAGES": image_folder, "RUN": request.getfixturevalue("trained_run").path if "RUN" in words else None}
    code, _, err = run_command(*[paths.get(word, word) for word in words])
    lines = [line for line in err.splitlines() if not line.startswith("counting images")]
    assert code == 2, err
    assert len(lines) == 1 and lines[0].startswith("alexnet: ")
    assert "xxxxx" in lines[0]
    assert "fault of this program" not in err
