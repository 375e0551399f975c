"""Shards from an HTTP server: whole, continued, checked, kept up to a limit; the server is one of this machine."""

import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.data.cache import clear_cache, list_caches
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.streamed import StreamedImages, open_images
from alexnet.data.write_shards import write_shards
from alexnet.errors import DataError, DownloadError
from alexnet.files import address_of
from tests.conftest import small_recipe
from tests.shard_server import ShardServer, serve

PREPROCESSING = plain_preprocessing(small_recipe())


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Path:
    out = tmp_path_factory.mktemp("served") / "shards"
    write_shards(image_folder, out, shard_mb=0.04)
    return out


@pytest.fixture
def server(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShardServer]:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("alexnet.downloads.WAIT_SECONDS", (0.01, 0.01, 0.01))
    monkeypatch.setattr("alexnet.downloads.TIMEOUT_SECONDS", 0.2)
    folder = tmp_path / "served"
    folder.mkdir()
    for path in shards.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with serve(folder) as serving:
        yield serving


def opened(server: ShardServer) -> StreamedImages:
    images = open_images(scan_folder(server.address), PREPROCESSING)
    assert isinstance(images, StreamedImages)
    return images


def cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache/images").glob("*/[!.]*.tar*"))


def test_pixels_are_those_of_the_folder_and_each_shard_comes_once(
    server: ShardServer, shards: Path, tmp_path: Path
) -> None:
    images, local = opened(server), open_images(scan_folder(shards), PREPROCESSING)
    assert images.fingerprint == local.fingerprint and list(images.names) == list(local.names)
    assert np.array_equal(images.pixels[:], local.pixels[:])
    assert images.folder.location == server.address.removesuffix("/shards.json")
    assert address_of(images.folder.path) == images.folder.location
    tars = {name: count for name, count in server.requests.items() if name.endswith(".tar")}
    assert len(tars) == len(images.source.tables) and set(tars.values()) == {1}
    again = opened(server)
    assert np.array_equal(again.pixels[3], local.pixels[3])
    assert server.requests["train-000000.tar"] == 1 and server.requests["train-000000.json"] == 1
    assert server.requests["shards.json"] == 2
    assert [size > 100_000 for _, size, _ in list_caches()] == [True]


@pytest.mark.parametrize("fault", ["drop", "stall", 500, 503, 429])
def test_a_fault_of_the_server_is_tried_again(server: ShardServer, shards: Path, fault: str | int) -> None:
    images = opened(server)
    server.faults["train-000000.tar"] = [fault, fault]
    expected = open_images(scan_folder(shards), PREPROCESSING).pixels[:4]
    assert np.array_equal(images.pixels[:4], expected)
    assert server.requests["train-000000.tar"] == 3
    if isinstance(fault, str):  # continued where it stopped, not begun again
        assert [name for name, _ in server.ranges] == ["train-000000.tar"] * 2
        assert server.num_bytes["train-000000.tar"] == (shards / "train-000000.tar").stat().st_size


def test_a_list_that_breaks_off_is_tried_again(server: ShardServer) -> None:
    server.faults = {"shards.json": ["drop", 500], "train-000000.json": ["drop"]}
    assert len(opened(server).files) == 93


def test_a_server_that_stays_away_is_one_line(server: ShardServer) -> None:
    images = opened(server)
    server.faults["train-000000.tar"] = [500] * 9
    with pytest.raises(DownloadError, match=r"train-000000.tar: the server answers 500 .*; try again later"):
        images.pixels[0]
    assert server.requests["train-000000.tar"] == 4
    server.faults["train-000000.tar"] = []
    assert images.pixels[0].shape == (67, 67, 3)


def test_a_file_that_is_not_there_is_not_asked_for_twice(server: ShardServer) -> None:
    images = opened(server)
    (server.folder / "train-000000.tar").unlink()
    with pytest.raises(DownloadError, match="the server answers 404"):
        images.pixels[0]
    assert server.requests["train-000000.tar"] == 1
    (server.folder / "shards.json").unlink()
    with pytest.raises(DownloadError, match=r"some/shards.json: the server answers 404"):
        scan_folder(server.address)


def test_a_shard_that_has_changed_on_the_server_is_named(server: ShardServer, tmp_path: Path) -> None:
    images = opened(server)
    path = server.folder / "train-000001.tar"
    changed = bytearray(path.read_bytes())
    changed[700] ^= 1
    path.write_bytes(changed)
    row = int(images.source.starts[1])
    with pytest.raises(DownloadError, match=r"train-000001.tar: has changed on the server .*; restore it there, or"):
        images.pixels[row]
    assert cached(tmp_path) == []
    assert images.pixels[0].any()


def test_a_part_of_an_older_shard_is_given_up(server: ShardServer, shards: Path) -> None:
    images = opened(server)
    (images.source.store.folder / "train-000000.tar.part").write_bytes(b"older" * 100)
    assert np.array_equal(images.pixels[0], open_images(scan_folder(shards), PREPROCESSING).pixels[0])


