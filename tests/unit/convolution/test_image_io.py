"""Every bit of an image is kept, and nothing is clipped."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.convolution.image_io import read_image, write_raw
from alexnet.errors import DataError


def test_eight_and_sixteen_bits_floats_arrays_and_text_are_read(tmp_path: Path) -> None:
    grey, deep = np.array([[0, 255]], dtype=np.uint8), np.array([[0, 65535]], dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(deep).save(tmp_path / "b.png")
    Image.fromarray(deep.astype(np.float32) / 7).save(tmp_path / "c.tif")
    np.save(tmp_path / "d.npy", deep.astype(np.int64) * -9)
    (tmp_path / "e.txt").write_text("1 2\n3 4\n", encoding="utf-8")
    assert read_image(tmp_path / "a.png").tolist() == grey.tolist()
    assert read_image(tmp_path / "b.png").dtype == np.uint16
    assert read_image(tmp_path / "b.png").tolist() == deep.tolist()
    assert read_image(tmp_path / "c.tif").dtype == np.float32
    assert read_image(tmp_path / "d.npy").tolist() == (deep.astype(int) * -9).tolist()
    assert read_image(tmp_path / "e.txt").tolist() == [[1, 2], [3, 4]]


def test_colour_becomes_grey_by_luma(tmp_path: Path) -> None:
    Image.new("RGB", (2, 1), (255, 0, 0)).save(tmp_path / "red.png")
    assert read_image(tmp_path / "red.png").shape == (1, 2, 3)
    assert read_image(tmp_path / "red.png", grey=True).tolist() == [[76, 76]]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a.png", np.array([[0, 255]])),
        ("b.png", np.array([[0, 300]])),
        ("c.tif", np.array([[-1.5, 1e30]], dtype=np.float32)),
        ("d.npy", np.array([[-(2**60), 1]])),
        ("e.png", np.zeros((2, 2, 3), dtype=np.int32) + 7),
    ],
)
def test_numbers_come_back_as_they_were(tmp_path: Path, name: str, values: np.ndarray) -> None:
    write_raw(values, tmp_path / name)
    assert (read_image(tmp_path / name) == values).all()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("a.png", np.array([[-1, 3]]), "runs from -1 to 3"),
        ("a.png", np.array([[0.5]]), "with fractions"),
        ("a.png", np.array([[70000]]), "cannot hold"),
        ("a.tif", np.array([[2**24 + 1]]), "float32"),
        ("a.jpg", np.array([[1]]), "unknown ending"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(tmp_path: Path, name: str, values: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        write_raw(values, tmp_path / name)
    assert not list(tmp_path.iterdir())


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
        "f.png": "transparency",
        "g.npy": "cannot be read",
        "h.png": "no such",
    }
    for name, said in words.items():
        with pytest.raises(DataError, match=said) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
