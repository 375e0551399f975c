"""What is odd about a folder, and who goes to which side."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.check import FolderReport, check_decoded, check_folder
from alexnet.data.folder import scan_folder
from alexnet.data.split import Split, hold_out, split_images
from alexnet.errors import DataError
from alexnet.records import Preprocessing
from tests.conftest import draw_stripes, encode, write_images

ZERO = (0.0, 0.0, 0.0)


def decoded(path: Path) -> DecodedImages:
    return decode_folder(scan_folder(path), Preprocessing(24, "squash", True, "RGB", ZERO, ZERO))


def report(path: Path) -> FolderReport:
    return check_decoded(decoded(path))


def split(path: Path, *, test: float = 0.25, validation: float = 0.2, seed: int = 0) -> Split:
    return split_images(decoded(path), test_fraction=test, validation_fraction=validation, seed=seed)


def test_clean_folder_has_nothing_odd(image_folder: Path) -> None:
    actual = report(image_folder)
    assert actual.oddities == {}
    assert actual.counts["train"] == {"across": 24, "down": 24, "rings": 24}
    assert actual.widths == (48, 48, 48)
    assert actual.formats == {"PNG": 93}


@pytest.mark.parametrize("layout", ["cat", "train/cat"])
def test_one_class_is_checked_and_named_as_a_problem(
    tmp_path: Path, run_command: Callable[..., tuple[int, str, str]], layout: str
) -> None:
    (folder := tmp_path / "images" / layout).mkdir(parents=True)
    draw_stripes(0, 1).save(folder / "a.png")
    shutil.copy(folder / "a.png", folder / "b.png")
    (folder / "bad.png").write_bytes(b"nothing")
    code, out, _ = run_command("data", "check", tmp_path / "images", "--json")
    actual = json.loads(out)
    assert (code, actual["num_images"], list(actual["left_out"])) == (0, 2, [f"{layout}/bad.png"])
    assert list(actual["oddities"]) == [
        "unreadable", "only one class, and a classifier needs two", "identical within a class",
    ]  # fmt: skip
    assert actual["oddities"]["only one class, and a classifier needs two"] == ["cat"]
    code, out, _ = run_command("data", "check", tmp_path / "images")
    assert code == 0 and "only one class, and a classifier needs two: 1\n    cat\n" in out


def test_every_oddity_is_named(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 12)
    write_images(tmp_path / "test", 2, first=100)
    down = tmp_path / "train" / "down"
    draw_stripes(1, 50).convert("L").save(down / "gray.png")
    draw_stripes(1, 51).convert("CMYK").save(down / "cmyk.jpg")
    Image.fromarray(np.arange(48 * 48, dtype=np.uint16).reshape(48, 48) * 20).save(down / "deep.png")
    draw_stripes(1, 52).convert("RGBA").save(down / "clear.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    draw_stripes(1, 53).save(down / "turned.jpg", exif=exif)
    draw_stripes(1, 54).resize((300, 40)).save(down / "long.png")
    (down / "png_named.jpg").write_bytes(encode(draw_stripes(1, 55)))
    (down / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (down / "cut.jpg").write_bytes(encode(draw_stripes(1, 56), "JPEG")[:200])
    (down / "void.jpg").write_bytes(b"")
    shutil.copy(down / "down_000.png", down / "again.png")
    shutil.copy(down / "down_001.png", tmp_path / "test" / "down" / "leak.png")
    shutil.copy(down / "down_002.png", tmp_path / "train" / "rings" / "wrong_class.png")
    (tmp_path / "train" / "empty").mkdir()
    (tmp_path / "test" / "stranger").mkdir()
    draw_stripes(0, 60).save(tmp_path / "test" / "stranger" / "s.png")
    actual = report(tmp_path)
    odd = actual.oddities
    assert odd["one channel"] == ("train/down/deep.png", "train/down/gray.png")
    assert odd["CMYK"] == ("train/down/cmyk.jpg",)
    assert odd["more than 8 bits"] == ("train/down/deep.png",)
    assert odd["transparent"] == ("train/down/clear.png",)
    assert odd["EXIF orientation"] == ("train/down/turned.jpg",)
    assert odd["extreme shape"] == ("train/down/long.png",)
    assert odd["format differs from the name"] == ("train/down/png_named.jpg",)
    assert odd["no image"] == ("train/down/Thumbs.db",)
    assert odd["unreadable"] == ("train/down/cut.jpg", "train/down/void.jpg")
    assert odd["identical within a class"] == ("train/down/again.png = train/down/down_000.png",)
    assert odd["identical across the split"] == ("test/down/leak.png = train/down/down_001.png",)
    assert odd["identical across classes"] == ("train/down/down_002.png = train/rings/wrong_class.png",)
    assert odd["empty class"] == ("empty",)
    assert odd["class on one side only"] == ("stranger",)
    assert set(actual.left_out) == {"train/down/Thumbs.db", "train/down/cut.jpg", "train/down/void.jpg"}


@pytest.mark.slow
def test_left_out_files_depths_and_notes_are_reported(tmp_path: Path) -> None:
    write_images(tmp_path / "training_set", 2)
    write_images(tmp_path / "test_set", 2, first=100)
    down = tmp_path / "training_set" / "down"
    (down / "annexed.png").symlink_to("gone")
    (down / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    Image.fromarray(np.arange(48 * 48, dtype=np.uint16).reshape(48, 48)).save(down / "deep.png")
    (down / ".ipynb_checkpoints").mkdir()
    draw_stripes(1, 5).save(down / ".ipynb_checkpoints" / "x.png")
    for result in (check_folder(tmp_path), check_folder(scan_folder(tmp_path))):
        assert result.left_out == {
            "training_set/down/IMG_1.HEIC": "a HEIC image, which cannot be read; convert it to JPEG",
            "training_set/down/annexed.png": "a link to nothing",
        }
        assert set(result.oddities["unreadable"]) == set(result.left_out)
        assert result.depths == {"training_set/down/deep.png": "read as 12 bits, since the largest value is 2303"}
        assert result.notes == (
            "test_set is read as test",
            "training_set is read as train",
            "1 file in a hidden folder is left aside (.ipynb_checkpoints)",
        )
        assert (result.num_files, result.num_images) == (15, 13)


def test_classes_that_differ_in_case_only_are_named(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 3)
    write_images(tmp_path / "test", 2, first=100)
    (tmp_path / "test" / "down").rename(tmp_path / "test" / "Down")
    assert report(tmp_path).oddities["classes whose names differ only in case"] == ("Down = down",)
    assert "Down: a training class differs from it in case only; give both the same name" in split(tmp_path).notes


def test_notes_of_folder_and_cache_reach_the_split(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 3)
    write_images(tmp_path / "eval", 2, first=100)
    images = decoded(tmp_path)
    images.pixels_path.write_bytes(bytes(images.pixels.nbytes))
    again = split_images(decoded(tmp_path), test_fraction=0.2, validation_fraction=0.2, seed=0)
    assert again.notes == ("eval is read as test", "the cache of decoded images was damaged and was built again")


def test_imbalance_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    for seed in range(20, 40):
        draw_stripes(1, seed).save(tmp_path / "down" / f"{seed}.png")
    assert report(tmp_path).oddities["imbalance"] == ("down 22 : across 2",)


def test_real_odd_inputs_are_all_found(shared_data: Path) -> None:
    actual = check_folder(shared_data / "odd-inputs.tar")
    turned = actual.oddities["EXIF orientation"]
    assert sum(name.startswith("wrong-exif/") for name in turned) == 18
    assert actual.oddities["format differs from the name"] == ("png-named-jpg/flower_0184.jpg",)
    assert len(actual.oddities["one channel"]) == 3
    assert "extreme-shape/airplane_0161.jpg" in actual.oddities["extreme shape"]
    not_images = {"not-images/Thumbs.db", "not-images/.DS_Store", "not-images/alexnet.pth"}
    assert set(actual.left_out) == not_images
    assert set(actual.oddities["no image"]) == not_images


def rows(side: Split, name: str) -> set[int]:
    return set(getattr(side, name).indices.tolist())


def test_split_is_a_partition_stratified_and_seeded(tmp_path: Path) -> None:
    write_images(tmp_path, 20)
    first, again, other = split(tmp_path), split(tmp_path), split(tmp_path, seed=1)
    sides = [rows(first, name) for name in ("train", "validation", "test")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 60
    assert np.bincount(first.test.labels).tolist() == [5, 5, 5]
    assert np.bincount(first.validation.labels).tolist() == [3, 3, 3]
    assert rows(first, "test") == rows(again, "test") != rows(other, "test")


def test_split_depends_on_content_not_on_names(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 10)
    for path in (tmp_path / "a").rglob("*.png"):
        target = tmp_path / "b" / path.parent.name / f"{path.stem[::-1]}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

    def digests(path: Path) -> set[str]:
        images = decoded(path)
        side = split_images(images, test_fraction=0.3, validation_fraction=0.0, seed=0).test
        return {images.facts[row].digest for row in side.indices}

    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_identical_images_stay_on_one_side(tmp_path: Path) -> None:
    write_images(tmp_path, 12)
    for number in range(6):
        for copy in range(3):
            shutil.copy(tmp_path / "down" / f"down_00{number}.png", tmp_path / "down" / f"copy_{number}_{copy}.png")
            shutil.copy(tmp_path / "down" / f"down_00{number}.png", tmp_path / "rings" / f"copy_{number}_{copy}.png")
    for seed in range(5):
        images = decoded(tmp_path)
        sides = split_images(images, test_fraction=0.3, validation_fraction=0.3, seed=seed)
        actual = [{images.facts[row].digest for row in rows(sides, name)} for name in ("train", "validation", "test")]
        assert not (actual[0] & actual[1])
        assert not (actual[0] & actual[2])
        assert not (actual[1] & actual[2])


def test_val_without_test_is_the_test_set(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 10)
    write_images(tmp_path / "val", 3, first=50)
    sides = split(tmp_path)
    assert (len(sides.train), len(sides.validation), len(sides.test)) == (24, 6, 9)


def test_val_beside_test_chooses_the_checkpoint(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 10)
    write_images(tmp_path / "val", 3, first=50)
    write_images(tmp_path / "test", 2, first=70)
    sides = split(tmp_path)
    assert (len(sides.train), len(sides.validation), len(sides.test)) == (30, 9, 6)


def test_two_images_a_class_are_enough_to_hold_one_out(tmp_path: Path) -> None:
    sides = split(write_images(tmp_path, 2), test=0.2)
    assert (len(sides.train), len(sides.validation), len(sides.test)) == (3, 0, 3)


def test_one_image_a_class_cannot_be_tested(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image is left to test on"):
        split(write_images(tmp_path, 1))


def test_one_usable_class_is_not_enough(tmp_path: Path) -> None:
    write_images(tmp_path, 3)
    for name in ("across", "rings"):
        for path in (tmp_path / name).iterdir():
            path.write_text("no image")
    with pytest.raises(DataError, match="only down has any; add images"):
        split(tmp_path)


def test_strangers_in_the_test_set_are_left_out_and_said(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 4)
    write_images(tmp_path / "test", 2, first=50)
    (tmp_path / "test" / "stranger").mkdir()
    draw_stripes(0, 99).save(tmp_path / "test" / "stranger" / "s.png")
    sides = split(tmp_path)
    assert len(sides.test) == 6
    assert any("stranger" in note for note in sides.notes)


def test_notes_list_a_few_of_many_classes(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 2)
    for number in range(12):
        (tmp_path / "test" / f"more_{number:02d}").mkdir(parents=True)
        draw_stripes(0, 100 + number).save(tmp_path / "test" / f"more_{number:02d}" / "a.png")
    draw_stripes(0, 99).save(write_images(tmp_path / "test", 1, first=50) / "across" / "b.png")
    (note,) = (note for note in split(tmp_path).notes if note.startswith("held-out"))
    assert "more_00, more_01, " in note
    assert "more_07 and 4 more are left out: no training images" in note
    assert "more_08" not in note


def write_copies(root: Path, name: str, counts: list[int], *, first: int = 0) -> None:
    """Groups of identical images of a class, one for each count."""
    (root / name).mkdir(parents=True, exist_ok=True)
    for number, count in enumerate(counts):
        data = encode(draw_stripes(0, first + number))
        for copy in range(count):
            (root / name / f"{number}_{copy}.png").write_bytes(data)


def test_smallest_group_of_identical_images_is_held_out_where_all_are_larger_than_the_fraction(
    tmp_path: Path,
) -> None:
    write_images(tmp_path, 10)
    write_copies(tmp_path, "copied", [7, 3, 5], first=500)
    for seed in range(4):
        images = decoded(tmp_path)
        sides = split_images(images, test_fraction=0.1, validation_fraction=0.0, seed=seed)
        held = [
            images.files[row].entry.name for row in sides.test.indices if images.files[row].class_name == "copied"
        ]
        assert sorted(held) == ["copied/1_0.png", "copied/1_1.png", "copied/1_2.png"]
        assert not any("no test images" in note for note in sides.notes)


def test_class_of_identical_images_is_trained_and_said_to_have_no_test_images(tmp_path: Path) -> None:
    write_images(tmp_path, 4)
    write_copies(tmp_path, "red", [3], first=500)
    sides = split(tmp_path, validation=0.0)
    assert sides.classes == ("across", "down", "red", "rings")
    assert "red: no test images, so what is recognized of it is not measured" in sides.notes


def test_classes_of_identical_images_alone_say_why_none_can_be_tested(tmp_path: Path) -> None:
    write_copies(tmp_path, "blue", [4], first=500)
    write_copies(tmp_path, "red", [3], first=510)
    with pytest.raises(DataError) as caught:
        split(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: no image is left to test on: the images of blue, red are all identical, and identical images "
        "stay on one side of the split; add different ones or a test folder"
    )


def test_group_that_another_class_keeps_is_not_held_out(tmp_path: Path) -> None:
    names, digests = list("aaaabbbb"), ["x", "x", "x", "w", "x", "x", "y", "y"]
    kept, held = hold_out(range(8), names, digests, 0.25, 0, at_least=1)
    assert held == [3, 6, 7]
    assert not {digests[row] for row in kept} & {digests[row] for row in held}
