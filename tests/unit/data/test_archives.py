"""Tars and zips: damaged, hostile, from other systems; every one is read in place or refused in one line."""

import io
import os
import random
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from alexnet.data.folder import scan_folder
from alexnet.data.sources import open_source
from alexnet.errors import DataError
from tests.conftest import CLASSES, draw_stripes, encode, write_images
from tests.unit.data.test_folder import pack


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


def small_tar(path: Path, names: tuple[str, ...] = ("a/x.png", "a/y.png", "b/z.png")) -> Path:
    """Images of 700 bytes and less; each member takes a header of 512 bytes and its content, padded to 512."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for place, name in enumerate(names):
            data = encode(draw_stripes(place % 3, place, 8))
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def with_field(archive: Path, start: int, value: bytes, *, member: int = 0) -> None:
    """Change a field of a member's header and make its checksum right."""
    with tarfile.open(archive) as file:
        header = file.getmembers()[member].offset
    data = bytearray(archive.read_bytes())
    data[header + start : header + start + len(value)] = value
    data[header + 148 : header + 156] = b" " * 8
    data[header + 148 : header + 156] = b"%06o\0 " % sum(data[header : header + 512])
    archive.write_bytes(data)


def test_header_of_zeros_in_the_middle_of_a_tar_is_refused(tmp_path: Path) -> None:
    archive = small_tar(tmp_path / "p.tar")
    with tarfile.open(archive) as file:
        second = file.getmembers()[1].offset
    data = bytearray(archive.read_bytes())
    data[second : second + 512] = bytes(512)
    archive.write_bytes(data)
    with pytest.raises(DataError, match=f"breaks off at byte {second}, and more data follows.; get it again"):
        open_source(archive)


def test_damaged_header_in_the_middle_of_a_tar_is_refused(tmp_path: Path) -> None:
    archive = small_tar(tmp_path / "p.tar")
    with tarfile.open(archive) as file:
        second = file.getmembers()[1].offset
    data = bytearray(archive.read_bytes())
    data[second + 20] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DataError, match=f"breaks off at byte {second}, and more data follows"):
        open_source(archive)


def test_tar_that_ends_in_nothing_but_zeros_was_cut_short(tmp_path: Path) -> None:
    archive = small_tar(tmp_path / "p.tar")
    with archive.open("ab") as file:
        file.truncate(40 << 20)
    with pytest.raises(DataError, match="cut short: nothing but zeros"):
        open_source(archive)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(b"\x80" + (1 << 71).to_bytes(11, "big"), id="2^71 bytes"),
        pytest.param(b"\x80" + (1 << 40).to_bytes(11, "big"), id="a terabyte"),
        pytest.param(b"\xff" + b"\xff" * 9 + b"\xfe\x00", id="-512 bytes"),
        pytest.param(b"\xff" * 12, id="-1 byte"),
        pytest.param(b"77777777777\0", id="8 GB"),
    ],
)
def test_size_that_cannot_be_is_refused(tmp_path: Path, size: bytes) -> None:
    archive = small_tar(tmp_path / "p.tar")
    with_field(archive, 124, size)
    with pytest.raises(DataError, match="is damaged or not a tar archive"):
        open_source(archive)


def test_size_that_leads_back_to_its_own_header_does_not_loop(tmp_path: Path) -> None:
    archive = small_tar(tmp_path / "p.tar")
    with_field(archive, 124, b"\xff" * 10 + b"\xfe\x00", member=1)
    with pytest.raises(DataError, match="the size of a/y.png is below zero"):
        open_source(archive)


def test_size_below_zero_in_a_pax_header_does_not_loop(tmp_path: Path) -> None:
    archive = tmp_path / "p.tar"
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as file:
        for name in ("a/x.png", "b/y.png"):
            info = tarfile.TarInfo(name)
            info.pax_headers = {"size": "-1024"}
            file.addfile(info)
    with pytest.raises(DataError, match="is damaged or not a tar archive"):
        open_source(archive)


