"""The cache: built once, and again when it is stale, cut short, damaged or of other files."""

import os
import signal
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest

from alexnet.data import cache
from alexnet.data.cache import clear_cache, decode_folder, list_caches
from alexnet.data.decode import decode_image
from alexnet.data.entry import Entry
from alexnet.data.folder import scan_folder
from alexnet.data.sources import FolderSource
from alexnet.errors import DataError
from alexnet.records import Preprocessing
from tests.conftest import draw_stripes, encode, write_images

ZERO = (0.0, 0.0, 0.0)
SETTINGS = Preprocessing(24, "squash", True, "RGB", ZERO, ZERO)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ALEXNET_CACHE", str(folder))
    return folder


def decode(path: Path, seen: list[int] | None = None, settings: Preprocessing = SETTINGS):  # type: ignore[no-untyped-def]
    return decode_folder(
        scan_folder(path), settings, on_progress=lambda done, _: seen.append(done) if seen is not None else None
    )


def test_pixels_equal_those_of_single_decoding(tmp_path: Path) -> None:
    images = decode(write_images(tmp_path, 3))
    for row, file in enumerate(images.files):
        expected = decode_image(images.folder.source.read(file.entry), SETTINGS)
        np.testing.assert_array_equal(images.pixels[row], expected)
    assert not images.pixels.flags.writeable


def test_second_call_decodes_nothing(tmp_path: Path) -> None:
    first, second = [], []  # type: ignore[var-annotated]
    before = decode(write_images(tmp_path, 2), first)
    after = decode(tmp_path, second)
    assert (first[-1], second) == (6, [])
    assert before.fingerprint == after.fingerprint
    assert before.facts == after.facts


def test_cache_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    images = decode(write_images(tmp_path, 2))
    whole = images.pixels_path.read_bytes()
    images.pixels_path.write_bytes(whole[:-100])
    seen: list[int] = []
    assert decode(tmp_path, seen).pixels_path.read_bytes() == whole
    assert seen


def test_damaged_facts_are_made_anew(tmp_path: Path) -> None:
    images = decode(write_images(tmp_path, 2))
    (images.pixels_path.parent / "facts.json").write_text("[{]")
    seen: list[int] = []
    decode(tmp_path, seen)
    assert seen


