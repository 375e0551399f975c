"""Copy the wrongly classified images out, so that they can be looked at, relabelled, or sent on."""

from pathlib import Path

from alexnet.data.sources import open_source
from alexnet.errors import DataError, RunError
from alexnet.files import disk_errors, write_whole
from alexnet.runs.run import Run

__all__ = ["export_mistakes"]


def export_mistakes(run: Run, folder: Path) -> tuple[Path, ...]:
    """Copy each wrongly classified image, unchanged, the surest first.

    They go to `folder/TRUE-as-PREDICTED/RANK-PROBABILITY-NAME`.

    Raises:
        RunError: the folder is not empty or cannot be written.
        DataError: an image is no longer where it was.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder}: exists and is not empty; choose another --export folder")
    source = open_source(Path(run.folder.about["data"]["path"]))
    entries = {entry.name: entry for entry in source.entries}
    copied = []
    for number, mistake in enumerate(run.mistakes(), start=1):
        if mistake.file not in entries:
            raise DataError(f"{source.path}: {mistake.file} is no longer there; put it back or train again")
        try:
            data = source.read(entries[mistake.file])
        except OSError as error:
            raise DataError(f"{mistake.file}: cannot be read ({error}); put it back or train again") from error
        name = f"{number:04d}-{100 * mistake.probability:.0f}-percent-{Path(mistake.file).name}"
        target = folder / f"{mistake.true}-as-{mistake.predicted}" / name
        with disk_errors(target, RunError, "check its permissions or choose another folder"):
            write_whole(target, lambda beside, data=data: beside.write_bytes(data))  # type: ignore[misc]
        copied.append(target)
    return tuple(copied)
