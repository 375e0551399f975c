"""A folder of hard images, which a network gets wrong: those that measure, and those that may be trained on.

FOLDER/test/CLASS     those that measure; all, until half of them are to be trained on
FOLDER/train/CLASS    those that may be trained on
FOLDER/origins.csv    which image a painted one was made from, by the digest of its bytes
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from alexnet.csv_files import parse_records, record_rows, write_csv
from alexnet.data.folder_layout import is_hidden
from alexnet.errors import DataError
from alexnet.evaluation.paired import sign_test
from alexnet.files import disk_errors, shown_name
from alexnet.records import Record

__all__ = ["NEEDED", "Origin", "add_origin", "file_digest", "lay_out", "move_into", "read_origins"]

NEEDED = next(count for count in range(1, 100) if sign_test(count, 0) < 0.05)
"""Images that measure, at least: if all are fixed and none is broken, that is not chance (sign test, 5 %)."""

ORIGINS = "origins.csv"
SPLITS = ("test", "train")


@dataclass(frozen=True)
class Origin(Record):
    """What an image was made from. digest: of the image's bytes. folder, file: of the image that was painted on."""

    digest: str
    folder: str
    file: str


def add_origin(folder: Path, data: bytes, origin_folder: str, origin_file: str) -> None:
    """Write down what an image was made from.

    Args:
        folder: of the hard images. data: the bytes of the one that was added.
        origin_folder: its location, absolute. origin_file: name in it.

    Raises:
        DataError: it cannot be written, or the list that is there cannot be read.
    """
    known = read_origins(folder)
    origin = Origin(file_digest(data), origin_folder, origin_file)
    known[origin.digest] = origin
    write_csv(record_rows(list(known.values()), Origin, with_header=True), folder / ORIGINS)


def read_origins(folder: Path) -> dict[str, Origin]:
    """Origins by the digest of the image.

    Raises:
        DataError: the list cannot be read.
    """
    path = folder / ORIGINS
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        return {origin.digest: origin for origin in parse_records(text, Origin)}
    except OSError as error:
        raise DataError(
            f"{shown_name(path)}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error
    except ValueError as error:  # also bytes that are not UTF-8
        raise DataError(f"{shown_name(path)}: {error}; fix it, or delete it") from error


def file_digest(data: bytes) -> str:
    """Digits by which a file is known, whatever it is called."""
    return blake2b(data, digest_size=16).hexdigest()


def lay_out(folder: Path, classes: Iterable[str]) -> None:
    """Make the class folders of a folder of hard images; images in class folders without a split go to `test`.

    Args:
        classes: names of the class folders.

    Raises:
        DataError: it cannot be written.
    """
    with disk_errors(folder, DataError, "check its permissions"):
        folder.mkdir(parents=True, exist_ok=True)
        for inner in sorted(folder.iterdir()):
            inside = inner.iterdir() if _may_be_class(inner) else ()
            files = [path for path in inside if path.is_file() and not is_hidden(path.name)]
            for path in sorted(files):
                move_into(path, folder / "test" / inner.name)
            if files and not any(inner.iterdir()):
                inner.rmdir()
        for name in classes:
            for split in SPLITS:
                (folder / split / name).mkdir(parents=True, exist_ok=True)


def _may_be_class(path: Path) -> bool:
    return path.is_dir() and not is_hidden(path.name) and path.name not in SPLITS


def move_into(path: Path, directory: Path) -> None:
    """Move a file into a folder, which is made if it is not there; over no other file.

    Raises:
        OSError: it cannot be moved.
    """
    directory.mkdir(parents=True, exist_ok=True)
    number, target = 1, directory / path.name
    while target.exists():
        number += 1
        target = directory / f"{path.stem}-{number}{path.suffix}"
    shutil.move(path, target)
