"""The run folder: the one place that knows which file is where in what a training leaves.

    recipe.toml  run.json  left_out.csv  corrections.csv  steps.csv  epochs.csv  kernels/  state/  model.safetensors
    model.json  latest.json  evaluation.json  predictions.csv  calibration.json  retrained.json  figures/  report.html

Everything can be read without this program. Files are written whole or not at all: beside, then renamed.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from alexnet.csv_files import parse_predictions, parse_records, prediction_rows, record_rows, to_csv
from alexnet.errors import RecipeError, RunError
from alexnet.files import disk_errors, file_crc32, is_file, is_there, is_unfinished, write_whole
from alexnet.recipe import Recipe
from alexnet.recipe_file import read_recorded_recipe, recorded_toml
from alexnet.records import EpochRecord, Evaluation, ModelInfo, Prediction, Record, RunInfo, StepRecord
from alexnet.safe_name import safe_name

__all__ = ["SCHEMA", "WRITTEN_BY_EVALUATE", "RunFolder"]

SCHEMA = 4
"""Version of the run folder's layout."""

UNFINISHED_START = {".lock", ".drawing", "recipe.toml", "left_out.csv", "corrections.csv", "retraining.json"}
"""What a start leaves that was stopped before run.json was written, by a full disk or a kill."""

WRITTEN_BY_EVALUATE = {"evaluation.json", "predictions.csv"}
APPENDED = {"steps.csv", "epochs.csv"}

Row = TypeVar("Row", StepRecord, EpochRecord)
Kind = TypeVar("Kind", bound=Record)


def _disk_errors(path: Path) -> contextlib.AbstractContextManager[None]:
    return disk_errors(path, RunError, "check its permissions or choose another folder")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON allows")


