"""Scanning: layouts, archives, oddities of names."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.sources import open_source
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
        (lambda p: p, "holds no images in class folders"),
        (lambda p: write_images(p / "one", 1) / "across" / "across_000.png", "no folder and no .tar or .zip"),
    ],
)
def test_what_is_no_image_folder_is_named(tmp_path: Path, make: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        scan_folder(make(tmp_path))  # type: ignore[operator]


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    draw_stripes(0, 0).save(tmp_path / "only" / "a.png")
    with pytest.raises(DataError, match=r"one class only \(only\)"):
        scan_folder(tmp_path)


def test_tar_cut_between_two_files_is_noticed(image_folder: Path, tmp_path: Path) -> None:
    archive = pack(image_folder, tmp_path / "p.tar")
    with tarfile.open(archive) as file:
        end = file.getmembers()[9].offset
    archive.write_bytes(archive.read_bytes()[:end])
    with pytest.raises(DataError, match="it was cut short"):
        scan_folder(archive)


@pytest.mark.parametrize("cut", [10, 700, 20_000])
@pytest.mark.parametrize("ending", [".tar", ".zip"])
def test_broken_archive_is_named(image_folder: Path, tmp_path: Path, cut: int, ending: str) -> None:
    archive = pack(image_folder, tmp_path / f"p{ending}")
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


def test_links_and_repeated_names_in_a_tar_are_resolved(tmp_path: Path) -> None:
    write_images(tmp_path / "p", 2)
    archive = tmp_path / "p.tar"
    with tarfile.open(archive, "w") as file:
        file.add(tmp_path / "p", ".")
        for name, kind, target in (
            ("down/hard.png", tarfile.LNKTYPE, "./down/down_000.png"),
            ("down/soft.png", tarfile.SYMTYPE, "down_001.png"),
            ("down/lost.png", tarfile.SYMTYPE, "gone.png"),
        ):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            file.addfile(link)
        file.add(tmp_path / "p" / "rings" / "rings_001.png", "rings/rings_000.png")
    source = scan_folder(archive).source
    content = {entry.name: source.read(entry) for entry in source.entries if "lost" not in entry.name}
    assert content["down/hard.png"] == (tmp_path / "p" / "down" / "down_000.png").read_bytes()
    assert content["down/soft.png"] == (tmp_path / "p" / "down" / "down_001.png").read_bytes()
    assert content["rings/rings_000.png"] == (tmp_path / "p" / "rings" / "rings_001.png").read_bytes()
    lost = next(entry for entry in source.entries if "lost" in entry.name)
    with pytest.raises(OSError, match="a link to nothing"):
        source.read(lost)


@pytest.mark.parametrize("prefix", ["/absolute/", "windows\\"])
def test_odd_member_names_are_relative_paths(tmp_path: Path, prefix: str) -> None:
    archive = tmp_path / "p.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for kind, name in enumerate(CLASSES):
            info = zipfile.ZipInfo("x")
            info.filename = f"{prefix}{name}{prefix[-1]}a.png"
            file.writestr(info, encode(draw_stripes(kind, 0)))
    assert scan_folder(archive).classes == CLASSES


def test_deflated_member_that_is_damaged_is_an_error_of_that_file(tmp_path: Path) -> None:
    archive = tmp_path / "p.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/x.txt", "hello " * 500)
        file.writestr("b/y.txt", "hello " * 500)
    data = bytearray(archive.read_bytes())
    data[40] = 0xFF
    archive.write_bytes(bytes(data))
    source = open_source(archive)
    with pytest.raises(OSError, match=r"Error -3|CRC"):
        source.read(source.entries[0])


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
