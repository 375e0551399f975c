"""Scanning: layouts, archives, oddities of names."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from alexnet.data.folder import PictureFolder, scan_folder
from alexnet.data.sources import open_source
from alexnet.errors import DataError
from tests.conftest import CLASSES, draw_stripes, encode, write_pictures


def count(folder: PictureFolder, split: str) -> int:
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
    folder = scan_folder(write_pictures(tmp_path, 2))
    assert folder.classes == CLASSES
    assert count(folder, "all") == 6
    assert not folder.has_split


def test_split_folder_knows_its_sides(picture_folder: Path) -> None:
    folder = scan_folder(picture_folder)
    assert (count(folder, "train"), count(folder, "test")) == (72, 21)
    assert folder.has_split


@pytest.mark.parametrize("name", ["val", "Validation", "valid"])
def test_validation_goes_by_several_names(tmp_path: Path, name: str) -> None:
    write_pictures(tmp_path / "train", 2)
    write_pictures(tmp_path / name, 1)
    assert count(scan_folder(tmp_path), "validation") == 3


@pytest.mark.parametrize("ending", [".tar", ".zip"])
@pytest.mark.parametrize("prefix", ["", "natural/"])
def test_archives_are_read_in_place(picture_folder: Path, tmp_path: Path, ending: str, prefix: str) -> None:
    archive = pack(picture_folder, tmp_path / f"pictures{ending}", prefix)
    plain, packed = scan_folder(picture_folder), scan_folder(archive)
    assert packed.counts() == plain.counts()
    first = {file.entry.name: plain.source.read(file.entry) for file in plain.files}
    assert {f.entry.name.removeprefix(prefix): packed.source.read(f.entry) for f in packed.files} == first


def test_folders_inside_a_class_belong_to_it_and_links_do_not_loop(tmp_path: Path) -> None:
    write_pictures(tmp_path, 1)
    (tmp_path / "down" / "more").mkdir()
    draw_stripes(1, 5).save(tmp_path / "down" / "more" / "x.png")
    (tmp_path / "down" / "loop").symlink_to(tmp_path / "down")
    assert scan_folder(tmp_path).counts()["all"]["down"] == 2


def test_empty_class_and_stray_files_are_kept_in_view(tmp_path: Path) -> None:
    write_pictures(tmp_path, 1)
    (tmp_path / "nothing").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(b"x")
    folder = scan_folder(tmp_path)
    assert folder.classes == ("across", "down", "nothing", "rings")
    assert folder.stray == (".DS_Store", ".git/HEAD")


def test_train_alone_is_a_flat_folder(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", 2)
    assert not scan_folder(tmp_path).has_split


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "gone", "no such file or folder"),
        (lambda p: p, "holds no pictures in class folders"),
        (lambda p: write_pictures(p / "one", 1) / "across" / "across_000.png", "no folder and no .tar or .zip"),
    ],
)
def test_what_is_no_picture_folder_is_named(tmp_path: Path, make: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        scan_folder(make(tmp_path))  # type: ignore[operator]


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    draw_stripes(0, 0).save(tmp_path / "only" / "a.png")
    with pytest.raises(DataError, match=r"one class only \(only\)"):
        scan_folder(tmp_path)


def test_tar_cut_between_two_files_is_noticed(picture_folder: Path, tmp_path: Path) -> None:
    archive = pack(picture_folder, tmp_path / "p.tar")
    with tarfile.open(archive) as file:
        end = file.getmembers()[9].offset
    archive.write_bytes(archive.read_bytes()[:end])
    with pytest.raises(DataError, match="it was cut short"):
        scan_folder(archive)


@pytest.mark.parametrize("cut", [10, 700, 20_000])
@pytest.mark.parametrize("ending", [".tar", ".zip"])
def test_broken_archive_is_named(picture_folder: Path, tmp_path: Path, cut: int, ending: str) -> None:
    archive = pack(picture_folder, tmp_path / f"p{ending}")
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(DataError, match="is damaged or no"):
        scan_folder(archive)


def test_damaged_member_of_a_zip_is_an_error_of_that_file(tmp_path: Path) -> None:
    archive = tmp_path / "p.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/x.png", encode(draw_stripes(0, 0)))
        file.writestr("b/y.png", encode(draw_stripes(1, 0)))
    data = bytearray(archive.read_bytes())
    data[200] ^= 0xFF
    archive.write_bytes(bytes(data))
    source = open_source(archive)
    with pytest.raises(OSError, match="CRC"):
        source.read(source.entries[0])


def test_folder_shows_itself_in_a_notebook(picture_folder: Path) -> None:
    page = scan_folder(picture_folder)._repr_html_()
    assert "<td>rings</td><td>7</td><td>24</td>" in page
