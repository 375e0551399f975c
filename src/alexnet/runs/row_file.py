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

    is_continued: whether an interrupted call is.
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
        self.path, self.is_continued = Path(path), False
        self._columns, self._key, self._redo_last = columns, key, redo_last
        self._kind = self.path.suffix.lower().removeprefix(".")
        if self._kind not in NAMES:
            raise DataError(f"{shown_name(self.path)}: predictions are written as .csv or .jsonl; choose one of them")
        self._header = to_csv([columns]) if self._kind == "csv" else ""
        self._mark = self.path.with_name(f"{self.path.name}.unfinished")
        self._file: IO[str] | None = None

    def __enter__(self) -> "RowFile":
        with disk_errors(self.path, DataError, "choose another path"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            size = self._unfinished_size(self._header.encode())
            self.is_continued = size is not None
            if size is not None:
                os.truncate(self.path, size)
                self._file = self._open("a")
        return self

    def _open(self, mode: str) -> IO[str]:
        return self.path.open(mode, encoding="utf-8", newline="", errors="backslashreplace")

    def _started(self) -> IO[str]:
        """The file; anew with the first row only, so that a call that fails before it leaves an earlier file."""
        if self._file is None:
            self._file = self._open("w")
            write_whole(self._mark, lambda beside: beside.write_text(self._key, encoding="utf-8"))
            self._file.write(self._header)
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with disk_errors(self.path, DataError, "choose another path"):
                self._started()
        if self._file is not None:
            self._file.close()
        if kind is None:
            with contextlib.suppress(OSError):
                self._mark.unlink(missing_ok=True)

    def _unfinished_size(self, header: bytes) -> int | None:
        """Bytes of the header and the whole rows of an interrupted call that wrote the same; None without any."""
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            if self._mark.read_text(encoding="utf-8") == self._key:
                with self.path.open("rb") as file:
                    if file.read(len(header)) != header:
                        return None
                    before, size = len(header), len(header)
                    for line in file:  # the last one may be half written
                        if line.endswith(b"\n"):
                            before, size = size, size + len(line)
                return before if self._redo_last else size
        return None

    def kept_rows(self) -> Iterator[Mapping[str, Any]]:
        """The rows of an interrupted call, one after the other: texts (`.csv`), or as they were (`.jsonl`).

        Raises:
            DataError: the file is damaged.
        """
        if not self.is_continued:
            return
        try:
            with self.path.open(encoding="utf-8", newline="") as lines:
                if self._kind == "csv":
                    yield from (row for _, row in parse_rows(lines, self._columns))
                    return
                for number, line in enumerate(lines, start=1):
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
        with disk_errors(self.path, DataError, "choose another path"):
            file = self._started()
            if self._kind == "csv":
                file.write(to_csv([[cells.get(name) for name in self._columns]]))
            else:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
