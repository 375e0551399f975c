"""A folder that appears when it is whole: drawn beside its place, then moved there."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name

__all__ = ["new_folder"]


@contextlib.contextmanager
def new_folder(directory: Path | str) -> Iterator[Path]:
    """An empty folder beside `directory`, which takes its place in the end; on any failure it is removed.

    What a killed program left of an earlier try is removed first.

    Args:
        directory: a path where nothing or an empty folder is.

    Raises:
        DataError: something else is there, or it cannot be written.
    """
    directory = Path(directory)
    shown = shown_name(directory)
    with disk_errors(directory, DataError, "choose another folder"):
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise DataError(f"{shown}: exists and is not an empty folder; choose another folder or delete it")
        target = directory.resolve()
        beside = target.with_name(f".{target.name}.drawing")
        try:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            yield beside
            if target.exists():
                target.rmdir()
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
