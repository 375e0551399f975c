"""Grids of numbers as text, CSV and .npy: read as they are meant, or refused."""

import codecs
import math
import re
from pathlib import Path

import numpy as np

from alexnet.convolution.layout import Array
from alexnet.data.image_file import too_many_bytes
from alexnet.errors import DataError
from alexnet.files import shown_name

__all__ = ["GRID_SUFFIXES", "parse_grid", "read_grid"]

GRID_SUFFIXES = (".txt", ".csv", ".npy")

MAGIC = b"\x93NUMPY"
"""First bytes of a .npy file."""

WHOLE = re.compile(r"[+-]?\d+")
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")

MOST_DIGITS = 300
"""Digits of a whole number that is kept exactly; longer ones are read as float64, which ends at 1.8e308."""

EXAMPLE = "give rows such as 1 2 3; 4 5 6; 7 8 9"


def read_grid(path: Path) -> Array:
    """The numbers of a `.npy` file, or of a text or CSV file as `parse_grid` reads them.

    Text may be UTF-8, or UTF-16 with a byte order mark.

    Raises:
        DataError: the file is missing, damaged, or does not hold one grid of numbers; one line that names it.
    """
    shown = shown_name(path)
    try:
        problem = too_many_bytes(path.stat().st_size)
        if problem:
            raise DataError(f"{shown}: {problem}")
        if path.suffix.lower() == ".npy":
            return _load_array(path)
        data = path.read_bytes()
        if data.startswith(b"PK\x03\x04"):
            raise ValueError("it is a zip archive, as .npz files are; save one array with numpy.save")
        is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror or error}); check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{shown}: cannot be read (it is not text); give a text, CSV or .npy file") from error
    except Exception as error:  # numpy raises many kinds for a damaged header
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{shown}: cannot be read ({reason}); give a text, CSV or .npy file") from error
    return parse_grid(text, shown, is_csv=path.suffix.lower() == ".csv")


def _load_array(path: Path) -> Array:
    """The array of a .npy file. It is mapped first, so that a header that declares terabytes costs no memory."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it is not one array; save one with numpy.save")
    return np.array(np.load(path, mmap_mode="r", allow_pickle=False))


def parse_grid(text: str, source: str, *, is_csv: bool = False) -> Array:
    """Numbers in rows. Integers stay integers; fractions such as 1/9 are allowed; `#` starts a comment.

    On one line, rows end in `;`. On several lines, each line is a row, and `;` separates numbers, as in CSV files
    with decimal commas. Otherwise blanks, tabs or commas separate numbers. What could be read in two ways, such as
    `0,5 0,25`, is refused.

    Args:
        source: where the text comes from, for messages.
        is_csv: in a single line, too, `;` separates numbers.

    Raises:
        DataError: no number, rows of different lengths, or an ambiguous separator; the message names the row.

    >>> parse_grid("1 2; 3 4", "typed").tolist()
    [[1, 2], [3, 4]]
    >>> parse_grid("0,5;1\\n1;0,5", "kernel.csv").tolist()
    [[0.5, 1.0], [1.0, 0.5]]
    """
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    lines = [line.removesuffix(";").strip() for line in lines if line.strip("; \t")]
    if not lines:
        raise DataError(f"{source}: holds no numbers; {EXAMPLE}")
    by_semicolon = any(";" in line for line in lines)
    if by_semicolon and len(lines) == 1 and not (is_csv and not re.search(r"[^;\s]\s+[^;\s]", lines[0])):
        lines, by_semicolon = [part.strip() for part in lines[0].split(";")], False
    cut = _cut_at_semicolons if by_semicolon else _cut
    rows = [cut(line, f"{source}: row {place}", is_csv) for place, line in enumerate(lines, start=1)]
    for place, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{source}: row {place} has {len(row)} numbers and row 1 has {len(rows[0])}; "
                "give every row the same length"
            )
    values = [[_number(word, source) for word in row] for row in rows]
    try:
        is_whole = all(isinstance(value, int) for row in values for value in row)
        return np.array(values, dtype=np.int64 if is_whole else np.float64)
    except OverflowError as error:
        raise DataError(f"{source}: a number does not fit into 64 bits; write it with a decimal point") from error


def _cut_at_semicolons(line: str, place: str, _is_csv: bool) -> list[str]:
    """The numbers of a row, a decimal comma as a point."""
    cells = [cell.strip() for cell in line.split(";")]
    for cell in cells:
        if not cell:
            raise DataError(f"{place} has an empty cell; write every number")
        if re.search(r"\s", cell) or ("," in cell and not DECIMAL_COMMA.fullmatch(cell)):
            raise DataError(f"{place} holds {shown_name(cell)!r} between semicolons; separate all numbers in one way")
    return [cell.replace(",", ".") for cell in cells]


def _cut(line: str, place: str, is_csv: bool) -> list[str]:
    """The numbers of a row between blanks, tabs or commas."""
    line = line.removesuffix(",").strip()
    separators = [match[0] for match in re.finditer(r"[\s,]+", line)]
    if not line or any(max(separator.count(","), separator.count("\t")) > 1 for separator in separators):
        raise DataError(f"{place} has an empty cell; write every number")
    is_one_comma = separators == [","] and not is_csv
    if is_one_comma or ("," in separators and any("," not in separator for separator in separators)):
        raise DataError(
            f"{place}, {shown_name(line[:40])!r}, can be read in two ways; write 0.5, or 0, 5 for two numbers"
        )
    return re.split(r"[\s,]+", line)


def _number(word: str, source: str) -> int | float:
    if WHOLE.fullmatch(word) and len(word) <= MOST_DIGITS:
        return int(word)
    above, slash, below = word.partition("/")
    parts = (above, below) if slash else (above,)
    if not all(DECIMAL.fullmatch(part) for part in parts) or (slash and float(below) == 0.0):
        raise DataError(f"{source}: {shown_name(word[:40])!r} is not a number; {EXAMPLE}")
    value = float(above) / float(below) if slash else float(above)
    if not math.isfinite(value):
        raise DataError(f"{source}: {word[:40]} is not finite; replace it")
    return value
