"""The cache: made once, noticed when stale, cut short or of other files."""

import os
from pathlib import Path

import numpy as np
import pytest

from alexnet.data.cache import clear_cache, decode_folder, list_caches
from alexnet.data.decode import decode_image
from alexnet.data.folder import scan_folder
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
    for row, file in enumerate(images.folder.files):
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


def test_unusable_files_keep_their_row_and_their_reason(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    (tmp_path / "down" / "a_note.txt").write_text("hello")
    (tmp_path / "down" / "cut.jpg").write_bytes(encode(draw_stripes(1, 1), "JPEG")[:300])
    images = decode(tmp_path)
    errors = {f.entry.name: fact.error for f, fact in zip(images.folder.files, images.facts, strict=True)}
    assert errors["down/a_note.txt"] == "no image"
    assert "truncated" in str(errors["down/cut.jpg"]).lower()
    assert len(images.facts) == 8


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
    assert [p for p in empty_cache.rglob("*") if p.is_file()] == []


def test_clearing_frees_all(tmp_path: Path) -> None:
    decode(write_images(tmp_path, 2))
    assert clear_cache() > 6 * 24 * 24 * 3
    assert list_caches() == []
