"""A .csv or .jsonl file that rows are added to as they come; the same call goes on after an interrupted one."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from alexnet.csv_files import parse_rows, to_csv
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, write_whole

__all__ = ["RowFile"]

NAMES = ("csv", "jsonl")


class RowFile:
    """A file of rows, each handed to the system before the next one comes.

    While it is unfinished, a file `NAME.unfinished` beside it holds a key of what is written. Where the key is the
    same the next time, the whole rows stay; otherwise the file starts anew.

    is_continued: whether an interrupted call is. kept: its rows, texts (`.csv`) or as they were (`.jsonl`).
    """

    def __init__(self, path: Path | str, columns: Sequence[str], *, key: str, redo_last: bool = False) -> None:
        """Args:
        path: of the file, .csv or .jsonl.
        columns: of a .csv file.
        key: of everything that the rows follow from.
        redo_last: drop the last row of an interrupted call too, as what belongs to it may not have been done.

        Raises:
            DataError: the path has another ending.
        """
        self.path, self.kept, self.is_continued = Path(path), list[Mapping[str, Any]](), False
        self._columns, self._key, self._redo_last = columns, key, redo_last
        self._kind = self.path.suffix.lower().removeprefix(".")
        if self._kind not in NAMES:
            raise DataError(f"{shown_name(self.path)}: predictions are written as .csv or .jsonl; choose one of them")
        self._mark = self.path.with_name(f"{self.path.name}.unfinished")
        self._file: IO[str] | None = None

    def __enter__(self) -> "RowFile":
        with disk_errors(self.path, DataError, "choose another path"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            header = to_csv([self._columns]) if self._kind == "csv" else ""
            data = self._unfinished(header.encode())
            if data is not None:
                self.kept = list(self._parse(data))
                os.truncate(self.path, len(data))
                self.is_continued = True
            mode = "w" if data is None else "a"
            self._file = self.path.open(mode, encoding="utf-8", newline="", errors="backslashreplace")
            if data is None:
                write_whole(self._mark, lambda beside: beside.write_text(self._key, encoding="utf-8"))
                self._file.write(header)
                self._file.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if kind is None:
            with contextlib.suppress(OSError):
                self._mark.unlink(missing_ok=True)

    def _unfinished(self, header: bytes) -> bytes | None:
        """The header and whole rows of an interrupted call that wrote the same; None where there are none."""
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            if self._mark.read_text(encoding="utf-8") == self._key:
                data = self.path.read_bytes()
                *lines, _ = data.split(b"\n")  # after the last line break: nothing, or a row half written
                if self._redo_last and len(lines) > bool(header):
                    lines.pop()
                whole = b"".join(line + b"\n" for line in lines)
                return whole if whole.startswith(header) else None
        return None

    def _parse(self, data: bytes) -> Iterator[Mapping[str, Any]]:
        try:
            if self._kind == "csv":
                yield from (row for _, row in parse_rows(data.decode("utf-8"), self._columns))
            else:
                for number, line in enumerate(data.split(b"\n")[:-1], start=1):
                    if not isinstance(row := json.loads(line), dict):
                        raise ValueError(f"line {number}: it does not hold an object")
                    yield row
        except ValueError as error:
            raise DataError(
                f"{shown_name(self.path)}: is damaged ({' '.join(str(error).split())[:160]}); remove it, or choose "
                "another path"
            ) from error

    def write(self, row: Mapping[str, Any], cells: Mapping[str, Any]) -> None:
        """Add a row: `row` to a .jsonl file, `cells` to a .csv file."""
        assert self._file is not None
        with disk_errors(self.path, DataError, "choose another path"):
            if self._kind == "csv":
                self._file.write(to_csv([[cells.get(name) for name in self._columns]]))
            else:
                self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._file.flush()
