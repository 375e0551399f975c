"""Every bit of an image is kept, and nothing is clipped."""

from pathlib import Path

import numpy as np
import pytest

from alexnet.convolution.raw_file import write_raw
from alexnet.convolution.read_image import read_image
from alexnet.errors import DataError


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a.png", np.array([[0, 255]])),
        ("b.png", np.array([[0, 300]])),
        ("c.tif", np.array([[-1.5, 1e30]], dtype=np.float32)),
        ("d.npy", np.array([[-(2**60), 1]])),
        ("d.NPY", np.array([[1.5, 2.5]])),
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
        ("a.png", np.array([[-1, 3]]), "run from -1 to 3"),
        ("a.png", np.array([[0.5]]), "with fractions"),
        ("a.png", np.array([[70000]]), "cannot hold"),
        ("a.tif", np.array([[2**24 + 1]]), "float32"),
        ("a.jpg", np.array([[1]]), "unknown suffix"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(tmp_path: Path, name: str, values: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        write_raw(values, tmp_path / name)
    assert not list(tmp_path.iterdir())