class RunFolder:
    """What a training left, or is leaving, at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    # --- where things are
    @property
    def model_path(self) -> Path:
        """Weights of the kept checkpoint."""
        return self.path / "model.safetensors"

    @property
    def corrections_path(self) -> Path:
        """The corrections of labels that the run was trained with, if there were any."""
        return self.path / "corrections.csv"

    @property
    def figures_dir(self) -> Path:
        """Images for slides."""
        return self.path / "figures"

    def figure_path(self, name: str) -> Path:
        """Where a figure is written; a name of any kind and length becomes one that every system allows."""
        return self.figures_dir / safe_name(name)

    def kernel_snapshots(self) -> list[tuple[int, Path]]:
        """The kernels of the first layer as .npy files, each with the number of epochs done: 0 is the start."""
        return self._by_epoch("kernels/epoch-*.npy")

    def network_snapshots(self) -> list[tuple[int, Path]]:
        """The weights after each epoch, where they were kept, with the number of epochs done."""
        return self._by_epoch("networks/epoch-*.safetensors")

    def _by_epoch(self, pattern: str) -> list[tuple[int, Path]]:
        return [(int(path.stem[6:]), path) for path in sorted(self.path.glob(pattern)) if path.stem[6:].isdecimal()]

    @property
    def report_path(self) -> Path:
        """The page that shows the whole run."""
        return self.path / "report.html"

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
        """Check that a new run may be written here; nothing is written.

        Raises:
            RunError: there is a run already, or something else.
        """
        with _disk_errors(path := self.path):
            if os.path.lexists(path / "run.json"):
                raise RunError(self._describe_occupied())
            names = {each.name for each in path.iterdir() if not is_unfinished(each)} if path.is_dir() else {"/"}
            if path.exists() and not names <= UNFINISHED_START:
                raise RunError(f"{path}: exists and is not a run folder; choose another --out")

    def _describe_occupied(self) -> str:
        with contextlib.suppress(RunError):
            if not self.about.is_finished:
                way_on = f"continue it with `alexnet resume {self.path}`, or choose another --out"
                return f"{self.path}: holds an unfinished run; {way_on}"
        return f"{self.path}: already holds a run; choose another --out"

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """The run folder at `path`; `~` is the user's home folder.

        Raises:
            RunError: there is none.
        """
        path = Path(path)
        with contextlib.suppress(RuntimeError):  # no home folder is known: then it is a name like others
            path = path.expanduser()
        if not is_there(path):
            raise RunError(f"{path}: no such folder; give the folder that `alexnet train` wrote")
        if not is_file(path / "run.json"):
            raise RunError(f"{path}: is not a run folder (it has no run.json); give one that `alexnet train` wrote")
        return cls(path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one training; the lock goes with the process, however that ends.

        Raises:
            RunError: another training is running in this folder, or the folder cannot be written.
        """
        import filelock  # here: it takes as long to load as all of a command's help

        with _disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.path / ".lock", blocking=False)
            try:
                lock.acquire()
            except filelock.Timeout as error:
                raise RunError(
                    f"{self.path}: another training is running in this folder; wait for it, or choose another --out"
                ) from error
        try:
            yield
        finally:
            lock.release()

    # --- files
    def write(self, name: str, write: Callable[[Path], object]) -> None:
        """Write a file of the run whole or not at all; `write` gets the path to write to.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        with _disk_errors(self.path / name):
            self.path.stat()  # a folder that was removed while the training ran is not made again
            write_whole(self.path / name, write)

    def discard(self, name: str) -> None:
        """Remove a file of the run, where there is one."""
        with contextlib.suppress(OSError):
            (self.path / name).unlink()

    def _write_text(self, name: str, text: str, *, errors: str = "strict") -> None:
        self.write(name, lambda beside: beside.write_text(text, encoding="utf-8", errors=errors, newline="\n"))

    def _read_text(self, name: str) -> str:
        with self._read_errors(name):
            return (self.path / name).read_bytes().decode("utf-8")

    @contextlib.contextmanager
    def _read_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            raise self._damaged(name, f"byte {error.start} is not UTF-8") from error
        except FileNotFoundError as error:
            raise RunError(f"{self.path / name}: is missing; {self._next_step(name)}") from error
        except OSError as error:
            reason = error.strerror or error
            raise RunError(f"{self.path / name}: cannot be read ({reason}); check its permissions") from error

    def _damaged(self, name: str, fault: object) -> RunError:
        message = " ".join(str(fault).split())[:160]
        return RunError(f"{self.path / name}: is damaged ({message}); {self._next_step(name)}")

    def _next_step(self, name: str) -> str:
        """What to do about a file that is missing or damaged."""
        if name in ("run.json", "recipe.toml"):
            return "train again with another --out"
        if name in APPENDED:
            return "delete that line, or train again"
        if not self.about.is_finished:
            return f"the run is not finished: continue it with `alexnet resume {self.path}`"
        command = "evaluate" if name in WRITTEN_BY_EVALUATE else "calibrate" if name == "calibration.json" else None
        return f"`alexnet {command} {self.path}` writes it again" if command else "train again"

    def checksum(self, name: str) -> str:
        """CRC-32 of a file of the run, as hexadecimal digits.

        Raises:
            RunError: the file cannot be read.
        """
        with self._read_errors(name):
            return f"{file_crc32(self.path / name):08x}"

    # --- JSON
    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the run.

        Raises:
            RunError: it is missing or damaged.
        """
        try:
            values = json.loads(self._read_text(name), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise self._damaged(name, error) from error
        if not isinstance(values, dict):
            raise self._damaged(name, "it does not hold an object")
        return values

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file of the run, whole; what is not UTF-8 in file names is escaped as `\\udc..`."""
        text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self._write_text(name, text, errors="backslashreplace")

    def has(self, name: str) -> bool:
        """Whether the run has such a file."""
        return (self.path / name).is_file()

    def read_record(self, name: str, kind: type[Kind]) -> Kind:
        """A JSON file of the run as a record; raises `RunError` as `read_json` does."""
        try:
            return kind.from_dict(self.read_json(name))
        except ValueError as error:
            raise self._damaged(name, error) from error

    @property
    def about(self) -> RunInfo:
        """run.json: status, classes, images, machine, versions.

        Raises:
            RunError: it is missing or damaged, or was written by another version of the program.
        """
        self._require_this_version()
        return self.read_record("run.json", RunInfo)

    def _require_this_version(self) -> None:
        """Refuse a run of another version; a folder without run.json is no run yet."""
        schema = self.read_json("run.json").get("schema") if self.has("run.json") else None
        if isinstance(schema, int) and schema != SCHEMA:
            when, next_step = ("a later", "update the program") if schema > SCHEMA else ("an earlier", "train again")
            raise RunError(f"{self.path}: was written by {when} version of this program; {next_step}")

    def write_about(self, about: RunInfo) -> None:
        """Write run.json."""
        self.write_json("run.json", about.to_dict())

    @property
    def model_info(self) -> ModelInfo:
        """model.json: what is needed to use the weights."""
        return self.read_record("model.json", ModelInfo)

    def write_model_info(self, info: ModelInfo) -> None:
        """Write model.json."""
        self.write_json("model.json", info.to_dict())

    @property
    def evaluation(self) -> Evaluation:
        """The test of the kept checkpoint."""
        return self.read_record("evaluation.json", Evaluation)

    def write_evaluation(self, evaluation: Evaluation) -> None:
        """Write evaluation.json."""
        self.write_json("evaluation.json", evaluation.to_dict())

    # --- the recipe
    @property
    def recipe(self) -> Recipe:
        """The recipe that the run was trained with.

        Raises:
            RunError: it is missing or damaged, or the run was written by another version.
        """
        _ = self.about  # raises if another version wrote the run
        path = self.path / "recipe.toml"
        if not path.exists():
            raise RunError(f"{path}: is missing; {self._next_step(path.name)}")
        try:
            return read_recorded_recipe(path)
        except RecipeError as error:
            raise self._damaged(path.name, error) from error

    def write_recipe(self, recipe: Recipe) -> None:
        """Write recipe.toml."""
        self._write_text("recipe.toml", recorded_toml(recipe))

    # --- CSV
    def write_table(self, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write a CSV file, whole; see `to_csv`."""
        self._write_text(name, to_csv([header, *rows]))

    def append_records(self, name: str, records: Sequence[StepRecord] | Sequence[EpochRecord]) -> None:
        """Add lines to steps.csv or epochs.csv; the header comes with the first."""
        path = self.path / name
        if not records:
            return
        with _disk_errors(path), path.open("a", newline="", encoding="utf-8") as file:
            file.write(to_csv(record_rows(records, type(records[0]), with_header=file.tell() == 0)))

    def read_records(self, name: str, kind: type[Row]) -> tuple[Row, ...]:
        """The lines of steps.csv or epochs.csv; a last line that is still being written is left out.

        Raises:
            RunError: the file is damaged.
        """
        text = self._read_text(name) if (self.path / name).exists() else ""
        whole_lines = text[: text.rfind("\n") + 1]
        try:
            return parse_records(whole_lines, kind) if whole_lines else ()
        except ValueError as error:
            raise self._damaged(name, error) from error

    def cut_records(self, name: str, kind: type[Row], last_step: int) -> None:
        """Drop the lines after `last_step`: what a killed run wrote but did not save."""
        kept = [record for record in self.read_records(name, kind) if record.step <= last_step]
        self._write_text(name, to_csv(record_rows(kept, kind, with_header=True)))

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """Every optimizer update so far."""
        self._require_this_version()
        return self.read_records("steps.csv", StepRecord)

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """Every epoch so far."""
        self._require_this_version()
        return self.read_records("epochs.csv", EpochRecord)

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """The prediction for every test image.

        Raises:
            RunError: predictions.csv is missing or damaged, or does not belong to evaluation.json.
        """
        name = "predictions.csv"
        try:
            predictions = parse_predictions(self._read_text(name))
        except ValueError as error:
            raise self._damaged(name, error) from error
        evaluation = self.evaluation
        num_mistakes = sum(prediction.is_mistake for prediction in predictions)
        if (len(predictions), num_mistakes) != (evaluation.num_images, evaluation.num_mistakes):
            counts = f"{num_mistakes} of {len(predictions)} images are wrong, in evaluation.json "
            raise self._damaged(name, counts + f"{evaluation.num_mistakes} of {evaluation.num_images}")
        return predictions

    def write_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Write predictions.csv."""
        self._write_text("predictions.csv", to_csv(prediction_rows(predictions)))