def test_changed_file_of_the_same_length_and_time_is_noticed(tmp_path: Path) -> None:
    images = decode(write_images(tmp_path, 2))
    file = tmp_path / "down" / "down_000.png"
    times = file.stat()
    content = file.read_bytes()
    other = (tmp_path / "rings" / "rings_000.png").read_bytes()
    file.write_bytes(other[: len(content)].ljust(len(content), b"\0"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert decode(tmp_path).fingerprint != images.fingerprint


def test_other_preprocessing_has_a_cache_of_its_own(tmp_path: Path) -> None:
    decode(write_images(tmp_path, 2))
    wider = Preprocessing(32, "squash", True, "RGB", ZERO, ZERO)
    assert decode(tmp_path, settings=wider).pixels.shape == (6, 32, 32, 3)
    assert len(list_caches()) == 2


def test_unusable_files_cost_no_row_and_keep_their_reason(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    (tmp_path / "down" / "a_note.txt").write_text("hello")
    (tmp_path / "down" / "cut.jpg").write_bytes(encode(draw_stripes(1, 1), "JPEG")[:300])
    (tmp_path / "rings" / "lost.png").symlink_to("nowhere")
    for images in (decode(tmp_path), decode(tmp_path)):  # built, and from the cache
        assert set(images.left_out) == {"down/a_note.txt", "down/cut.jpg", "rings/lost.png"}
        assert images.left_out["down/a_note.txt"] == "no image"
        assert "truncated" in images.left_out["down/cut.jpg"].lower()
        assert images.left_out["rings/lost.png"] == "a link to nothing"
        assert len(images.files) == len(images.facts) == len(images.pixels) == 6
        assert images.pixels_path.stat().st_size == 6 * 24 * 24 * 3
        for row, file in enumerate(images.files):
            expected = decode_image(images.folder.source.read(file.entry), SETTINGS)
            np.testing.assert_array_equal(images.pixels[row], expected)


def test_folder_without_a_usable_image_has_no_rows(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_text("no image")
    for images in (decode(tmp_path), decode(tmp_path)):
        assert images.pixels.shape == (0, 24, 24, 3)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot be written .* set ALEXNET_CACHE"):
        decode(write_images(tmp_path / "p", 2))


def test_interrupted_decoding_leaves_nothing(tmp_path: Path, empty_cache: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_folder(scan_folder(write_images(tmp_path, 2)), SETTINGS, on_progress=stop)
    assert [p for p in empty_cache.rglob("*") if p.is_file() and p.suffix != ".lock"] == []


def test_clearing_frees_all(tmp_path: Path) -> None:
    decode(write_images(tmp_path, 2))
    assert clear_cache() > 6 * 24 * 24 * 3
    assert list_caches() == []


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("always_verified", [1 << 30, 0])
def test_one_changed_bit_of_the_pixels_is_noticed(
    tmp_path: Path, always_verified: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "ALWAYS_VERIFIED", always_verified)
    images = decode(write_images(tmp_path, 2))
    whole = images.pixels_path.read_bytes()
    assert images.notes == ()
    flip(images.pixels_path, 5000)
    again = decode(tmp_path)
    assert again.pixels_path.read_bytes() == whole
    assert again.notes == ("the cache of decoded images was damaged and was built again",)
    assert decode(tmp_path).notes == (), "it is said once"


def test_pixels_that_became_zeros_are_noticed(tmp_path: Path) -> None:
    images = decode(write_images(tmp_path, 2))
    whole = images.pixels_path.read_bytes()
    images.pixels_path.write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\0"))
    assert decode(tmp_path).pixels_path.read_bytes() == whole


CHANGES: list[Callable[[str], str]] = [
    lambda text: text.replace("48, 48", "48, 49", 1), lambda text: text[:-3], lambda _: "[]", lambda _: "{",
    lambda _: '{"checksum": 5, "rows": 7}', lambda _: "",
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_changed_facts_are_noticed(tmp_path: Path, change: Callable[[str], str]) -> None:
    images = decode(write_images(tmp_path, 2))
    path = images.pixels_path.parent / "facts.json"
    path.write_text(change(path.read_text()))
    again = decode(tmp_path)
    assert again.facts == images.facts
    assert again.notes


def test_large_cache_is_compared_again_only_when_it_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "ALWAYS_VERIFIED", 0)
    boot = tmp_path / "boot_id"
    boot.write_text("first")
    monkeypatch.setattr(cache, "BOOT_ID", boot)
    compared: list[int] = []
    images = decode(write_images(tmp_path / "images", 2))
    crc32 = zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda row: (compared.append(1), crc32(row))[1])
    decode(tmp_path / "images")
    assert compared == []
    boot.write_text("second")
    for _ in range(2):
        decode(tmp_path / "images")
        assert len(compared) == 6
    images.pixels_path.touch()
    decode(tmp_path / "images")
    assert len(compared) == 12
    boot.unlink()
    decode(tmp_path / "images")
    assert len(compared) == 18


def test_two_threads_build_one_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 7)  # as in two containers
    write_images(tmp_path, 8)
    seen: list[list[int]] = [[] for _ in range(4)]
    results: list[object] = []
    barrier = threading.Barrier(4)

    def work(place: int) -> None:
        barrier.wait()
        try:
            results.append(int((decode(tmp_path, seen[place]).pixels.reshape(24, -1).max(1) == 0).sum()))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0, 0, 0, 0]
    assert sum(bool(progress) for progress in seen) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_two_processes_build_one_cache_once(tmp_path: Path, empty_cache: Path) -> None:
    write_images(tmp_path, 8)
    waiting, gate = os.pipe()
    children = []
    for _ in range(2):
        if (child := os.fork()) == 0:
            os.close(gate)
            os.read(waiting, 1)  # until both are there
            seen: list[int] = []
            is_whole = all(image.max() > 0 for image in decode(tmp_path, seen).pixels)
            os._exit(len(seen) if is_whole else 99)
        children.append(child)
    os.close(waiting)
    os.close(gate)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(map(bool, codes)) == [False, True]
    assert max(codes) < 99
    assert list(empty_cache.rglob("*.part*")) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_process_that_waits_decodes_where_the_first_is_killed(tmp_path: Path, empty_cache: Path) -> None:
    write_images(tmp_path, 2)
    waiting, ready = os.pipe()
    if (child := os.fork()) == 0:

        def stop(_done: int, _total: int) -> None:
            os.write(ready, b"x")
            signal.pause()

        decode_folder(scan_folder(tmp_path), SETTINGS, on_progress=stop)
    os.read(waiting, 1)  # the other holds the lock, with its work half done
    threading.Timer(0.1, lambda: os.kill(child, signal.SIGKILL)).start()
    assert len(decode(tmp_path).pixels) == 6
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    for end in (waiting, ready):
        os.close(end)


def test_file_system_without_locks_still_gets_a_whole_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(filelock.FileLock, "_acquire", no_locks)
    assert len(decode(write_images(tmp_path, 2)).pixels) == 6


def test_errors_that_may_pass_are_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, 2)
    read = FolderSource.read

    def fail(self: FolderSource, entry: Entry) -> bytes:
        if entry.name == "down/down_001.png":
            raise OSError(5, "Input/output error")
        return read(self, entry)

    with monkeypatch.context() as patch:
        patch.setattr(FolderSource, "read", fail)
        assert decode(tmp_path).left_out == {"down/down_001.png": "cannot be read (Input/output error)"}
    assert decode(tmp_path).left_out == {}


def test_file_that_may_not_be_read_does_not_switch_the_cache_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = write_images(tmp_path, 2) / "down" / "down_001.png"
    opens = Path.open

    def refuse(self: Path, *words: Any, **options: Any) -> Any:
        if self == forbidden and not self.stat().st_mode & 0o004:
            raise PermissionError(13, "Permission denied", str(self))
        return opens(self, *words, **options)

    monkeypatch.setattr(Path, "open", refuse)
    forbidden.chmod(0o600)
    again: list[int] = []
    for seen in ([], again):
        assert decode(tmp_path, seen).left_out == {"down/down_001.png": "cannot be read (Permission denied)"}
    assert again == [], "the second call decodes nothing"
    forbidden.chmod(0o644)
    assert decode(tmp_path).left_out == {}, "a change of permissions is noticed"


def test_cache_that_is_being_built_is_not_cleared(tmp_path: Path) -> None:
    images = decode(write_images(tmp_path, 2))
    folder = images.pixels_path.parent
    with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):  # as a process holds it that builds
        assert clear_cache() == 0
    assert folder.exists()
    assert clear_cache() > 0
    assert int(images.pixels[3].max()) > 0, "whoever has opened it goes on"


def test_raised_limit_is_not_answered_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, 2)
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_BYTES", "1000")
    assert len(decode(tmp_path).left_out) == 6
    monkeypatch.delenv("ALEXNET_MAX_IMAGE_BYTES")
    assert decode(tmp_path).left_out == {}


def test_names_that_are_not_utf8_go_through_the_cache(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    os.rename(tmp_path / "down" / "down_000.png", os.fsencode(tmp_path / "down") + b"/caf\xe9.png")  # noqa: PTH104
    for images in (decode(tmp_path), decode(tmp_path)):
        assert r"down/caf\xe9.png" in [file.entry.name for file in images.files]
        assert images.fingerprint.isalnum()
