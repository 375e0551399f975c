"""Which run a training of the whole recipe trains again, so that one that was interrupted can still be compared."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.data.corrections import Correction, effective, read_corrections
from alexnet.errors import DataError, RunError
from alexnet.run_folder import RunFolder

if TYPE_CHECKING:
    from alexnet.runs.run import Run

__all__ = ["begin_retraining", "begun_retrainings", "end_retraining", "is_about", "retrained_run"]

BEGUN = "retraining.json"
"""In the folder of the new run, until the two are compared: the run that is trained again."""


def begin_retraining(target: RunFolder, run: "Run") -> None:
    """Write down, before the training makes its run folder, which run it trains again.

    Raises:
        RunError: the folder cannot be written.
    """
    RunFolder.create(target.path)
    data = "" if run.moved_to is None else str(Path(run.moved_to).absolute())
    target.write_json(BEGUN, {"run": str(run.path.absolute()), "data": data})


def end_retraining(target: RunFolder) -> None:
    """Remove the note, as the runs are compared."""
    target.discard(BEGUN)


def retrained_run(folder: RunFolder) -> tuple[Path, str] | None:
    """The run that this one trains again and has not been compared with, and where its images were moved ("": not).

    Raises:
        RunError: the note is damaged.
    """
    if not folder.has(BEGUN):
        return None
    values = folder.read_json(BEGUN)
    return Path(str(values.get("run", ""))), str(values.get("data", ""))


def begun_retrainings(run: "Run", out: Path | str | None) -> list[RunFolder]:
    """The folders (`out`, or those beside the run) that it was begun to be trained again in, and not yet compared."""
    return [folder for folder in _candidates(run, out) if _trains_again(folder, run)]


def _candidates(run: "Run", out: Path | str | None) -> Iterator[RunFolder]:
    if out is not None:
        yield RunFolder(Path(out).expanduser())
        return
    base = run.path.with_name(f"{run.path.name}-corrected")
    number, path = 2, base
    while path.exists():
        yield RunFolder(path)
        path, number = base.with_name(f"{base.name}-{number}"), number + 1


def _trains_again(folder: RunFolder, run: "Run") -> bool:
    with contextlib.suppress(RunError):
        begun = retrained_run(folder)
        return begun is not None and folder.has("run.json") and begun[0].resolve() == run.path.resolve()
    return False


def is_about(folder: RunFolder, corrections: Iterable[Correction]) -> bool:
    """Whether a run was begun on just these corrections."""
    with contextlib.suppress(DataError):
        own = effective(read_corrections(folder.corrections_path))
        return {name: line.decision for name, line in own.items()} == {
            line.file: line.decision for line in corrections
        }
    return False
