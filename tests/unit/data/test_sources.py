"""Files of a folder by name: the same with and without listing it, and none outside it."""

import os
from pathlib import Path

import pytest

from alexnet.data.sources import FolderSource, find_entries, open_source
from tests.unit.data.test_folder import pack

NAMES = (b"plain.jpg", b"with space.jpg", b"back\\new.jpg", b"not-utf8-\xe9.jpg", "right\u202eto-left.jpg".encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "images" / "a"
    inner.mkdir(parents=True)
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(inner) + b"/" + name)).write_bytes(name)
    (inner / "gone.jpg").symlink_to("nowhere")
    (inner / "deeper").mkdir()
    (tmp_path / "secret.txt").write_text("outside")
    return tmp_path / "images"


def test_files_are_found_as_they_are_listed(folder: Path) -> None:
    source = open_source(folder)
    listed = {entry.name: entry for entry in source.entries}
    assert len(listed) == len(NAMES) + 1
    assert find_entries(open_source(folder), listed) == listed
    good = [name for name, entry in listed.items() if not entry.problem]
    assert sorted(source.read(listed[name]) for name in good) == sorted(NAMES)


OTHERS = (
    "../secret.txt", "a/../../secret.txt", r"\x2e\x2e/secret.txt", "a/deeper", "a", "", "a//plain.jpg",
    "./a/plain.jpg", "a/none.jpg", "a/plain.jpg/x",
)  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_listed_is_not_found(folder: Path, name: str) -> None:
    assert find_entries(open_source(folder), [name, f"{folder.parent}/secret.txt"]) == {}


def test_files_of_an_archive_are_found(folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "gone.jpg").unlink()
    source = open_source(pack(folder, tmp_path / "p.tar"))
    name = source.entries[0].name
    assert find_entries(source, [name, "a/none.jpg"]) == {name: source.entries[0]}


def test_a_folder_is_walked_in_the_order_of_its_names_one_file_at_a_time(tmp_path: Path) -> None:
    """A folder sorts with its `/`: `a-b` and `a.png` come before what is in `a`, `a0.png` comes after."""
    for name in ("a/x.png", "a/é.png", "a.png", "a-b.png", "a0.png", "a\nb/y.png", "ab/z.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"image")
    source = open_source(tmp_path)
    assert isinstance(source, FolderSource)
    walk = source.walk()
    assert next(walk).name == "a-b.png"
    (tmp_path / "a0.png").unlink()
    rest = list(walk)
    assert [entry.name for entry in rest if entry.problem] == ["a0.png"], "it was not looked at before its turn"
    names = ["a-b.png", *(entry.name for entry in rest)]
    assert names == sorted(names) and len(names) == 7
    assert [entry.name for entry in source.entries] == [name for name in names if name != "a0.png"]


def test_what_is_no_regular_file_is_not_opened(folder: Path) -> None:
    """Whoever opens a FIFO to read waits until another writes."""
    os.mkfifo(folder / "a" / "pipe.jpg")
    source = open_source(folder)
    entry = next(entry for entry in source.entries if entry.name == "a/pipe.jpg")
    with pytest.raises(OSError, match="not a regular file"):
        source.read(entry)
