"""Writing whole or not at all, names that can be shown, and the folder of the cache."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet import files
from alexnet.errors import DataError, RunError
from alexnet.files import disk_errors, escape_name, shown_name, unescape_name, user_cache_dir, write_whole

ODD = [
    b"caf\xe9.jpg", b"b\xe4lle", b"new\nline", b"tab\there", b"\x1b[31mred", "\u202egpj.exe".encode(), b"\x85",
    "\u0085".encode(), b"back\\slash", b"back\\new", b"\\x41", b"a\\\\b", b"end\\", b"\\\x1b", "日本 🐶".encode(),
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_shown_name_is_one_printable_line_of_utf8(name: bytes) -> None:
    for shown in (shown_name(name), escape_name(name)):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202e]", shown)
        assert shown.encode("utf-8").decode("utf-8") == shown
    assert shown_name(shown_name(name)) == shown_name(name)


@pytest.mark.parametrize("name", ODD)
def test_escaped_name_gives_the_bytes_back(name: bytes) -> None:
    assert os.fsencode(unescape_name(escape_name(name))) == name


@given(st.binary(max_size=20).filter(lambda name: b"\0" not in name), st.binary(max_size=20))
def test_any_two_names_stay_two(first: bytes, second: bytes) -> None:
    assert unescape_name(escape_name(first)).encode("utf-8", "surrogateescape") == first
    assert (escape_name(first) == escape_name(second)) == (first == second)


def test_ordinary_names_are_left_alone() -> None:
    for name in ("ball_001.jpg", "日本/🐶 👩‍🚀.png", "a b;c'd\"e", "back\\slash", "Größe\u00a0M", "$5_$x^", "%s{x}"):
        assert shown_name(name) == escape_name(name) == name


def test_cache_folder_is_the_chosen_one_with_its_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALEXNET_CACHE", "~/mine")
    assert user_cache_dir() == tmp_path / "mine"
    monkeypatch.delenv("ALEXNET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_cache_dir() == tmp_path / "xdg" / "alexnet"


def test_user_without_a_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "ALEXNET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    with pytest.raises(DataError, match="no home folder; set ALEXNET_CACHE to a folder"):
        user_cache_dir()


def test_file_is_whole_or_as_before(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    write_whole(target, lambda beside: beside.write_text("first"))

    def fail(beside: Path) -> None:
        beside.write_text("half")
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_whole(target, fail)
    assert target.read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_file_and_folder_reach_the_disk_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda file: done.append("folder" if is_folder(file) else "file"))
    monkeypatch.setattr(Path, "replace", lambda self, target: (done.append("rename"), self.rename(target)))
    write_whole(tmp_path / "a.txt", lambda beside: beside.write_text("x"))
    assert done == ["file", "rename", "folder"]


def is_folder(file: int) -> bool:
    import stat

    return stat.S_ISDIR(os.fstat(file).st_mode)


@pytest.mark.parametrize("name", ["x" * 251 + ".npz", "日" * 84 + ".x", "a." + "y" * 250])
def test_names_as_long_as_the_file_system_allows(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, lambda beside: beside.write_text("x"))
    assert (tmp_path / name).read_text() == "x"


def test_writers_of_one_file_in_many_threads_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 7)  # as in two containers
    target, failures = tmp_path / "a.txt", []

    def work(letter: str) -> None:
        try:
            for _ in range(30):
                write_whole(target, lambda beside: beside.write_text(letter * 10_000))
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(target.read_text())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_leftovers_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from alexnet.files import write_whole\n"
        "def write(beside):\n    beside.write_text('half'); print(beside.name, flush=True); time.sleep(60)\n"
        f"write_whole(Path({str(tmp_path)!r}) / 'big.bin', write)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, living = (str(writer.stdout.readline()).strip() for writer in writers if writer.stdout)
    try:
        writers[0].send_signal(signal.SIGKILL)
        writers[0].wait()
        (tmp_path / ".note.part").write_text("the user's")
        assert (tmp_path / killed).exists()
        files._remove_leftovers.cache_clear()
        write_whole(tmp_path / "other.txt", lambda beside: beside.write_text("x"))
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living, ".note.part", "other.txt"])
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            if writer.stdout:
                writer.stdout.close()


@pytest.mark.skipif(os.name == "nt", reason="locks")
def test_file_that_another_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, removed = files._lock, list[Path]()

    def disturbed(file: int, *, waits: bool = False) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        lock(file, waits=waits)

    def write(beside: Path) -> None:
        assert beside == removed[0] and beside.exists()
        files._remove_if_dead(beside)
        assert beside.exists(), "it is locked"
        beside.write_text("x")

    monkeypatch.setattr(files, "_lock", disturbed)
    write_whole(tmp_path / "a.txt", write)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_disk_error_names_the_file_in_one_line() -> None:
    with (
        pytest.raises(RunError, match=r"^new\\nline: cannot be written \(gone\); mend it$"),
        disk_errors(Path("new\nline"), RunError, "mend it"),
    ):
        raise OSError("gone")
