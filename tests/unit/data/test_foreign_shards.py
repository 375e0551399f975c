"""Tars that other programs wrote by the rules of WebDataset, and those of the package itself, as images."""

import gc
import io
import json
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from alexnet.data.decode import decode_image, plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.split import split_images
from alexnet.data.streamed import StreamedImages, open_images
from alexnet.data.write_shards import write_shards
from alexnet.errors import DataError
from tests.conftest import draw_stripes, encode, small_recipe

PREPROCESSING = plain_preprocessing(small_recipe())


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def samples(kinds: list[int], *, first: int = 0) -> dict[str, bytes]:
    """Samples as the package's documentation writes them: KEY.png with KEY.cls."""
    members = {}
    for number, kind in enumerate(kinds, start=first):
        members[f"{number:06d}.png"] = encode(draw_stripes(kind % 3, number))
        members[f"{number:06d}.cls"] = str(kind).encode()
    return members


def opened(path: Path) -> StreamedImages:
    images = open_images(scan_folder(path), PREPROCESSING)
    assert isinstance(images, StreamedImages)
    return images


@pytest.fixture
def tars(tmp_path: Path) -> Path:
    folder = tmp_path / "tars"
    write_tar(folder / "train-0000.tar", samples([0, 1, 2, 0, 1, 2, 0, 10]))
    write_tar(folder / "train-0001.tar", samples([2, 1, 0, 10], first=8))
    write_tar(folder / "val-0000.tar", samples([0, 1, 2], first=100))
    (folder / "README.md").write_text("about these tars")
    return folder


def test_images_and_classes_are_read_in_place(tars: Path) -> None:
    images = opened(tars)
    assert images.folder.classes == ("00", "01", "02", "10")
    assert [file.class_name for file in images.files][:8] == ["00", "01", "02", "00", "01", "02", "00", "10"]
    assert images.names[8] == "train-0001/000008.png"
    for row, kind in ((0, 0), (8, 2), (13, 1)):
        number = int(images.names[row][-10:-4])
        expected = decode_image(encode(draw_stripes(kind, number)), PREPROCESSING)
        assert np.array_equal(images.pixels[row], expected)
    split = split_images(images, test_fraction=0.2, validation_fraction=0, seed=0)
    assert (len(split.train), len(split.test)) == (12, 3)  # val is the test set where there is no other
    assert not [path for path in tars.iterdir() if path.suffix not in (".tar", ".md")]


def test_the_list_is_kept_until_a_tar_changes(tars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(tars)
    with monkeypatch.context() as patch:
        patch.setattr("alexnet.data.foreign_shards._list_tar", lambda path: pytest.fail("listed again"))
        assert opened(tars).fingerprint == first.fingerprint
    write_tar(tars / "train-0001.tar", samples([2, 1, 0, 10, 1], first=8))
    assert len(opened(tars).files) == 16 and opened(tars).fingerprint != first.fingerprint
    with pytest.raises(DataError, match=r"train-0001.tar: has .* bytes, and had .* when it was listed"):
        first.pixels[8]


def test_tars_without_a_test_set_are_split_by_class(tmp_path: Path) -> None:
    write_tar(tmp_path / "tars" / "a.tar", samples([0] * 10 + [1] * 10))  # not even shuffled
    split = split_images(opened(tmp_path / "tars"), test_fraction=0.3, validation_fraction=0, seed=0)
    assert np.bincount(split.test.labels).tolist() == [3, 3] and len(split.train) == 14


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"cls": b"7"}, "7"),
        ({"txt": b"a cat\n"}, "a cat"),
        ({"json": json.dumps({"class": "dog", "file": "x"}).encode(), "cls": b"3"}, "dog"),
        ({"json": b'{"caption": "no class"}', "cls": b"3"}, "3"),
        ({"json": b"{broken", "txt": b"cat"}, "cat"),
    ],
)
def test_class_of_a_sample(tmp_path: Path, extra: dict[str, bytes], expected: str) -> None:
    image = encode(draw_stripes(0, 1), "JPEG")
    members = {"a/x.1.jpg": image, **{f"a/y.{ending}": data for ending, data in extra.items()}, "a/y.JPG": image}
    write_tar(tmp_path / "tars" / "t.tar", members)
    folder = scan_folder(tmp_path / "tars")
    assert [file.class_name for file in folder.files] == [expected]
    assert folder.notes == ("1 samples are left out: without an image, or without a class",)


def test_tars_of_something_else_are_refused(tmp_path: Path) -> None:
    write_tar(tmp_path / "tars" / "n01440764.tar", {"n01440764_1.JPEG": encode(draw_stripes(0, 1), "JPEG")})
    with pytest.raises(DataError, match=r"tars: no tar holds images with a class .*; unpack the tars"):
        scan_folder(tmp_path / "tars")
    (tmp_path / "tars" / "n01440764.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(DataError, match=r"n01440764.tar: is damaged or not a tar archive"):
        scan_folder(tmp_path / "tars")


def test_a_folder_of_class_folders_beside_a_tar_stays_one(image_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("train", "test"):
        (folder / name).symlink_to(image_folder / name)
    write_tar(folder / "backup.tar", samples([0]))
    assert len(scan_folder(folder).files) == 93


def test_a_damaged_image_is_named_with_the_way_to_leave_it_out(tars: Path, tmp_path: Path) -> None:
    members = samples([0, 1])
    members["000001.png"] = members["000001.png"][:200]
    write_tar(tars / "train-0002.tar", members)
    images = opened(tars)
    with pytest.raises(
        DataError, match=r"train-0002.tar: train-0002/000001.png cannot be used \(.*alexnet data shards"
    ):
        images.pixels[13]
    made = write_shards(tars, tmp_path / "anew")
    assert made.left_out == 1 and made.num_images("train") == 13
    assert np.array_equal(opened(tmp_path / "anew").pixels[:3].shape, (3, 67, 67, 3))


def test_tars_of_the_webdataset_package(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    (tmp_path / "theirs").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its writer leaves files open
        with webdataset.ShardWriter(str(tmp_path / "theirs/train-%04d.tar"), maxcount=7, verbose=0) as writer:
            for number in range(20):
                image = np.asarray(draw_stripes(number % 3, number))
                writer.write({"__key__": f"sample{number:04d}", "png": image, "cls": number % 3})
        gc.collect()
    images = opened(tmp_path / "theirs")
    assert len(images.files) == 20 and len(images.source.tables) == 3
    assert [file.class_name for file in images.files] == [str(number % 3) for number in range(20)]
    for row in (0, 8, 19):
        expected = decode_image(encode(draw_stripes(row % 3, row)), PREPROCESSING)
        assert np.array_equal(images.pixels[row], expected)
