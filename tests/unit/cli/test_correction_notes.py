"""How many corrections apply is said once by every command that applies them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.data.corrections import correct
from tests.conftest import copy_images

Command = Callable[..., tuple[int, str, str]]
NOTE = "2 corrections apply (1 relabel, 1 exclude)"
NARROW = ("--set", "variant=narrow", "--set", "size=67", "--set", "start_size=none", "--set", "initialization=fan_in")
NARROW += ("--set", "epochs=1")
WITH_RESULT = (
    ("shortcuts", "images"), ("data", "odd", "images"), ("data", "check", "images"),
    ("data", "shards", "images", "--out", "shards"), ("data", "spoil", "images", "--out", "copy"),
    ("model", "check", "narrow", "--data", "images", *NARROW),
)  # fmt: skip
WITHOUT = (
    ("train", "images", "--plan", *NARROW), ("enough", "images", "--plan", *NARROW),
    ("doubts", "images", "--plan", *NARROW),
)  # fmt: skip


@pytest.fixture
def folder(image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`images` in the current folder, with two corrections."""
    copied = copy_images(image_folder, tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    correct(copied, ["train/down/down_003.png"], "relabel", to="rings")
    correct(copied, ["train/rings/rings_004.png"], "exclude")
    return copied


@pytest.mark.parametrize("words", WITH_RESULT + WITHOUT, ids=lambda words: " ".join(words[:2]))
def test_note_comes_once(folder: Path, run_command: Command, words: tuple[str, ...]) -> None:
    code, out, err = run_command(*words, "--corrections", folder / "corrections.csv")
    assert (code, (out + err).count(NOTE)) == (0, 1), err


@pytest.mark.parametrize("words", WITH_RESULT, ids=lambda words: " ".join(words[:2]))
def test_json_counts_the_corrections(folder: Path, run_command: Command, words: tuple[str, ...]) -> None:
    code, out, err = run_command(*words, "--corrections", folder / "corrections.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["num_corrections"] == 2


def test_training_says_it_once_too(folder: Path, run_command: Command) -> None:
    code, out, err = run_command(
        "train", "images", *NARROW, "--out", "run", "--corrections", folder / "corrections.csv"
    )
    assert (code, (out + err).count(NOTE)) == (0, 1), err


def test_folders_left_aside_are_said_without_corrections(folder: Path, run_command: Command) -> None:
    (folder / "train" / "down" / ".thumbs").mkdir()
    (folder / "train" / "down" / ".thumbs" / "a.png").write_bytes(b"x")
    for words in (("shortcuts", "images"), ("data", "odd", "images")):
        code, out, err = run_command(*words)
        assert (code, (out + err).count("1 file in a hidden folder is left aside (.thumbs)")) == (0, 1)


def test_spoiled_copy_has_the_corrected_labels(folder: Path, run_command: Command, tmp_path: Path) -> None:
    words = ("data", "spoil", "images", "--out", "copy", "--corrections", folder / "corrections.csv", "--json")
    assert json.loads(run_command(*words)[1])["num_images"] == 92
    files = json.loads((tmp_path / "copy" / "answers.json").read_text())["files"]
    (moved,) = [name for name, source in files.items() if source == "train/down/down_003.png"]
    assert moved.startswith("train/rings/")
