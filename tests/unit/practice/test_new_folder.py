"""A folder that appears when it is whole: beside its place, or within an empty folder that is there already."""

import contextlib
import os
from pathlib import Path

import pytest

from alexnet.errors import DataError
from alexnet.practice.new_folder import new_folder


def _fill(beside: Path) -> None:
    (beside / "train").mkdir()
    (beside / "train" / "a.txt").write_text("a")
    (beside / "origins.csv").write_text("b")


def test_an_empty_folder_stays_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that is in it is not left in a deleted folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    before = here.stat().st_ino
    with new_folder(".") as beside:
        _fill(beside)
        assert [path.name for path in here.iterdir()] == [beside.name], "nothing else is there before it is whole"
    assert here.stat().st_ino == before
    assert sorted(os.listdir()) == ["origins.csv", "train"]  # noqa: PTH208


def test_a_mounted_folder_in_one_that_may_not_be_written_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither can be replaced: the system refuses to remove a mount point, and to write beside it."""
    target = tmp_path / "target"
    target.mkdir()
    rmdir, mkdir = Path.rmdir, Path.mkdir

    def no_rmdir(self: Path) -> None:
        if self == target:
            raise OSError(16, "Device or resource busy")
        rmdir(self)

    def no_mkdir(self: Path, *words: object, **options: object) -> None:
        if self.parent == tmp_path:
            raise PermissionError(13, "Permission denied")
        mkdir(self, *words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "rmdir", no_rmdir)
    monkeypatch.setattr(Path, "mkdir", no_mkdir)
    with new_folder(target) as beside:
        _fill(beside)
    assert sorted(path.name for path in target.iterdir()) == ["origins.csv", "train"]


def test_failure_leaves_an_empty_folder_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.suppress(KeyboardInterrupt), new_folder(tmp_path) as beside:
        _fill(beside)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "train" and target.parent == tmp_path:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(DataError, match="Input/output error"), new_folder(tmp_path) as beside:
        _fill(beside)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_call_left_inside_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".drawing").mkdir()
    (tmp_path / ".drawing" / "old.txt").write_text("old")
    with new_folder(tmp_path) as beside:
        _fill(beside)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["origins.csv", "train"]
