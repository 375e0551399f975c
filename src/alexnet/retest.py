"""Test a finished run again, on its own pictures or on others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.data.cache import DecodedPictures, decode_folder
from alexnet.data.folder import scan_folder
from alexnet.data.split import Subset, split_pictures
from alexnet.errors import DataError, RunError
from alexnet.evaluation.evaluate import evaluate
from alexnet.records import Evaluation, Prediction
from alexnet.results import Run

__all__ = ["Retest", "retest"]


@dataclass(frozen=True)
class Retest:
    """What a new test gave. num_left_out: files of classes that the network does not know, or unusable."""

    data: Path
    evaluation: Evaluation
    predictions: tuple[Prediction, ...]
    num_left_out: int


def retest(run: Run, data: Path | None = None) -> Retest:
    """Test a run's network again.

    On its own pictures, named or not, the test set is the one of the training, and the run's evaluation and
    predictions are written anew. On other ones it is their test set where they have one, else all of them, and
    nothing is written.

    Raises:
        DataError: the pictures are gone, changed, or of other classes.
        RunError: the run is not finished.
    """
    about = run.folder.about
    path = data or Path(about["data"]["path"])
    folder = scan_folder(path)
    pictures = decode_folder(folder, run.model.preprocessing)
    is_own = pictures.fingerprint == about["data"]["fingerprint"]
    if data is None and not is_own:
        raise DataError(f"{path}: holds other pictures than the run was trained with; name them with --data")
    if about["status"] != "finished":
        raise RunError(f"{run.path}: is not finished; go on with `alexnet resume {run.path}`")
    subset = _own_test(run, pictures) if is_own else _foreign_test(run, pictures)
    names = [file.entry.name for file in folder.files]
    evaluation, predictions = evaluate(run.model, pictures.pixels, subset, names)
    num_left_out = 0 if is_own else _num_held_out(pictures) - len(subset)
    if is_own:
        run.folder.write_predictions(predictions)
        run.folder.write_evaluation(evaluation)
    return Retest(path, evaluation, predictions, num_left_out)


def _own_test(run: Run, pictures: DecodedPictures) -> Subset:
    recipe = run.recipe
    return split_pictures(
        pictures,
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed,
    ).test


def _held_out_split(pictures: DecodedPictures) -> set[str | None]:
    if not pictures.folder.has_split:
        return {"train", None}
    return {"test"} if any(file.split == "test" for file in pictures.folder.files) else {"validation"}


def _num_held_out(pictures: DecodedPictures) -> int:
    wanted = _held_out_split(pictures)
    return sum(file.split in wanted for file in pictures.folder.files)


def _foreign_test(run: Run, pictures: DecodedPictures) -> Subset:
    """The pictures' own test set, or all of them; only classes that the network knows."""
    files, facts, wanted = pictures.folder.files, pictures.facts, _held_out_split(pictures)
    number = {name: place for place, name in enumerate(run.model.classes)}
    rows = [
        row
        for row, (file, fact) in enumerate(zip(files, facts, strict=True))
        if fact.error is None and file.split in wanted and file.class_name in number
    ]
    if not rows:
        known = ", ".join(run.model.classes)
        raise DataError(f"{pictures.folder.path}: holds no test pictures of the run's classes ({known})")
    labels = [number[files[row].class_name] for row in rows]
    return Subset(np.array(rows, np.int64), np.array(labels, np.int64))