def test_files_of_a_tar_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    archive = small_tar(tmp_path / "p.tar")
    with tarfile.open(archive, "a") as file:
        for name, kind, target in (
            ("a/lost", tarfile.SYMTYPE, "../../gone.png"),
            ("a/circle", tarfile.SYMTYPE, "circle"),
            ("a/folder", tarfile.SYMTYPE, "../c"),
            ("a/far", tarfile.SYMTYPE, "near"),
            ("a/near", tarfile.SYMTYPE, "./x.png"),
            ("a/pipe", tarfile.FIFOTYPE, ""),
            ("c", tarfile.DIRTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            file.addfile(info)
    source = open_source(archive)
    entries = {entry.name: entry for entry in source.entries}
    problems = {name: entry.problem for name, entry in entries.items() if entry.problem}
    assert problems == {
        "a/circle": "a link to nothing",
        "a/folder": "a link to a folder; unpack the archive",
        "a/lost": "a link to nothing",
        "a/pipe": "not a regular file",
    }
    assert source.read(entries["a/far"]) == source.read(entries["a/near"]) == source.read(entries["a/x.png"])


@pytest.mark.parametrize(
    ("content", "command"),
    [
        (b"\x1f\x8b\x08", "tar -xzf"),
        (b"BZh9", "tar -xjf"),
        (b"\xfd7zXZ\0", "tar -xJf"),
        (b"7z\xbc\xaf\x27\x1c", "7z x"),
    ],
)
@pytest.mark.parametrize("name", ["p.tar", "p.tgz", "p.tar.gz"])
def test_compressed_archive_is_told_how_to_unpack(tmp_path: Path, content: bytes, command: str, name: str) -> None:
    (tmp_path / name).write_bytes(content + b"x" * 600)
    with pytest.raises(DataError, match=f"is compressed .*unpack it .`{command} {name}`. and give the folder"):
        open_source(tmp_path / name)


def test_archives_are_known_by_their_content(image_folder: Path, tmp_path: Path) -> None:
    for ending, other in ((".tar", ".zip"), (".zip", ".dat")):
        packed = pack(image_folder, tmp_path / f"p{ending}")
        renamed = packed.rename(tmp_path / f"p{other}")
        assert scan_folder(renamed).counts() == scan_folder(image_folder).counts()


def zip_of(path: Path, contents: dict[str, bytes], flags: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        while flags and start >= 0:
            data[start + place] |= flags
            start = data.find(mark, start + 4)
    path.write_bytes(data)
    return path


def test_zip_with_a_password_says_so(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "p.zip", {"a/x.png": b"1", "b/y.png": b"2"}, flags=1)
    with pytest.raises(DataError, match=r"p.zip: needs a password; unpack it and give the folder"):
        open_source(archive)


def test_zip_that_unpacks_to_far_more_than_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "p.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("a/x.bmp", "b/y.bmp"):
            file.writestr(name, bytes(1 << 20))
    data = bytearray(archive.read_bytes())
    start = data.find(b"PK\x01\x02")
    data[start + 24 : start + 28] = struct.pack("<I", 3 << 30)
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"unpacks to 3.2 GB, .* times its size.*raise ALEXNET_MAX_ARCHIVE_RATIO"):
        open_source(archive)
    monkeypatch.setenv("ALEXNET_MAX_ARCHIVE_RATIO", "2e6")
    assert len(open_source(archive).entries) == 2


def test_links_and_unknown_methods_in_a_zip_are_named(tmp_path: Path) -> None:
    archive = tmp_path / "p.zip"
    with zipfile.ZipFile(archive, "w") as file:
        link = zipfile.ZipInfo("a/link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "x.png")
        file.writestr("a/odd.png", b"1")
        file.writestr("b/y.png", b"2")
    data = bytearray(archive.read_bytes())
    start = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    data[start + 10 : start + 12] = struct.pack("<H", 9)
    archive.write_bytes(data)
    problems = {entry.name: entry.problem for entry in open_source(archive).entries}
    assert problems["a/link.png"] == "a link; pack the archive without links"
    assert "(method 9); unpack the archive" in problems["a/odd.png"]
    assert problems["b/y.png"] == ""


NAMES = [b"caf\xe9", "日本".encode(), b"b\xe4lle", b"red\x1b[31m", b"new\nline"]


@pytest.mark.parametrize("ending", [".tar", ".zip"])
@pytest.mark.parametrize("name", NAMES)
def test_any_name_in_an_archive_is_shown_escaped_and_read(tmp_path: Path, ending: str, name: bytes) -> None:
    content = encode(draw_stripes(0, 0))
    archive = tmp_path / f"p{ending}"
    text = name.decode("utf-8", "surrogateescape")
    if ending == ".tar":
        with tarfile.open(archive, "w") as file:
            for folder in (text, "other"):
                info = tarfile.TarInfo(f"{folder}/{text}.png")
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    else:  # as Info-ZIP writes it: bytes, without the flag of UTF-8
        stand_in = "Q" * len(name)
        zip_of(archive, {f"{stand_in}/{stand_in}.png": content, f"other/{stand_in}.png": content})
        archive.write_bytes(archive.read_bytes().replace(stand_in.encode(), name))
    folder = scan_folder(archive)
    names = [entry.name for entry in folder.source.entries]
    assert all(each.isprintable() and each.encode() for each in [*names, *folder.classes])
    assert len(folder.classes) == len(set(names)) == 2
    assert all(folder.source.read(entry) == content for entry in folder.source.entries)


def test_backslashes_separate_folders_only_where_windows_made_the_archive(tmp_path: Path) -> None:
    archive = small_tar(tmp_path / "p.tar", ("back\\slash/x.png", "b/y.png"))
    assert scan_folder(archive).classes == ("b", "back\\slash")


def test_names_that_lead_outside_stay_inside(tmp_path: Path) -> None:
    archive = small_tar(tmp_path / "p.tar", ("../../etc/x.png", "/abs/y.png", "a/../b/z.png"))
    assert [entry.name for entry in open_source(archive).entries] == ["abs/y.png", "b/z.png", "etc/x.png"]


def mutated(data: bytes, seed: int) -> bytes:
    """Some bytes changed, cut out, doubled or set to zero."""
    rng = random.Random(seed)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = rng.randrange(len(changed))
        kind = rng.randrange(5)
        if kind == 0:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[place : place + rng.choice((1, 2, 4, 12))] = rng.randbytes(4)
        elif kind == 2:
            del changed[place : place + rng.choice((1, 16, 512))]
        elif kind == 3:
            changed[place:place] = changed[place : place + rng.choice((1, 30, 512))]
        else:
            changed[place : place + 512] = bytes(min(512, len(changed) - place))
    return bytes(changed)


@pytest.mark.parametrize("ending", [".tar", ".zip"])
def test_mutated_archives_are_read_or_refused_in_one_line(tmp_path: Path, ending: str) -> None:
    """200 mutations: whatever happens, it is a DataError, or an OSError of one file."""
    archive = tmp_path / f"p{ending}"
    names = ("a/x.png", "a/y.png", "b/z.png")
    if ending == ".tar":
        small_tar(archive, names)
    else:
        zip_of(archive, {name: encode(draw_stripes(0, 0, 8))[:80] for name in names})
    whole, refusals, problems = archive.read_bytes(), [], []
    for seed in range(200):
        archive.write_bytes(mutated(whole, seed))
        try:
            source = scan_folder(archive).source
        except DataError as error:
            refusals.append(str(error))
            continue
        for entry in source.entries:
            try:
                source.read(entry)
            except OSError as error:
                problems.append(str(error))
    assert 20 < len(refusals) < 200
    assert all(refusal.startswith(os.fspath(archive)) for refusal in refusals)
    assert not any("\n" in line for line in refusals + problems)
