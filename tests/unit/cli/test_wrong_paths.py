"""Paths that cannot be looked at, and options that would be ignored: one line, exit code 2, nothing is written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., tuple[int, str, str]]
LONG = "x" * 300
"""Longer than any file system lets a name be."""


def one_line(result: tuple[int, str, str]) -> str:
    """The error of a command that refused; it is one line."""
    code, out, err = result
    lines = [line for line in err.splitlines() if line.startswith("alexnet: ")]
    assert (code, out, len(lines)) == (2, "", 1), err
    assert "Traceback" not in err
    return lines[0]


@pytest.mark.parametrize(
    "words",
    [
        ["data", "check", LONG], ["data", "odd", LONG], ["data", "apply", LONG, "--out", "copy"],
        ["data", "correct", LONG], ["data", "correct", LONG, "--undo"], ["data", "shards", LONG, "--out", "shards"],
        ["data", "check", "images", "--corrections", LONG], ["data", "merge", LONG, "--out", "all.csv"],
        ["data", "spoil", LONG, "--grade", "list.txt"], ["doubts", LONG], ["shortcuts", LONG],
        ["train", LONG, "--plan"], ["train", "images", "--plan", "--weights", LONG],
        ["predict", "runs/first", LONG], ["predict", "runs/first", f"{LONG}/*.png"], ["why", "runs/first", LONG],
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG"),
)  # fmt: skip
def test_name_that_is_too_long_is_one_line(workspace: Path, run_command: Command, words: list[str]) -> None:
    before = sorted(workspace.rglob("*"))
    assert LONG in one_line(run_command(*words))
    assert sorted(workspace.rglob("*")) == before


@pytest.mark.parametrize(
    "words", [["data", "check"], ["data", "odd"], ["data", "correct"], ["predict", "runs/first"]], ids=" ".join
)
def test_folder_that_may_not_be_entered_is_one_line(
    workspace: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """As a user without rights sees it; root, as whom tests may run, may enter any folder."""
    closed, stat, scandir = workspace / "closed", os.stat, os.scandir

    def refused(look: Callable[..., Any]) -> Callable[..., Any]:
        def work(path: Any = ".", *rest: Any, **options: Any) -> Any:
            if not isinstance(path, int) and str(closed) in str(Path(os.fspath(path)).absolute()):
                raise PermissionError(13, "Permission denied", str(path))
            return look(path, *rest, **options)

        return work

    monkeypatch.setattr(os, "stat", refused(stat))
    monkeypatch.setattr(os, "scandir", refused(scandir))
    assert "closed" in one_line(run_command(*words, closed / "images"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["data", "correct", "images", "--exclude"], "--exclude needs images; name them after the folder"),
        (["data", "correct", "images", "--to", "rings"], "--to needs images"),
        (["data", "correct", "images", "--who", "Ada"], "--who needs images"),
        (["data", "correct", "images", "x.png", "--undo", "--to", "down"], "--undo takes no --to; first undo"),
        (["data", "correct", "images", "x.png", "--undo", "--who", "Ada"], "--undo takes no --who"),
        (["data", "correct", "images", "x.png", "--to", ""], "action = relabel needs a class"),
        (["data", "correct", "images", "x.png"], "give one of --to CLASS, --both CLASS, --exclude and --fine"),
        (["data", "correct", "images", "--undo"], "holds no correction; there is nothing to undo"),
        (["data", "correct", "no/such/folder"], "no/such/folder: no such file or folder; check the path"),
        (["data", "correct", "no/such/folder", "--undo"], "no/such/folder: no such file or folder; check the path"),
        (["data", "correct", "images", "--undo", "--corrections", "no/such.csv"], "there is nothing to undo"),
        (["data", "odd", "images", "--layer", "fc6"], "--layer is one of a run; give it as --run"),
        (["data", "spoil", "images", "--grade", "list.txt", "--out", "copy", "--swap", "0.1"],
         "--grade only reads, and takes no --out and --swap; leave out --grade"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)  # fmt: skip
def test_what_would_be_ignored_is_refused(workspace: Path, run_command: Command, words: list[str], told: str) -> None:
    before = sorted(workspace.rglob("*"))
    assert told in one_line(run_command(*words))
    assert sorted(workspace.rglob("*")) == before


def test_corrections_are_listed_without_an_option(workspace: Path, run_command: Command) -> None:
    name = "train/down/down_003.png"
    assert run_command("data", "correct", "images", name, "--exclude", "--who", "Ada")[0] == 0
    code, out, _ = run_command("data", "correct", "images")
    assert (code, out.splitlines()[1].split()[:3]) == (0, [name, "exclude", "Ada"])
