"""The run folder: the one place that knows which file lies where in what a training leaves.

    recipe.toml  run.json  left_out.csv  steps.csv  epochs.csv  model.safetensors  model.json
    state/  evaluation.json  predictions.csv  figures/  report.html

Everything is readable without this program. What is saved is whole or absent: written beside, then renamed.
"""

import contextlib
import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import IO, Any, TypeVar

from alexnet.errors import RunError
from alexnet.files import disk_errors, write_whole
from alexnet.recipe import Recipe, load_recipe
from alexnet.records import EpochRecord, Evaluation, Prediction, StepRecord

__all__ = ["RunFolder"]

SCHEMA = 3
"""Version of the run folder's layout."""

NUM_TOP = 5
"""Classes that predictions.csv names for each image."""

Row = TypeVar("Row", StepRecord, EpochRecord)


def _disk_errors(path: Path) -> contextlib.AbstractContextManager[None]:
    return disk_errors(path, RunError, "check its permissions or choose another folder")


class RunFolder:
    """What a training left, or is leaving, at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    # --- where things lie
    @property
    def model_path(self) -> Path:
        """Weights of the chosen checkpoint."""
        return self.path / "model.safetensors"

    @property
    def figures_dir(self) -> Path:
        """Images for slides."""
        return self.path / "figures"

    def kernel_snapshots(self) -> list[tuple[int, Path]]:
        """The kernels of the first layer as .npy files, each with the number of epochs done: 0 is the start."""
        found = []
        for path in sorted((self.path / "kernels").glob("epoch-*.npy")):
            number = path.stem.removeprefix("epoch-")
            if number.isdigit():
                found.append((int(number), path))
        return found

    @property
    def report_path(self) -> Path:
        """The page that shows all of it."""
        return self.path / "report.html"

    @property
    def predictions_path(self) -> Path:
        """One line for each test image."""
        return self.path / "predictions.csv"

    @property
    def state_dir(self) -> Path:
        """What resuming needs."""
        return self.path / "state"

    def state_manifests(self) -> list[Path]:
        """A manifest for each saved state, newest first; it names the tensors and is written after them."""
        return sorted(self.state_dir.glob("step-*.json"), reverse=True)

    @property
    def holds_state(self) -> bool:
        """Whether there is a saved state to resume from."""
        return bool(self.state_manifests())

    # --- opening
    @classmethod
    def create(cls, path: Path) -> "RunFolder":
        """A new run folder.

        Raises:
            RunError: there is a run at `path` already, something else is there, or it cannot be written.
        """
        run = cls(path)
        run.require_free()
        with _disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        return run

    def require_free(self) -> None:
        """See that a new run may be written here; nothing is written.

        Raises:
            RunError: there is a run already, or something else.
        """
        path = self.path
        if (path / "run.json").exists():
            raise RunError(
                f"{path}: already holds a run; `alexnet resume {path}` continues it; or choose another --out"
            )
        unfinished = {".lock", "recipe.toml", "left_out.csv"}  # what a start leaves that found the disk full
        if path.exists() and (not path.is_dir() or any(p.name not in unfinished for p in path.iterdir())):
            raise RunError(f"{path}: exists and is no run folder; choose another --out")

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """The run folder at `path`.

        Raises:
            RunError: there is none.
        """
        run = cls(Path(path))
        if not run.path.exists():
            raise RunError(f"{path}: no such folder; give the folder that `alexnet train` wrote")
        if not (run.path / "run.json").is_file():
            raise RunError(f"{path}: is no run folder (it has no run.json); give the one `alexnet train` wrote")
        return run

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one process; the lock goes with the process, however that ends.

        Raises:
            RunError: another process is training in this folder.
        """
        with _disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            handle = (self.path / ".lock").open("a")
        with handle:
            if not _try_lock(handle):
                raise RunError(f"{self.path}: another process is training in this folder; choose another --out")
            yield

    # --- plain data
    def write(self, name: str, write: Callable[[Path], object]) -> None:
        """Write a file of the run whole or not at all; `write` gets the path to write to.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        with _disk_errors(self.path / name):
            write_whole(self.path / name, write)

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the run.

        Raises:
            RunError: it is missing or damaged.
        """
        path = self.path / name
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(f"{path}: is missing; the run is unfinished: `alexnet resume {self.path}`") from error
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: is damaged ({error}); train again") from error
        return values

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file of the run, whole."""
        text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self.write(name, lambda beside: beside.write_text(text, encoding="utf-8"))

    @property
    def recipe(self) -> Recipe:
        """The recipe that it was trained with."""
        _ = self.about  # says so if another version wrote it
        return load_recipe(self.path / "recipe.toml")

    def write_recipe(self, recipe: Recipe) -> None:
        """Write down the recipe."""
        text = recipe.to_toml()
        self.write("recipe.toml", lambda beside: beside.write_text(text, encoding="utf-8"))

    @property
    def about(self) -> dict[str, Any]:
        """run.json: status, classes, images, machine, versions.

        Raises:
            RunError: it is missing or damaged, or of a later version of the program.
        """
        values = self.read_json("run.json")
        missing = [key for key in ("schema", "status", "classes", "data") if key not in values]
        if missing:
            raise RunError(f"{self.path / 'run.json'}: is damaged ({missing[0]} is missing); train again")
        if values["schema"] > SCHEMA:
            raise RunError(f"{self.path}: was written by a later version of this program; update it")
        if values["schema"] < SCHEMA:
            raise RunError(f"{self.path}: was written by an earlier version of this program; train again")
        return values

    @property
    def evaluation(self) -> Evaluation:
        """The test of the chosen checkpoint."""
        values = self.read_json("evaluation.json")
        try:
            return Evaluation.from_dict(values)
        except (KeyError, TypeError) as error:
            again = f"`alexnet evaluate {self.path}` writes it anew"
            raise RunError(f"{self.path / 'evaluation.json'}: is damaged ({error}); {again}") from error

    def write_evaluation(self, evaluation: Evaluation) -> None:
        """Write evaluation.json."""
        self.write_json("evaluation.json", evaluation.to_dict())

    # --- tables
    def write_table(self, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write a CSV file, whole. Numbers are written so that they read back the same."""

        def write(beside: Path) -> None:
            with beside.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                writer.writerows(rows)

        self.write(name, write)

    def append_records(self, name: str, records: Sequence[StepRecord] | Sequence[EpochRecord]) -> None:
        """Add lines to steps.csv or epochs.csv; the header comes with the first."""
        path = self.path / name
        with _disk_errors(path), path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if file.tell() == 0 and records:
                writer.writerow([field.name for field in fields(records[0])])
            writer.writerows(list(record.to_dict().values()) for record in records)

    def read_records(self, name: str, kind: type[Row]) -> tuple[Row, ...]:
        """The lines of steps.csv or epochs.csv; a last line that is still being written is left out."""
        path = self.path / name
        if not path.exists():
            return ()
        whole_lines = path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        try:
            return tuple(kind(**_typed(kind, row)) for row in csv.DictReader(whole_lines))
        except (TypeError, ValueError, KeyError) as error:
            raise RunError(f"{path}: is damaged ({error}); delete the line or train again") from error

    def cut_records(self, name: str, kind: type[Row], last_step: int) -> None:
        """Drop the lines after `last_step`: what a killed run wrote but did not save."""
        kept = [record for record in self.read_records(name, kind) if record.step <= last_step]
        rows = [list(record.to_dict().values()) for record in kept]
        self.write_table(name, [field.name for field in fields(kind)], rows)

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """Every optimizer update so far."""
        return self.read_records("steps.csv", StepRecord)

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """Every epoch so far."""
        return self.read_records("epochs.csv", EpochRecord)

    def write_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Write predictions.csv."""
        header = ["file", "true", "predicted", "probability", "margin", "loss"]
        for rank in range(1, NUM_TOP + 1):
            header += [f"class_{rank}", f"probability_{rank}"]
        self.write_table("predictions.csv", header, (_prediction_row(p) for p in predictions))

    def read_predictions(self) -> tuple[Prediction, ...]:
        """The lines of predictions.csv.

        Raises:
            RunError: there is no such file yet, or it is damaged.
        """
        path = self.predictions_path
        if not path.exists():
            raise RunError(f"{path}: is missing; `alexnet evaluate {self.path}` writes it")
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return tuple(_read_prediction(row) for row in csv.DictReader(file))
        except (OSError, KeyError, ValueError, TypeError) as error:
            message = f"{path}: is damaged ({error}); `alexnet evaluate {self.path}` writes it anew"
            raise RunError(message) from error


def _try_lock(handle: IO[str]) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _typed(kind: type[Row], row: Mapping[str, str]) -> dict[str, Any]:
    """A CSV line's texts as the numbers that the record's annotations ask for; empty is None."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        text = row[field.name]
        values[field.name] = None if text == "" else int(text) if field.type is int else float(text)
    return values


def _prediction_row(prediction: Prediction) -> list[Any]:
    row: list[Any] = [prediction.file, prediction.true, prediction.predicted]
    row += [prediction.probability, prediction.margin, prediction.loss]
    for name, probability in prediction.top[:NUM_TOP]:
        row += [name, probability]
    return row


def _read_prediction(row: Mapping[str, str]) -> Prediction:
    ranks = [rank for rank in range(1, NUM_TOP + 1) if row[f"class_{rank}"]]
    return Prediction(
        file=row["file"],
        true=row["true"] or None,
        predicted=row["predicted"],
        probability=float(row["probability"]),
        margin=float(row["margin"]),
        loss=float(row["loss"]) if row["loss"] else None,
        top=tuple((row[f"class_{rank}"], float(row[f"probability_{rank}"])) for rank in ranks),
    )