def test_a_copy_damaged_in_the_cache_is_downloaded_again(server: ShardServer, shards: Path) -> None:
    images = opened(server)
    assert images.pixels[0].any()
    path = images.source.store.folder / "train-000000.tar"
    damaged = bytearray(path.read_bytes())
    damaged[int(images.source.tables[0].offsets[1]) + 20] ^= 1
    path.write_bytes(damaged)
    assert np.array_equal(opened(server).pixels[:3], open_images(scan_folder(shards), PREPROCESSING).pixels[:3])
    assert server.requests["train-000000.tar"] == 2


def test_threads_that_read_a_damaged_copy_at_once_download_it_once(server: ShardServer) -> None:
    source = opened(server).source
    rows = range(int(source.starts[1]))
    for turn in range(1, 31):
        whole = [source.read_row(row) for row in rows]
        path = source.store.folder / "train-000000.tar"
        path.write_bytes(bytes(path.stat().st_size))
        others = opened(server).source
        with ThreadPoolExecutor(len(rows)) as pool:
            assert list(pool.map(others.read_row, rows)) == whole
        assert server.requests["train-000000.tar"] == turn + 1
        source = opened(server).source


def test_an_index_that_is_not_that_of_the_tar_is_one_line(server: ShardServer) -> None:
    images = opened(server)
    assert images.source.tables[0].crcs is not None
    images.source.tables[0].crcs[0] += 1
    with pytest.raises(DataError, match="train-000000.tar has changed since it was written"):
        images.pixels[0]
    assert server.requests["train-000000.tar"] == 2


def test_the_cache_keeps_to_its_limit(server: ShardServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_MAX_SHARD_CACHE_BYTES", "130000")
    images = opened(server)
    for row in range(len(images.files)):
        assert images.pixels[row].any()
        assert sum(path.stat().st_size for path in (tmp_path / "cache/images").glob("*/*.tar")) < 190_000
    assert len(cached(tmp_path)) <= 4
    assert images.pixels[0].any()


def test_shards_in_use_stay_whatever_the_limit(
    server: ShardServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_MAX_SHARD_CACHE_BYTES", "1")
    images = opened(server)
    images.source.keep(5)
    for row in images.source.starts[:-1].tolist():
        assert images.pixels[row].any()
    assert len(cached(tmp_path)) == 5
    monkeypatch.setenv("ALEXNET_MAX_SHARD_CACHE_BYTES", "some")
    with pytest.raises(DataError, match="ALEXNET_MAX_SHARD_CACHE_BYTES=some: is not a number"):
        opened(server)


def test_of_two_threads_that_need_a_shard_one_downloads_it(server: ShardServer) -> None:
    images = [opened(server), opened(server)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda each: each.pixels[0], images)
    assert np.array_equal(first, second) and server.requests["train-000000.tar"] == 1


def test_shards_are_fetched_ahead(server: ShardServer) -> None:
    images = opened(server)
    images.source.keep(4)
    images.source.fetch_ahead(images.source.starts[:2])
    for _ in range(200):
        if all((images.source.store.folder / f"train-00000{number}.tar").is_file() for number in (0, 1)):
            break
        threading.Event().wait(0.01)
    before = server.requests.total()
    assert images.pixels[0].any() and images.pixels[int(images.source.starts[1])].any()
    assert server.requests.total() == before


def test_a_full_disk_is_one_line(server: ShardServer, monkeypatch: pytest.MonkeyPatch) -> None:
    images = opened(server)

    def fill(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fill)
    with pytest.raises(DownloadError, match="the disk is full: free some space"):
        images.pixels[0]


def test_no_connection_without_an_address(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert open_images(scan_folder(shards), PREPROCESSING).pixels[0].any()


def test_clearing_the_cache_leaves_alone_what_is_being_downloaded(server: ShardServer, tmp_path: Path) -> None:
    """A download that comes while the cache is cleared is neither deleted nor disturbed."""
    images = opened(server)
    (folder,) = [path for path, _, _ in list_caches()]
    with images.source.store._locked("train-000000.tar"):  # type: ignore[attr-defined]
        (folder / "train-000000.tar.part").write_bytes(b"on its way")
        assert clear_cache() == 0
        assert (folder / "train-000000.tar.part").exists()
    assert clear_cache() > 0
    assert not folder.exists()
    assert len(images.pixels[:2]) == 2, "whoever has opened the set downloads again what it needs"


def test_no_download_begins_while_its_cache_is_cleared(
    server: ShardServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, rmtree = opened(server), shutil.rmtree
    num_read: list[int] = []
    seen: list[tuple[bool, list[str]]] = []
    reading = threading.Thread(target=lambda: num_read.append(len(images.pixels[:2])))

    def slow(path: Path) -> None:
        reading.start()
        reading.join(0.5)
        seen.append((reading.is_alive(), cached(tmp_path)))
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", slow)
    assert clear_cache() > 0
    reading.join(20)
    assert (seen, num_read) == ([(True, [])], [2])
