"""CSV files of a run folder: UTF-8, one line a record, so that any program can read them."""

import csv
import dataclasses
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, write_whole
from alexnet.records import Prediction, Record

__all__ = [
    "parse_predictions",
    "parse_records",
    "parse_rows",
    "prediction_rows",
    "record_rows",
    "to_csv",
    "write_csv",
]

NUM_TOP = 5
"""Classes that predictions.csv names for each image."""

FORMULA = re.compile("(^|;[\"' ]*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")
"""How a text begins that a spreadsheet takes for a formula, and some for a command; the last four are full width.

A spreadsheet that splits lines at semicolons takes what follows one within a text for a cell of its own.
"""

ESCAPED_FORMULA = re.compile(r"""(^|;["' ]*)\\(?:x(3d|2b|2d|40)|u(ff1d|ff0b|ff0d|ff20))""")
"""Such a character as it is stored; a name that has this text has its backslash doubled, see `files`."""

Row = Sequence[Any]
Kind = TypeVar("Kind", bound=Record)


def to_csv(rows: Iterable[Row]) -> str:
    r"""Rows as the text of a CSV file. Numbers are written so that they read back the same, None as nothing.

    Texts are written as `shown_name` has them, so that a line is a record, and the first character of what a
    spreadsheet would take for a formula, also after a semicolon, is escaped in the same way.

    >>> to_csv([("file", "true"), ("=1+1.png", "new\nline")])
    'file,true\n\\x3d1+1.png,new\\nline\n'
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def write_csv(rows: Iterable[Row], path: Path | str) -> Path:
    """Write rows into a CSV file, whole, and return its path.

    Raises:
        DataError: it cannot be written.
    """
    path = Path(path)
    with disk_errors(path, DataError, "choose another path"):
        write_whole(path, lambda beside: beside.write_text(to_csv(rows), encoding="utf-8", newline=""))
    return path


def _cell(value: Any) -> Any:
    return FORMULA.sub(_escaped, shown_name(value)) if isinstance(value, str) else value


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[2])
    return match[1] + (f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}")


def _parse(text: str | Iterable[str], columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    """The lines of a CSV text, or of its lines, each with its number; empty cells are None.

    Raises:
        ValueError: a column is missing or there twice, or a line has too few or too many cells.
    """
    lines = iter(io.StringIO(text, newline="") if isinstance(text, str) else text)
    header = next(lines, "")
    reader = csv.DictReader(chain([header], lines), delimiter=_delimiter(header), strict=True)
    try:
        names = list(reader.fieldnames or ())
        missing = [name for name in columns if name not in names]
        if missing:
            raise ValueError(f"line 1: there is no column {missing[0]}")
        twice = [name for name in names if name and names.count(name) > 1]
        if twice:
            raise ValueError(f"line 1: there are two columns {shown_name(twice[0])}")
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num}: not as many cells as columns")
            yield reader.line_num, {name: cell or None for name, cell in row.items()}
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num + 1}: {error}") from error


def _delimiter(header: str) -> str:
    """What separates the names of the columns: a comma, or where a spreadsheet has saved the file, another."""
    return next((each for each in ";\t" if each in header and "," not in header), ",")


def parse_rows(text: str | Iterable[str], columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The lines of a CSV text as `to_csv` writes texts, each with its number; empty cells are None.

    Commas separate the cells, or semicolons or tabs where the first line has those instead.

    Args:
        text: all of it, or its lines, each with its line break.
        columns: those that must be there.

    Raises:
        ValueError: a column is missing or there twice, or a line has too few or too many cells.
    """
    for number, row in _parse(text, columns):
        yield number, {name: _text(cell) for name, cell in row.items()}


# --- records of numbers: steps and epochs
def record_rows(records: Sequence[Record], kind: type[Record], *, with_header: bool) -> list[Row]:
    """Records of one kind as rows, below the names of their fields."""
    header = [field.name for field in dataclasses.fields(kind)]
    return [*([header] if with_header else []), *(list(record.to_dict().values()) for record in records)]


def parse_records(text: str, kind: type[Kind]) -> tuple[Kind, ...]:
    """Records of one kind from the text of a CSV file.

    Raises:
        ValueError: a column is missing or a value is not valid; one line that names it.
    """
    columns = [field.name for field in dataclasses.fields(kind)]
    return tuple(_record(kind, number, row) for number, row in _parse(text, columns))


def _record(kind: type[Kind], line: int, values: Mapping[str, Any]) -> Kind:
    try:
        record = kind.from_dict(values)
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from error
    empty = [name for name, value in vars(record).items() if isinstance(value, float) and math.isnan(value)]
    if empty:
        raise ValueError(f"line {line}: {empty[0]} is not a number")
    return record


# --- predictions
RANKED = [(f"class_{rank}", f"probability_{rank}") for rank in range(1, NUM_TOP + 1)]
SINGLE = ["file", "true", "predicted", "probability", "margin", "loss"]
COLUMNS = [*SINGLE, *(name for pair in RANKED for name in pair)]


def prediction_rows(predictions: Iterable[Prediction]) -> Iterator[Row]:
    """Predictions as rows, below the names of the columns."""
    yield COLUMNS
    for prediction in predictions:
        values = prediction.to_dict()
        row = [values[name] for name in SINGLE]
        for pair in values["top"][:NUM_TOP]:
            row += pair
        yield row + [None] * (len(COLUMNS) - len(row))


def parse_predictions(text: str) -> tuple[Prediction, ...]:
    """Predictions from the text of a CSV file.

    Raises:
        ValueError: a column is missing or a value is not valid; one line that names it.
    """
    return tuple(_prediction(number, row) for number, row in _parse(text, COLUMNS))


def _prediction(line: int, row: Mapping[str, str | None]) -> Prediction:
    top = [(_text(row[name]), row[probability]) for name, probability in RANKED if row[name] is not None]
    names = {name: _text(row[name]) for name in ("file", "true", "predicted")}
    return _record(Prediction, line, {**row, **names, "top": top})


def _text(cell: str | None) -> str | None:
    return cell and ESCAPED_FORMULA.sub(lambda match: match[1] + chr(int(match[2] or match[3], 16)), cell)
