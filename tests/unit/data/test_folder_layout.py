"""Which folders are splits and which are classes: recognized by their names, or refused, never guessed."""

from pathlib import Path

import pytest

from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.folder_layout import split_of
from alexnet.errors import DataError
from tests.conftest import CLASSES, draw_stripes, write_images

IMAGE = draw_stripes(0, 0, 8)


def put(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        IMAGE.save(path)
    return root


def splits(folder: ImageFolder) -> dict[str, int]:
    return {split: counter.total() for split, counter in folder.counts().items()}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *[(name, "train") for name in ("train", "TRAIN", "training_set", "seg_train", "trainset", "train2017",
                                       "TrainingData", "trainval", "train-images", "natural train")],
        *[(name, "test") for name in ("test", "Testing", "test_set", "testset", "seg_test", "eval", "evaluation",
                                      "holdout", "hold_out", "held-out", "TestImages")],
        *[(name, "validation") for name in ("val", "valid", "Validation", "val2017", "dev", "devset", "valset")],
        *[(name, None) for name in ("strain", "trainers", "latest", "testament", "valley", "devil", "medieval",
                                    "evaluators", "train_test_split", "test_val", "cats", "2017", "", "日本")],
    ],
)  # fmt: skip
def test_splits_are_known_by_whole_words(name: str, split: str | None) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    "names",
    [("training_set", "test_set"), ("Train", "Holdout"), ("train", "eval"), ("my-train-data", "my-test-data")],
)
def test_splits_with_longer_names_are_splits(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, count in zip(names, (2, 1), strict=True):
        write_images(tmp_path / name, count)
    folder = scan_folder(tmp_path)
    assert folder.classes == CLASSES
    assert splits(folder) == {"train": 6, "test": 3}


def test_folders_around_the_classes_of_each_split_are_looked_through(tmp_path: Path) -> None:
    write_images(tmp_path / "seg_train" / "seg_train", 2)
    write_images(tmp_path / "seg_test" / "seg_test", 1)
    put(tmp_path / "seg_pred" / "seg_pred", "1.jpg", "2.jpg")
    folder = scan_folder(tmp_path)
    assert folder.classes == CLASSES
    assert splits(folder) == {"train": 6, "test": 3}
    assert folder.notes == (
        "seg_test is read as test",
        "seg_train is read as train",
        "seg_pred is left aside (2 images): its name is that of no split",
    )


def test_one_class_in_a_test_folder_stays_a_class(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 1)
    put(tmp_path / "test", "down/cam1/a.png", "down/cam2/b.png")
    assert scan_folder(tmp_path).counts()["test"] == {"down": 2}


def test_eval_beside_test_chooses_the_checkpoint(tmp_path: Path) -> None:
    for name in ("train", "test", "eval"):
        write_images(tmp_path / name, 1)
    folder = scan_folder(tmp_path)
    assert splits(folder) == {"train": 3, "test": 3, "validation": 3}
    assert "eval is read as validation" in folder.notes


def test_two_names_of_one_split_are_put_together_and_said(tmp_path: Path) -> None:
    for name in ("train", "valid", "val"):
        write_images(tmp_path / name, 1)
    folder = scan_folder(tmp_path)
    assert splits(folder) == {"train": 3, "validation": 6}
    assert folder.notes == ("val is read as validation", "valid is read as validation")


@pytest.mark.parametrize(
    "names", [("lernen", "pruefen"), ("part1", "part2"), ("fold_1", "fold_2", "fold_3"), ("test", "val")]
)
def test_folders_that_all_hold_the_same_folders_are_not_guessed_at(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        write_images(tmp_path / name, 1)
    with pytest.raises(
        DataError, match=r"all hold the folders across, down, rings and no images.*rename them to train"
    ):
        scan_folder(tmp_path)


def test_same_folders_are_noticed_where_one_class_is_missing(tmp_path: Path) -> None:
    write_images(tmp_path / "first", 1)
    put(tmp_path / "second", "across/a.png", "down/b.png")
    with pytest.raises(DataError, match="may be splits or classes"):
        scan_folder(tmp_path)


def test_classes_with_different_folders_inside_are_classes(tmp_path: Path) -> None:
    put(tmp_path, "cat/indoor/a.png", "cat/outdoor/b.png", "dog/park/c.png", "dog/garden/d.png")
    assert scan_folder(tmp_path).classes == ("cat", "dog")


def test_classes_whose_images_lie_one_folder_deeper_are_classes(tmp_path: Path) -> None:
    """As Tiny ImageNet's train folder comes: n01/images/*.JPEG."""
    put(tmp_path, "n01/images/a.jpeg", "n02/images/b.jpeg")
    assert scan_folder(tmp_path).classes == ("n01", "n02")


def test_splits_inside_the_class_folders_are_named(tmp_path: Path) -> None:
    put(tmp_path, *(f"{name}/{split}/a.png" for name in ("cat", "dog") for split in ("train", "test")))
    with pytest.raises(DataError, match="its class folders hold test, train; lay them out as train/CLASS"):
        scan_folder(tmp_path)


def test_splits_without_class_folders_are_not_classes(tmp_path: Path) -> None:
    """As Kaggle's "Dogs vs. Cats" comes: the network would learn train against test."""
    put(tmp_path, "train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg")
    with pytest.raises(DataError, match="test1, train hold no class folders; lay the images out as test1/CLASS"):
        scan_folder(tmp_path)


def test_held_out_images_in_one_odd_folder_are_refused(tmp_path: Path) -> None:
    """As Tiny ImageNet comes: val/images/*.JPEG and a text file of classes."""
    put(tmp_path / "tiny", "train/n01/images/a.jpeg", "train/n02/images/b.jpeg", "val/images/c.jpeg")
    with pytest.raises(
        DataError, match=r"val: its images lie in no class folders, those of train do; sort them into val/"
    ):
        scan_folder(tmp_path)


def test_every_unsorted_folder_is_named(tmp_path: Path) -> None:
    put(tmp_path, "train/n01/a.jpeg", "train/n02/b.jpeg", "val/images/c.jpeg", "test/images/d.jpeg")
    with pytest.raises(DataError, match="test and val: their images lie in no class folders.*or move test and val"):
        scan_folder(tmp_path)


def test_unlabeled_test_images_beside_a_val_folder_are_left_aside_and_said(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 1)
    write_images(tmp_path / "val", 1)
    put(tmp_path / "test", "1.jpg", "2.jpg")
    folder = scan_folder(tmp_path)
    assert splits(folder) == {"train": 3, "validation": 3}
    assert folder.notes == ("test is left aside (2 images): its images lie in no class folders",)


def test_a_test_folder_alone_is_a_folder_of_classes(tmp_path: Path) -> None:
    write_images(tmp_path / "test", 1)
    folder = scan_folder(tmp_path)
    assert folder.classes == CLASSES
    assert splits(folder) == {"all": 3}


def test_wrapper_named_like_a_split_is_looked_through(tmp_path: Path) -> None:
    write_images(tmp_path / "train_test_data" / "train", 1)
    write_images(tmp_path / "train_test_data" / "test", 1)
    write_images(tmp_path / "b" / "training_data" / "train", 1)
    write_images(tmp_path / "b" / "training_data" / "test", 1)
    assert splits(scan_folder(tmp_path / "b")) == {"train": 3, "test": 3}
    assert splits(scan_folder(tmp_path / "train_test_data")) == {"train": 3, "test": 3}


def test_image_beside_the_classes_does_not_hide_them(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 1)
    put(tmp_path / "images", "sample.jpg")
    assert scan_folder(tmp_path).classes == CLASSES
