"""A folder that appears when it is whole: drawn beside its place, or inside it, then moved there."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name

__all__ = ["new_folder", "refuse_inside"]

DRAWING = ".drawing"
"""End of the name of the folder that is being drawn."""


@contextlib.contextmanager
def new_folder(directory: Path | str, *, copied: Path | None = None) -> Iterator[Path]:
    """An empty folder beside `directory`, which takes its place in the end; on any failure it is removed.

    An empty folder that is there already stays the same folder, since it may be where a shell is, or a mounted disk:
    the new one lies inside it, and what it holds moves up in the end.

    What a killed program left of an earlier try is removed first.

    Args:
        directory: a path where nothing or an empty folder is.
        copied: the folder that is copied; the copy may not become a part of it.

    Raises:
        DataError: something else is there, it lies in the folder that is copied, or it cannot be written.
    """
    directory = Path(directory)
    shown = shown_name(directory)
    with disk_errors(directory, DataError, "choose another folder"):
        exists = directory.exists()
        if exists and (not directory.is_dir() or any(path.name != DRAWING for path in directory.iterdir())):
            raise DataError(f"{shown}: exists and is not an empty folder; choose another folder or delete it")
        refuse_inside(directory, copied)
        target = directory.resolve()
        beside = target / DRAWING if exists else target.with_name(f".{target.name}{DRAWING}")
        try:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            yield beside
            if exists:
                _move_up(beside)
            else:
                beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def refuse_inside(directory: Path, copied: Path | None) -> None:
    """Refuse to write into the folder that is read.

    Raises:
        DataError: `directory` is `copied` or lies in it.
    """
    target = directory.resolve()
    if copied is not None and copied.resolve() in (target, *target.parents):
        raise DataError(
            f"{shown_name(directory)}: lies inside {shown_name(copied)}, and the copy would become part of it; "
            "choose another folder"
        )


def _move_up(folder: Path) -> None:
    """Move what a folder holds into the one around it, all or nothing."""
    moved: list[Path] = []
    try:
        for path in sorted(folder.iterdir()):
            moved.append(path.rename(folder.parent / path.name))
    except BaseException:
        for path in moved:
            path.rename(folder / path.name)
        raise
