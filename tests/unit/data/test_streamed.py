"""Images of shards: the pixels of the folder, the same rules for splits, clear words where a shard changed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.data.batches import gather, in_order, training_batches, training_order
from alexnet.data.cache import decode_folder
from alexnet.data.check import check_decoded
from alexnet.data.corrections import apply_corrections, correct
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.shard_source import ShardSource
from alexnet.data.split import Subset, split_images
from alexnet.data.statistics import channel_statistics, mean_image
from alexnet.data.streamed import StreamedImages, open_images
from alexnet.data.write_shards import write_shards
from alexnet.errors import DataError, RecipeError
from alexnet.records import Preprocessing
from tests.conftest import CLASSES, small_recipe

PREPROCESSING = plain_preprocessing(small_recipe())
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Path:
    out = tmp_path_factory.mktemp("streamed") / "shards"
    write_shards(image_folder, out, shard_mb=0.04)
    return out


def opened(path: Path, preprocessing: Preprocessing = PREPROCESSING) -> StreamedImages:
    images = open_images(scan_folder(path), preprocessing)
    assert isinstance(images, StreamedImages)
    return images


def split_of(images: StreamedImages, *, validation: float = 0.0, seed: int = 0) -> object:
    return split_images(images, test_fraction=0.2, validation_fraction=validation, seed=seed)


@pytest.mark.parametrize("changes", [{}, {"resize": "crop"}, {"size": 64}])
def test_pixels_names_and_labels_are_those_of_the_folder(
    shards: Path, image_folder: Path, changes: dict[str, object]
) -> None:
    preprocessing = replace(PREPROCESSING, **changes)
    images, decoded = opened(shards, preprocessing), decode_folder(scan_folder(image_folder), preprocessing)
    assert images.pixels.shape == decoded.pixels.shape
    row_of = {name: row for row, name in enumerate(decoded.names)}
    rows = np.array([row_of[name] for name in images.names])
    assert sorted(rows.tolist()) == list(range(93))
    assert np.array_equal(images.pixels[np.arange(93)], decoded.pixels[rows])
    assert np.array_equal(images.pixels[5], decoded.pixels[rows[5]])
    assert np.array_equal(images.pixels[90:], decoded.pixels[rows[90:]])
    assert [(f.class_name, f.split) for f in images.files] == [
        (decoded.files[row].class_name, decoded.files[row].split) for row in rows
    ]
    assert images.facts[7] == decoded.facts[rows[7]]


def test_the_manifest_itself_and_its_folder_are_the_same_set(shards: Path) -> None:
    folder = scan_folder(shards / "shards.json")
    assert folder.path == shards and folder.classes == CLASSES and folder.has_split
    assert folder.files[3] == scan_folder(shards).files[3] and len(folder.files) == 93
    assert folder.source.read(folder.files[3].entry)[:4] == b"\x89PNG"


def test_the_same_images_written_at_another_time_have_the_same_fingerprint(
    shards: Path, image_folder: Path, tmp_path: Path
) -> None:
    write_shards(image_folder, tmp_path / "again", shard_mb=0.04)
    assert opened(tmp_path / "again").fingerprint == opened(shards).fingerprint
    write_shards(image_folder, tmp_path / "other", shard_mb=0.04, seed=1)
    assert opened(tmp_path / "other").fingerprint != opened(shards).fingerprint


def test_split_keeps_the_shards_sides_and_takes_validation_of_each_class_from_few_shards(shards: Path) -> None:
    images = opened(shards)
    split = split_of(images, validation=0.25)
    counts = [np.bincount(side.labels).tolist() for side in (split.train, split.validation, split.test)]
    assert counts == [[18] * 3, [6] * 3, [7] * 3]
    assert len({*split.train.indices, *split.validation.indices, *split.test.indices}) == 93
    assert all(images.files[row].split == "test" for row in split.test.indices)
    source = images.source
    touched = np.unique(source.shards_of(split.validation.indices))
    assert len(touched) < 0.55 * np.unique(source.shards_of(source.rows_of("train"))).size
    for row, label in zip(split.train.indices, split.train.labels, strict=True):
        assert images.files[row].class_name == split.classes[label]
    other = split_of(images, validation=0.25, seed=1)
    assert other.validation.indices.tolist() != split.validation.indices.tolist()


def test_a_class_without_training_images_is_left_out_with_a_note(image_folder: Path, tmp_path: Path) -> None:
    folder = scan_folder(image_folder)
    kept = tuple(file for file in folder.files if not (file.class_name == "down" and file.split == "train"))
    write_shards(replace(folder, files=kept), tmp_path / "out")
    split = split_of(opened(tmp_path / "out"))
    assert split.classes == ("across", "rings") and sorted(set(split.test.labels.tolist())) == [0, 1]
    assert any("held-out images of down are left out" in note for note in split.notes)


def test_near_duplicates_in_shards_are_refused(shards: Path) -> None:
    with pytest.raises(RecipeError, match="group_near_duplicates: .*; set it to false"):
        split_images(opened(shards), test_fraction=0.2, validation_fraction=0, seed=0, group_near_duplicates=True)


def test_batches_in_threads_are_those_that_are_gathered(shards: Path) -> None:
    images = opened(shards)
    train = split_of(images).train
    order = training_order(images.pixels, train, batch_size=16, seed=1)
    with training_batches(images.pixels, train, order, CPU, num_steps=8) as batch_at:
        for step in (2, 3, 4, 5, 0):
            pixels, labels = batch_at(step)
            expected, expected_labels = gather(images.pixels, train, order(step), CPU)
            assert torch.equal(pixels, expected) and torch.equal(labels, expected_labels)
    tested = list(in_order(images.pixels, train, batch_size=32, device=CPU))
    assert torch.equal(torch.cat([pixels for pixels, _ in tested]), torch.from_numpy(images.pixels[train.indices]))


def test_statistics_come_from_few_shards_and_the_mean_image_from_all(
    shards: Path, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.data.streamed.ENOUGH_ROWS", 20)
    images, decoded = opened(shards), decode_folder(scan_folder(image_folder), PREPROCESSING)
    train = split_of(images).train
    few = images.few(train.indices, seed=0)
    assert 20 <= len(few) < 40 and set(few) < set(train.indices)
    assert len(np.unique(images.source.shards_of(few))) < 6
    blank = replace(PREPROCESSING, mean=(0.0,) * 3, std=(1.0,) * 3)
    whole = split_images(decoded, test_fraction=0.2, validation_fraction=0, seed=0).train
    assert torch.equal(mean_image(images.pixels, train, blank), mean_image(decoded.pixels, whole, blank))
    assert channel_statistics(images.pixels, train) == channel_statistics(decoded.pixels, whole)


def test_check_reports_what_the_lists_say(shards: Path) -> None:
    report = check_decoded(opened(shards))
    assert report.num_images == 93 and report.counts["test"] == dict.fromkeys(CLASSES, 7)
    assert report.oddities == {}


def test_corrected_shards_are_decoded_like_a_folder(shards: Path, tmp_path: Path) -> None:
    correct(shards, ["train/down/down_003.png"], "exclude", path=tmp_path / "c.csv")
    folder = apply_corrections(shards, tmp_path / "c.csv")
    images = open_images(folder, PREPROCESSING)
    assert not isinstance(images, StreamedImages) and len(images.files) == 92


def damage(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)


@pytest.fixture
def own_shards(shards: Path, tmp_path: Path) -> Path:
    out = tmp_path / "own"
    out.mkdir()
    for path in shards.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return out


def test_a_changed_image_is_named_with_shard_file_and_step(own_shards: Path) -> None:
    images = opened(own_shards)
    source: ShardSource = images.source
    damage(own_shards / "train-000001.tar", int(source.tables[1].offsets[0]) + 9)
    name = images.names[int(source.starts[1])]
    line = f"own: train-000001.tar has changed since it was written .{name}.; restore the shard"
    with pytest.raises(DataError, match=line):
        images.pixels[int(source.starts[1])]
    rows = np.arange(source.starts[1] - 1, source.starts[1] + 1)
    subset = Subset(rows, np.zeros(2, np.int64))
    with (
        pytest.raises(DataError, match=f"^step 1: .*{line}"),
        training_batches(images.pixels, subset, lambda step: np.arange(2), CPU, num_steps=3) as batch_at,
    ):
        batch_at(0)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda out: (out / "train-000000.tar").unlink(), "train-000000.tar: cannot be read .*; restore the shard"),
        (lambda out: (out / "train-000000.tar").write_bytes(b"x"), "train-000000.tar: has 1 bytes, and had"),
    ],
)
def test_a_missing_or_short_shard_is_one_line(own_shards: Path, harm: object, line: str) -> None:
    images = opened(own_shards)
    harm(own_shards)
    with pytest.raises(DataError, match=line):
        images.pixels[0]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("shards.json", b"[]", "shards.json: is not a list of shards .*; write the shards again"),
        ("shards.json", b'{"version": 2}', "shards.json: is not a list of shards"),
        ("train-000000.json", b"{}", "train-000000.json: is not the file that shards.json names"),
        ("train-000001.json", None, "train-000001.json: cannot be read"),
    ],
)
def test_damaged_lists_are_one_line(own_shards: Path, name: str, content: bytes | None, line: str) -> None:
    if content is None:
        (own_shards / name).unlink()
    else:
        (own_shards / name).write_bytes(content)
    with pytest.raises(DataError, match=line):
        scan_folder(own_shards)


def test_a_manifest_names_no_file_outside_its_folder(own_shards: Path) -> None:
    text = (own_shards / "shards.json").read_text()
    (own_shards / "shards.json").write_text(text.replace("train-000000.tar", "../train-000000.tar"))
    with pytest.raises(DataError, match="is not a list of shards"):
        scan_folder(own_shards)


def test_shards_that_are_not_all_written_are_refused(own_shards: Path) -> None:
    (own_shards / "shards.json").rename(own_shards / "unfinished.json")
    with pytest.raises(DataError, match="not all written; finish them with `alexnet data shards`"):
        scan_folder(own_shards)
