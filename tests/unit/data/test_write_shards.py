"""Shards: what is in them, the same bytes whatever interrupts, and other programs' readers as oracles."""

import gc
import json
import os
import signal
import tarfile
import warnings
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet.data.corrections import apply_corrections, correct
from alexnet.data.entry import Entry
from alexnet.data.shards import ShardSet
from alexnet.data.sources import FolderSource
from alexnet.data.write_shards import write_shards
from alexnet.errors import DataError
from tests.conftest import CLASSES, write_images
from tests.kills import WritePoints, fill_disk, in_child

Command = Callable[..., tuple[int, str, str]]
SMALL_MB = 0.05
needs_fork = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir() or not hasattr(os, "fork"), reason="needs fork and /proc"
)


def samples_of(tar: Path) -> dict[str, dict[str, bytes]]:
    """The samples of a tar by the published rule: names up to the first dot of the base name belong together.

    Source: https://github.com/webdataset/webdataset, "The WebDataset Format".
    """
    samples: dict[str, dict[str, bytes]] = {}
    with tarfile.open(tar) as archive:
        for member in archive:
            folder, _, base = member.name.rpartition("/")
            stem, _, extension = base.partition(".")
            content = archive.extractfile(member)
            assert content is not None
            samples.setdefault(f"{folder}/{stem}" if folder else stem, {})[extension.lower()] = content.read()
    return samples


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ with 20 and test/ with 5 images of each class, a JPEG by a wrong name, a damaged one and a text file."""
    root = tmp_path_factory.mktemp("shards") / "images"
    write_images(root / "train", 20)
    write_images(root / "test", 5, first=1000)
    Image.new("RGB", (40, 30), "red").save(root / "train/down/a.b.c.png", format="JPEG")
    damaged = (root / "train/rings/rings_000.png").read_bytes()[:300]
    (root / "train/rings/rings_000.png").write_bytes(damaged)
    (root / "test/rings/notes.txt").write_text("no image")
    return root


@pytest.fixture(scope="module")
def written(images: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ShardSet]:
    out = tmp_path_factory.mktemp("written") / "shards"
    return out, write_shards(images, out, shard_mb=SMALL_MB, seed=3)


def test_every_usable_image_is_in_one_shard_with_its_bytes_class_and_name(
    images: Path, written: tuple[Path, ShardSet]
) -> None:
    out, made = written
    assert made.classes == CLASSES
    assert made.num_images("train") == 60 and made.num_images("test") == 15 and made.left_out == 2
    seen = {}
    for shard in made.shards:
        samples = samples_of(out / shard.name)
        assert len(samples) == shard.num_images
        for key, sample in samples.items():
            about = json.loads(sample.pop("json"))
            label = int(sample.pop("cls"))
            ((ending, data),) = sample.items()
            assert "." not in key and key.startswith(shard.split)
            assert about["class"] == CLASSES[label] and about["file"].split("/")[:2] == [shard.split, about["class"]]
            assert data == (images / about["file"]).read_bytes()
            assert ending == ("jpg" if "a.b.c" in about["file"] else "png")
            seen[about["file"]] = key
    assert len(seen) == len(set(seen.values())) == 75
    assert "train/rings/rings_000.png" not in seen


def test_the_index_finds_each_image_without_listing_the_tar(images: Path, written: tuple[Path, ShardSet]) -> None:
    out, made = written
    left_out = {}
    for shard in made.shards:
        tar, text = (out / shard.name).read_bytes(), (out / shard.index_name).read_bytes()
        assert (sha256(tar).hexdigest(), len(tar)) == (shard.sha256, shard.num_bytes)
        assert sha256(text).hexdigest() == shard.index_sha256
        index = json.loads(text)
        left_out |= index["left_out"]
        rows = zip(*(index[name] for name in ("files", "labels", "offsets", "lengths", "crcs")), strict=True)
        for file, label, offset, length, crc in rows:
            data = tar[offset : offset + length]
            assert data == (images / file).read_bytes() and zlib.crc32(data) == crc
            assert CLASSES[label] == file.split("/")[1]
    assert left_out.keys() == {"train/rings/rings_000.png", "test/rings/notes.txt"}


def test_shards_are_bounded_and_mix_the_training_images(written: tuple[Path, ShardSet]) -> None:
    out, made = written
    train = [shard for shard in made.shards if shard.split == "train"]
    assert [shard.name for shard in made.shards[:2]] == ["train-000000.tar", "train-000001.tar"]
    assert len(train) > 5
    assert max(shard.num_bytes for shard in made.shards) < SMALL_MB * 1e6 + 12_000  # the last block and tar's padding
    labels = [json.loads((out / shard.index_name).read_text())["labels"] for shard in train]
    assert sum(len(set(each)) > 1 for each in labels) >= len(train) - 1
    test = [name for shard in made.shards[len(train) :] for name in
            json.loads((out / shard.index_name).read_text())["files"]]  # fmt: skip
    assert test == sorted(test)


def test_same_seed_same_bytes_another_seed_another_order(
    images: Path, written: tuple[Path, ShardSet], tmp_path: Path
) -> None:
    write_shards(images, tmp_path / "same", shard_mb=SMALL_MB, seed=3)
    assert contents(tmp_path / "same") == contents(written[0])
    other = write_shards(images, tmp_path / "other", shard_mb=SMALL_MB, seed=4)
    assert other.num_images("train") == 60
    assert other.shards[0].sha256 != written[1].shards[0].sha256


def test_written_again_nothing_changes(images: Path, tmp_path: Path) -> None:
    made = write_shards(images, tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert write_shards(images, tmp_path / "out") == made
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times


@needs_fork
@pytest.mark.slow
@pytest.mark.parametrize("place", [0.02, 0.3, 0.55, 0.8, 0.98])
def test_killed_at_a_write_goes_on_to_the_same_bytes(
    images: Path, written: tuple[Path, ShardSet], tmp_path: Path, place: float
) -> None:
    out = tmp_path / "out"

    def work(points: WritePoints) -> Callable[[], Any]:
        def write() -> None:
            points.install()
            write_shards(images, out, shard_mb=SMALL_MB, seed=3)
            (tmp_path / "count").write_text(str(points.count))

        return write

    counting = WritePoints(tmp_path / "all")
    out = tmp_path / "all"
    assert in_child(work(counting)) == 0
    num_moments = int((tmp_path / "count").read_text())
    assert num_moments > 30
    out = tmp_path / "out"
    assert in_child(work(WritePoints(out, round(place * (num_moments - 1))))) == -signal.SIGKILL
    before = {path.name: path.stat().st_ino for path in out.glob("*.json")} if out.is_dir() else {}
    assert in_child(lambda: write_shards(images, out, shard_mb=SMALL_MB, seed=3)) == 0
    assert contents(out) == contents(written[0])
    kept = [name for name, inode in before.items() if (out / name).exists() and (out / name).stat().st_ino == inode]
    assert place < 0.5 or len(kept) > 3  # whole shards were not written again


@needs_fork
@pytest.mark.slow
def test_full_disk_is_one_line_and_the_same_call_goes_on(
    images: Path, written: tuple[Path, ShardSet], tmp_path: Path
) -> None:
    """At a write whose loss does not matter, such as the lock's, the writer goes on."""
    codes = []
    for at in range(18, 24):
        out = tmp_path / str(at)

        def write(at: int = at, out: Path = out) -> None:
            WritePoints(out, at, fill_disk).install()
            write_shards(images, out, shard_mb=SMALL_MB, seed=3)

        codes.append(in_child(write))
        assert not list(out.glob(".*.part*"))
        write_shards(images, out, shard_mb=SMALL_MB, seed=3)
        assert contents(out) == contents(written[0])
    assert set(codes) <= {0, 2} and codes.count(2) >= 3


