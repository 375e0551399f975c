"""Images as the numbers that they hold: every bit kept, upright, and refused by name where that cannot be."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.convolution.read_image import read_image
from alexnet.errors import DataError
from tests.unit.data.test_bit_depth import tiff
from tests.unit.data.test_image_file import corners, with_tag


def test_eight_and_sixteen_bits_floats_arrays_and_text_are_read(tmp_path: Path) -> None:
    gray, deep = np.array([[0, 255]], dtype=np.uint8), np.array([[0, 65535]], dtype=np.uint16)
    Image.fromarray(gray).save(tmp_path / "a.png")
    Image.fromarray(deep).save(tmp_path / "b.png")
    Image.fromarray(deep.astype(np.float32) / 7).save(tmp_path / "c.tif")
    np.save(tmp_path / "d.npy", deep.astype(np.int64) * -9)
    (tmp_path / "e.txt").write_text("1 2\n3 4\n", encoding="utf-8")
    assert read_image(tmp_path / "a.png").tolist() == gray.tolist()
    assert read_image(tmp_path / "b.png").dtype == np.uint16
    assert read_image(tmp_path / "b.png").tolist() == deep.tolist()
    assert read_image(tmp_path / "c.tif").dtype == np.float32
    assert read_image(tmp_path / "d.npy").tolist() == (deep.astype(int) * -9).tolist()
    assert read_image(tmp_path / "e.txt").tolist() == [[1, 2], [3, 4]]


def test_color_becomes_gray_by_luma(tmp_path: Path) -> None:
    Image.new("RGB", (2, 1), (255, 0, 0)).save(tmp_path / "red.png")
    assert read_image(tmp_path / "red.png").shape == (1, 2, 3)
    assert read_image(tmp_path / "red.png", gray=True).tolist() == [[76, 76]]


def test_bad_images_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    (tmp_path / "b.txt").write_text("1 2\n3\n", encoding="utf-8")
    np.save(tmp_path / "c.npy", np.array([[1.0, np.nan]]))
    np.save(tmp_path / "d.npy", np.zeros((0, 4)))
    np.save(tmp_path / "e.npy", np.zeros((2, 2, 4)))
    Image.new("RGBA", (2, 2)).save(tmp_path / "f.png")
    (tmp_path / "g.npy").write_bytes(b"\x93NUMPY")
    words = {
        "a.jpg": "no image",
        "b.txt": "row 2",
        "c.npy": "not finite",
        "d.npy": "empty",
        "e.npy": "fourth",
        "f.png": "transparent pixels",
        "g.npy": "cannot be read",
        "h.png": "no such",
    }
    for name, text in words.items():
        with pytest.raises(DataError, match=text) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF LZW"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_image_is_turned_upright_once(tmp_path: Path, kind: str, orientation: int) -> None:
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation → Image.Transpose
    stored = corners()
    (tmp_path / "x").write_bytes(with_tag(stored, kind, orientation))
    upright = stored.transpose(Image.Transpose(turns[orientation])) if orientation > 1 else stored
    assert np.abs(read_image(tmp_path / "x").astype(int) - np.asarray(upright)).mean() < 3


def test_deep_image_is_turned_upright_once(tmp_path: Path) -> None:
    deep = Image.fromarray(np.arange(6, dtype=np.uint16).reshape(2, 3) * 1000)
    for name, kind in (("a.png", "PNG"), ("b.tif", "TIFF")):
        (tmp_path / name).write_bytes(with_tag(deep, kind, 6))
        assert read_image(tmp_path / name).tolist() == [[3000, 0], [4000, 1000], [5000, 2000]]


def test_thirty_two_bits_without_sign_do_not_wrap(tmp_path: Path) -> None:
    values = np.array([[0, 2**32 - 1]], np.uint32)
    (tmp_path / "a.tif").write_bytes(tiff(values, bits=32, sample_format=1))
    assert read_image(tmp_path / "a.tif").tolist() == values.tolist()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_opaque_transparency_channel_is_dropped(tmp_path: Path, mode: str) -> None:
    color = corners()
    if mode == "P":
        color.quantize(4).save(tmp_path / "a.png", transparency=bytes([255] * 4))
    else:
        color.convert(mode).save(tmp_path / "a.png")
    expected = np.asarray(color.convert("L") if mode == "LA" else color)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def npy(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)


@pytest.mark.parametrize("shape", ["(1000000, 1000000)", "(9" + "9" * 25 + ", 3)", "(-3, 4)", "('a',)", "((((("])
def test_array_that_declares_what_is_not_there_is_refused_unread(tmp_path: Path, shape: str) -> None:
    (tmp_path / "a.npy").write_bytes(npy(shape))
    with pytest.raises(DataError, match=r"a.npy: cannot be read .*; give a text, CSV or .npy file"):
        read_image(tmp_path / "a.npy")


def test_what_a_file_is_instead_is_said(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(
        DataError, match=r"photo.jpg: cannot be used .a HEIC image, which cannot be read; convert it to JPEG"
    ):
        read_image(tmp_path / "photo.jpg")
    np.savez(tmp_path / "b.npz", a=np.zeros(3))
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    with pytest.raises(DataError, match="is not one array"):
        read_image(tmp_path / "b.npy")


def test_arrays_beyond_the_limit_of_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (30, 20)).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.zeros((20, 30)))
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_PIXELS", "599")
    for name in ("a.png", "a.npy"):
        with pytest.raises(DataError, match=rf"{name}: .*too large"):
            read_image(tmp_path / name)


def test_impossible_names_are_no_images() -> None:
    for name in ("a" * 300 + ".png", "a\0.png", "a\0.npy"):
        with pytest.raises(DataError, match=r"no such image|cannot be read"):
            read_image(name)
