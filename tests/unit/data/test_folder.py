"""Scanning: layouts, archives, oddities of names."""

import os
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.errors import DataError
from tests.conftest import CLASSES, draw_stripes, encode, write_images


def count(folder: ImageFolder, split: str) -> int:
    return sum(folder.counts()[split].values())


def pack(folder: Path, target: Path, prefix: str = "") -> Path:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as archive:
            for path in files:
                archive.write(path, prefix + str(path.relative_to(folder)))
    else:
        with tarfile.open(target, "w") as archive:
            archive.add(folder, prefix or ".")
    return target


def test_flat_folder_has_sorted_classes_and_no_split(tmp_path: Path) -> None:
    folder = scan_folder(write_images(tmp_path, 2))
    assert folder.classes == CLASSES
    assert count(folder, "all") == 6
    assert not folder.has_split


def test_split_folder_knows_its_sides(image_folder: Path) -> None:
    folder = scan_folder(image_folder)
    assert (count(folder, "train"), count(folder, "test")) == (72, 21)
    assert folder.has_split


@pytest.mark.parametrize("name", ["val", "Validation", "valid"])
def test_validation_goes_by_several_names(tmp_path: Path, name: str) -> None:
    write_images(tmp_path / "train", 2)
    write_images(tmp_path / name, 1)
    assert count(scan_folder(tmp_path), "validation") == 3


@pytest.mark.parametrize("ending", [".tar", ".zip"])
@pytest.mark.parametrize("prefix", ["", "natural/"])
def test_archives_are_read_in_place(image_folder: Path, tmp_path: Path, ending: str, prefix: str) -> None:
    archive = pack(image_folder, tmp_path / f"images{ending}", prefix)
    plain, packed = scan_folder(image_folder), scan_folder(archive)
    assert packed.counts() == plain.counts()
    first = {file.entry.name: plain.source.read(file.entry) for file in plain.files}
    assert {f.entry.name.removeprefix(prefix): packed.source.read(f.entry) for f in packed.files} == first


def test_folders_inside_a_class_belong_to_it_and_links_do_not_loop(tmp_path: Path) -> None:
    write_images(tmp_path, 1)
    (tmp_path / "down" / "more").mkdir()
    draw_stripes(1, 5).save(tmp_path / "down" / "more" / "x.png")
    (tmp_path / "down" / "loop").symlink_to(tmp_path / "down")
    assert scan_folder(tmp_path).counts()["all"]["down"] == 2


def test_empty_class_and_stray_files_are_kept_in_view(tmp_path: Path) -> None:
    write_images(tmp_path, 1)
    (tmp_path / "nothing").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(b"x")
    (tmp_path / "corrections.csv").write_bytes(b"file\n")  # ours
    folder = scan_folder(tmp_path)
    assert folder.classes == ("across", "down", "nothing", "rings")
    assert folder.stray == (".DS_Store", ".git/HEAD")


