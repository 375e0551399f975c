"""Grids of numbers are read as they are meant, or refused."""

import contextlib
import io
import time
from pathlib import Path

import numpy as np
import pytest

from alexnet.convolution.gallery import read_kernel
from alexnet.convolution.grids import parse_grid, read_grid
from alexnet.errors import DataError, GeometryError

SOBEL_X = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", ", ", "; ", "  "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_separator_of_a_csv_file_gives_the_same_kernel(tmp_path: Path, separator: str, end: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(end.join(separator.join(map(str, row)) for row in SOBEL_X).encode() + end.encode())
    kernel = read_kernel(str(path))
    assert kernel.weights.tolist() == SOBEL_X
    assert kernel.weights.dtype == np.int64


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_windows_programs_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("# mittlerer Wert, Größe 3\n0,25;0,5;0,25\n", encoding=encoding)
    assert read_grid(path).tolist() == [[0.25, 0.5, 0.25]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2 3; 4 5 6", [[1, 2, 3], [4, 5, 6]]),
        ("1,2,3; 4,5,6", [[1, 2, 3], [4, 5, 6]]),
        ("1 2 3;\n4 5 6;\n", [[1, 2, 3], [4, 5, 6]]),
        ("1;2;3", [[1], [2], [3]]),
        ("1/4 1/2, 1/4", [[0.25, 0.5, 0.25]]),
        ("0,5;1\n-1;1,5e1", [[0.5, 1.0], [-1.0, 15.0]]),
        (" \n# only\n 7 # seven\n", [[7]]),
        ("-1, 0, 1,", [[-1, 0, 1]]),
    ],
)
def test_rows_and_numbers_are_recognized(text: str, expected: list[list[float]]) -> None:
    assert parse_grid(text, "typed").tolist() == expected


def test_one_line_of_a_csv_file_is_a_row() -> None:
    assert parse_grid("1;2;3", "a.csv", is_csv=True).tolist() == [[1, 2, 3]]
    assert parse_grid("1 2 3; 4 5 6", "a.csv", is_csv=True).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert parse_grid("1,2\n3,4", "a.csv", is_csv=True).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,5 0,25 0,5", "two ways"),
        ("0,5\t0,25\n1,0\t2,0", "two ways"),
        ("0,5; 0,25", "two ways"),
        ("1,2 3,4; 5,6 7,8", "two ways"),
        ("1 2; 3 4\n5 6; 7 8", "between semicolons"),
        ("1,2,3;4,5,6\n7,8,9;1,2,3", "between semicolons"),
        ("1;;3\n4;5;6", "row 1 has an empty cell"),
        ("1,,3", "row 1 has an empty cell"),
        ("1\t\t3", "row 1 has an empty cell"),
        ("1 2\n3", "row 2 has 1 numbers and row 1 has 2"),
        ("1_000 2", "'1_000' is not a number"),
        ('"1" "2"', "is not a number"),
        ("nan 1", "'nan' is not a number"),
        ("1e999 1", "not finite"),
        (f"{'9' * 8000} 1", "not finite"),  # Python converts integers of 4,300 digits at most
        ("1/0 1", "is not a number"),
        ("left,middle,right\n1,2,3", "'left' is not a number"),
        ("99999999999999999999", "64 bits"),
        (" ; # only a comment", "holds no numbers"),
        ("\x1b[31m 1", r"'\\x1b[31m' is not a number"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError) as refused:
        parse_grid(text, "typed")
    assert message in str(refused.value)
    assert str(refused.value).isprintable()


def damaged_arrays() -> dict[str, bytes]:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((3, 4)))
    whole = buffer.getvalue()
    huge = whole.replace(b"(3, 4), }" + b" " * 12, b"(3000000000000, 4), }")
    assert len(huge) == len(whole)
    return {
        "empty": b"",
        "magic": b"\x93NUMPY",
        "header cut": whole[:60],
        "data cut": whole[:-8],
        "terabytes": huge,
        "negative": whole.replace(b"3, 4", b"3,-4"),
        "objects": whole.replace(b"<f8", b"|O8"),
        "zip": b"PK\x03\x04" + whole[4:],
        "pickle": b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x01.",
        "noise": bytes(range(256)),
        "brackets": whole.replace(b"'descr'", b"[[[[[[["),
        "version": whole[:6] + b"\x09\x00" + whole[8:],
    }


@pytest.mark.parametrize("name", damaged_arrays())
def test_damaged_arrays_are_one_line_and_cost_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.npy"
    path.write_bytes(damaged_arrays()[name])
    started = time.monotonic()
    with pytest.raises(DataError) as refused:
        read_kernel(str(path))
    assert path.name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"PK\x03\x04" + bytes(90), "it is a zip archive, as .npz files are"), (b"\x89PNG\r\n\xff", "it is not text")],
)
def test_what_is_no_grid_is_named_for_what_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "kernel.dat").write_bytes(content)
    with pytest.raises(DataError, match=f"kernel.dat: cannot be read .{reason}"):
        read_kernel(str(tmp_path / "kernel.dat"))


def test_mutated_arrays_never_raise_anything_else(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(9).reshape(3, 3))
    rng, path = np.random.default_rng(0), tmp_path / "kernel.npy"
    for _ in range(200):
        data = bytearray(buffer.getvalue())
        for place in rng.integers(0, len(data), rng.integers(1, 9)):
            data[place] = rng.integers(256)
        path.write_bytes(data[: rng.integers(1, len(data) + 1)])
        with contextlib.suppress(DataError, GeometryError):
            assert read_kernel(str(path)).weights.ndim == 2


def test_missing_and_large_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"gone\.npy: cannot be read \(No such file"):
        read_grid(tmp_path / "gone.npy")
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_BYTES", "10")
    (tmp_path / "large.txt").write_text("1 2 3 4 5 6\n")
    with pytest.raises(DataError, match=r"large\.txt: too large"):
        read_grid(tmp_path / "large.txt")