def test_a_folder_that_is_not_its_own_is_left_alone(images: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("mine")
    with pytest.raises(DataError, match=r"letters: exists and is not an empty folder; choose another"):
        write_shards(images, tmp_path / "letters")
    assert contents(tmp_path / "letters") == {"a.txt": b"mine"}
    write_shards(images, tmp_path / "out")
    with pytest.raises(DataError, match="out: holds shards of other images or settings"):
        write_shards(images, tmp_path / "out", seed=9)


def test_other_settings_do_not_go_on_with_what_was_begun(images: Path, tmp_path: Path) -> None:
    write_shards(images, tmp_path / "whole", shard_mb=SMALL_MB)
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "unfinished.json").write_text('{"plan": "another"}\n')
    with pytest.raises(DataError, match="begun with other images or settings; give the same ones"):
        write_shards(images, begun, shard_mb=SMALL_MB)


def test_a_folder_without_test_images_is_split_and_twins_stay_together(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", 10)
    twin = (images / "rings/rings_001.png").read_bytes()
    for number in range(4):
        (images / f"rings/twin_{number}.png").write_bytes(twin)
    made = write_shards(images, tmp_path / "out", test_fraction=0.3)
    sides = {}
    for shard in made.shards:
        for file in json.loads((tmp_path / "out" / shard.index_name).read_text())["files"]:
            sides[file] = shard.split
    assert made.num_images("test") in (9, 10)  # of 10, 10 and 14 images; the five twins fit or do not
    assert len({sides[f"rings/{name}.png"] for name in ("rings_001", "twin_0", "twin_1", "twin_2", "twin_3")}) == 1


def test_corrections_are_in_the_shards(images: Path, tmp_path: Path) -> None:
    correct(images, ["train/down/down_003.png"], "relabel", to="rings", path=tmp_path / "c.csv")
    correct(images, ["train/down/down_004.png"], "exclude", path=tmp_path / "c.csv")
    made = write_shards(apply_corrections(images, tmp_path / "c.csv"), tmp_path / "out")
    (shard,) = (shard for shard in made.shards if shard.split == "train")
    index = json.loads((tmp_path / "out" / shard.index_name).read_text())
    labels = dict(zip(index["files"], index["labels"], strict=True))
    assert CLASSES[labels["train/down/down_003.png"]] == "rings"
    assert "train/down/down_004.png" not in labels and len(labels) == 59


def test_command_writes_and_says_what_it_left_out(images: Path, tmp_path: Path, run_command: Command) -> None:
    code, out, _ = run_command("data", "shards", images, "--out", tmp_path / "s", "--shard-mb", "0.05")
    assert code == 0 and "60 train, 15 test images in" in out and "2 files left out" in out
    code, out, _ = run_command("data", "shards", images, "--out", tmp_path / "s", "--shard-mb", "0.05", "--json")
    result = json.loads(out)
    assert result["images"] == {"train": 60, "validation": 0, "test": 15} and len(result["shards"]) > 5


@pytest.mark.slow
def test_the_webdataset_package_reads_the_shards(images: Path, written: tuple[Path, ShardSet]) -> None:
    webdataset = pytest.importorskip("webdataset")
    out, made = written
    urls = [str(out / shard.name) for shard in made.shards]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its reader leaves files open
        samples = list(webdataset.WebDataset(urls, shardshuffle=False))
        decoded = list(
            webdataset.WebDataset(urls[0], shardshuffle=False).decode("pil").to_tuple("jpg;png", "cls", "json")
        )
        gc.collect()
    assert len(samples) == 75
    for sample in samples:
        about = json.loads(sample["json"])
        data = sample.get("jpg") or sample["png"]
        assert data == (images / about["file"]).read_bytes() and CLASSES[int(sample["cls"])] == about["class"]
    for image, label, about in decoded:
        assert np.array_equal(image, Image.open(images / about["file"]).convert("RGB"))
        assert CLASSES[label] == about["class"]


def test_file_that_may_not_be_read_is_left_out(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = FolderSource.read

    def refuse(self: FolderSource, entry: Entry) -> bytes:
        if entry.name == "train/down/down_003.png":
            raise PermissionError(13, "Permission denied")
        return read(self, entry)

    monkeypatch.setattr(FolderSource, "read", refuse)
    made = write_shards(images, tmp_path / "out", shard_mb=SMALL_MB)
    indexes = [json.loads((tmp_path / "out" / shard.index_name).read_text()) for shard in made.shards]
    left_out = {name: reason for index in indexes for name, reason in index["left_out"].items()}
    assert left_out["train/down/down_003.png"] == "cannot be read (Permission denied)"
    assert (made.num_images("train"), made.left_out) == (59, 3)


@pytest.mark.parametrize("inner", ["shards", "train/down/shards"])
def test_shards_are_not_written_into_the_images(tmp_path: Path, inner: str) -> None:
    images = write_images(tmp_path / "images" / "train", 4).parent
    with pytest.raises(
        DataError, match=r"lies inside .*images, and the copy would become part of it; choose another"
    ):
        write_shards(images, images / inner)
    assert not (images / inner).exists()