def test_train_alone_is_a_flat_folder(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 2)
    assert not scan_folder(tmp_path).has_split


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "gone", "no such file or folder"),
        (lambda p: p, "has no images in class folders"),
        (lambda p: write_images(p / "one", 1) / "across" / "across_000.png", "neither a folder nor a .tar or .zip"),
    ],
)
def test_what_is_no_image_folder_is_named(tmp_path: Path, make: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        scan_folder(make(tmp_path))  # type: ignore[operator]


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    draw_stripes(0, 0).save(tmp_path / "only" / "a.png")
    with pytest.raises(DataError, match=r"only one class \(only\)"):
        scan_folder(tmp_path)


def test_folder_shows_itself_in_a_notebook(image_folder: Path) -> None:
    page = scan_folder(image_folder)._repr_html_()
    assert "<td>rings</td><td>7</td><td>24</td>" in page


def test_class_called_train_is_a_class(tmp_path: Path) -> None:
    for name in ("car", "train", "plane"):
        (tmp_path / name).mkdir()
        draw_stripes(0, 0).save(tmp_path / name / "a.png")
    assert scan_folder(tmp_path).classes == ("car", "plane", "train")


def test_note_beside_the_one_folder_does_not_hide_it(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 1)
    (tmp_path / "README.txt").write_text("mine")
    assert scan_folder(tmp_path).classes == CLASSES


def test_linked_split_is_read_like_another(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 2)
    write_images(tmp_path / "test", 1)
    (tmp_path / "val").symlink_to(tmp_path / "test")
    folder = scan_folder(tmp_path)
    assert (count(folder, "test"), count(folder, "validation")) == (3, 3)


def test_names_with_markup_are_escaped_in_a_notebook(tmp_path: Path) -> None:
    for name in ("<b>x", "y"):
        (tmp_path / name).mkdir()
        draw_stripes(0, 0).save(tmp_path / name / "a.png")
    assert "<b>x" not in scan_folder(tmp_path)._repr_html_()


def test_flat_validation_images_beside_class_folders_are_named(tmp_path: Path) -> None:
    """As ILSVRC-2012 comes: train/ in class folders, val/ flat."""
    write_images(tmp_path / "train", 2)
    (tmp_path / "val").mkdir()
    draw_stripes(0, 0).save(tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG")
    with pytest.raises(DataError, match=r"val: its images lie in no class folders, those of train do; sort them"):
        scan_folder(tmp_path)


def test_hidden_and_tool_made_folders_are_left_aside_at_every_level_and_said(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 2)
    write_images(tmp_path / "test", 1)
    for place in (
        "train/.ipynb_checkpoints",
        "train/down/.ipynb_checkpoints",
        "test/down/@eaDir",
        "__MACOSX/train/down",
    ):
        (tmp_path / place).mkdir(parents=True)
        draw_stripes(1, 7).save(tmp_path / place / "x.png")
    folder = scan_folder(tmp_path)
    assert folder.classes == CLASSES
    assert (count(folder, "train"), count(folder, "test")) == (6, 3)
    assert folder.notes == ("4 files in hidden folders are left aside (.ipynb_checkpoints, @eaDir, __MACOSX)",)


def test_links_to_nothing_and_odd_files_are_listed_with_a_reason(tmp_path: Path) -> None:
    write_images(tmp_path, 1)
    (tmp_path / "down" / "annexed.png").symlink_to("../../.git/annex/x")
    (tmp_path / "down" / "circle.png").symlink_to("circle.png")
    os.mkfifo(tmp_path / "down" / "pipe.png")
    problems = {file.entry.name: file.entry.problem for file in scan_folder(tmp_path).files if file.entry.problem}
    assert problems["down/annexed.png"] == "a link to nothing"
    assert "cannot be read (Too many levels" in problems["down/circle.png"]
    assert problems["down/pipe.png"] == "not a regular file"


def test_unreadable_folder_does_not_refuse_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, 1)
    scan = os.scandir

    def deny(path: Path) -> object:
        if Path(path).name == "down":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", deny)
    folder = scan_folder(tmp_path)
    assert folder.counts()["all"] == {"across": 1, "rings": 1}
    assert folder.notes == ("down: the folder cannot be read (Permission denied); its files are left aside",)
    monkeypatch.setattr(os, "scandir", lambda path: deny(Path("down")))
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\); check its permissions"):
        scan_folder(tmp_path)


def test_names_that_are_not_utf8_are_shown_escaped_and_opened_by_their_bytes(tmp_path: Path) -> None:
    content = encode(draw_stripes(0, 0))
    for folder in (b"b\xe4lle", b"red\x1b[31m", b"post"):
        path = os.fsencode(tmp_path) + b"/" + folder
        os.mkdir(path)  # noqa: PTH102
        with open(path + b"/caf\xe9\n.png", "wb") as file:  # noqa: PTH123
            file.write(content)
    folder = scan_folder(tmp_path)
    assert folder.classes == (r"b\xe4lle", "post", r"red\x1b[31m")
    assert folder.files[0].entry.name == r"b\xe4lle/caf\xe9\n.png"
    assert all(folder.source.read(file.entry) == content for file in folder.files)


def test_class_names_are_compared_in_nfc(tmp_path: Path) -> None:
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for name in ("café", "tea"):
            folder = tmp_path / split / unicodedata.normalize(form, name)
            folder.mkdir(parents=True)
            draw_stripes(0, 0).save(folder / "x.png")
    folder = scan_folder(tmp_path)
    assert folder.classes == ("café", "tea")
    assert all(folder.source.read(file.entry) for file in folder.files)


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "file/below"])
def test_path_that_cannot_be_is_named(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(DataError, match=r"no such file or folder|File name too long"):
        scan_folder(path)


def test_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(DataError, match="neither a folder nor"):
        scan_folder(tmp_path / "pipe.tar")


def test_one_class_is_enough_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    draw_stripes(0, 0).save(tmp_path / "only" / "a.png")
    assert scan_folder(tmp_path, min_classes=1).classes == ("only",)


def test_data_set_of_boxes_is_refused_instead_of_trained_on_as_one_class(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for number in range(3):
            image, boxes = (
                tmp_path / split / "images" / f"{number}.jpg",
                tmp_path / split / "labels" / f"{number}.txt",
            )
            for path in (image, boxes):
                path.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(encode(draw_stripes(0, number), "JPEG"))
            boxes.write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError, match="labels holds text files and no images, as in a data set of boxes; cut"):
        scan_folder(tmp_path)
