"""Predictions of any number of images, written as they come, sorted into folders, flagged where not to be trusted."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from alexnet.csv_files import to_csv
from alexnet.data.decode import Pixels
from alexnet.errors import DataError
from alexnet.evaluation.predict import Paths, find_images, predict_batches
from alexnet.files import disk_errors, shown_name
from alexnet.inspection.features import compute_features, features_of
from alexnet.inspection.neighbours import nearest_rows
from alexnet.model.checkpoint import Classifier
from alexnet.records import Prediction, Record, plain_value
from alexnet.runs.run import RunLike, as_run
from alexnet.runs.train_images import training_images
from alexnet.safe_name import safe_name

__all__ = ["FLAGS", "BulkPredictions", "predict_many"]

FLAGS = ("low margin", "neighbors disagree", "far from all training images")
"""Why a prediction should not be trusted."""

LOW_MARGIN = 0.3
"""Difference between the two highest probabilities below which a prediction is flagged."""

LAYER = "fc7"
NUM_NEIGHBORS = 5
FAR_QUANTILE = 0.99
"""An image is far if fewer than one in a hundred training images is as far from its nearest one."""

NUM_MEASURED = 500

COLUMNS = ("file", "predicted", "probability", "margin", "flags", "error")
NAMES = ("csv", "jsonl")

Progress = Callable[[int], None]


@dataclass(frozen=True)
class BulkPredictions(Record):
    """How many images were predicted, and where the predictions are.

    Args:
        num_images: images with a prediction.
        counts: number of images by predicted class.
        flagged: number of images by flag.
        unreadable: number of files that could not be read.
        out, sorted_into: where the predictions and the copies were written, None if they were not.
    """

    num_images: int
    counts: dict[str, int]
    flagged: dict[str, int]
    unreadable: int
    out: str | None
    sorted_into: str | None


class _TrainingImages:
    """The features of a run's training images, to compare others with."""

    def __init__(self, classifier: Classifier, run: RunLike) -> None:
        images, rows = training_images(run)
        table = compute_features(classifier, images, LAYER)
        self._values, self._labels = np.asarray(table.values[rows]), [table.labels[row] for row in rows]
        measured = np.random.default_rng(0).permutation(len(rows))[:NUM_MEASURED]
        _, apart = nearest_rows(self._values, self._values[measured], 2)
        self._far = float(np.quantile(apart[:, -1], FAR_QUANTILE))
        self._classifier = classifier

    def flags(self, pixels: Pixels, predictions: Sequence[Prediction]) -> list[list[str]]:
        """The flags of each image of a batch."""
        near, apart = nearest_rows(self._values, features_of(self._classifier, pixels, LAYER), NUM_NEIGHBORS)
        flags = []
        for rows, distances, prediction in zip(near, apart, predictions, strict=True):
            others = sum(self._labels[row] != prediction.predicted for row in rows)
            names = [FLAGS[1]] if 2 * others > len(rows) else []
            flags.append(names + ([FLAGS[2]] if distances[0] > self._far else []))
        return flags


def predict_many(
    run: RunLike,
    images: Paths,
    *,
    out: Path | str | None = None,
    sort_into: Path | str | None = None,
    compare: bool = False,
    on_progress: Progress | None = None,
) -> BulkPredictions:
    """Predict any number of images in constant memory, and write each batch as soon as it is done.

    Args:
        run: a run, or the path of its folder.
        images: image files, folders, archives, or patterns such as `photos/*.jpg`; one or several.
        out: a .csv or .jsonl file; what an interrupted call has written stays.
        sort_into: copy every image into a folder of its predicted class below this one.
        compare: also flag images whose nearest training images are of other classes, or that are far from all.
        on_progress: called with the number of images done.

    Raises:
        DataError: a path is missing, holds no image, or a file cannot be written; or `out` has another ending.
        RunError: there is no run at the path, or it is damaged.

    >>> result = alexnet.predict_many("runs/first", "images/test", out="all.csv")
    >>> result.num_images
    21
    """
    run = as_run(run)
    classifier = run.model
    known = _TrainingImages(classifier, run) if compare else None
    counts: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    num_unreadable = 0
    with _writer(out) as write:
        for batch in predict_batches(classifier, find_images(images)):
            more = known.flags(batch.pixels, batch.predictions) if known and batch.predictions else []
            for place, (prediction, read) in enumerate(zip(batch.predictions, batch.readers, strict=True)):
                flags = [FLAGS[0]] if prediction.margin < LOW_MARGIN else []
                flags += more[place] if more else []
                counts[prediction.predicted] += 1
                flagged.update(flags)
                write(_row(prediction, flags))
                if sort_into is not None:
                    _copy(Path(sort_into), prediction, read)
            for bad in batch.unreadable:
                num_unreadable += 1
                write({"file": bad.file, "error": bad.reason})
            if on_progress:
                on_progress(counts.total() + num_unreadable)
    return BulkPredictions(
        counts.total(), dict(counts.most_common()), {name: flagged[name] for name in FLAGS}, num_unreadable,
        None if out is None else str(out), None if sort_into is None else str(sort_into),
    )  # fmt: skip


def _row(prediction: Prediction, flags: list[str]) -> dict[str, Any]:
    names = ("file", "predicted", "probability", "margin")  # `to_dict` also lists five classes, which takes longer
    row: dict[str, Any] = plain_value({name: getattr(prediction, name) for name in names})
    return row | {"flags": flags}


class _writer:  # noqa: N801  # used like a function
    """A file that rows are added to as they come, flushed after each; without a path, nothing."""

    def __init__(self, path: Path | str | None) -> None:
        self._path = None if path is None else Path(path)
        self._kind = "" if self._path is None else self._path.suffix.lower().removeprefix(".")
        if self._path is not None and self._kind not in NAMES:
            raise DataError(
                f"{shown_name(self._path)}: predictions are written as .csv or .jsonl; choose one of them"
            )
        self._file: IO[str] | None = None

    def __enter__(self) -> Callable[[dict[str, Any]], None]:
        if self._path is not None:
            with disk_errors(self._path, DataError, "choose another path"):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
                if self._kind == "csv":
                    self._file.write(to_csv([COLUMNS]))
        return self._write

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, row: dict[str, Any]) -> None:
        if self._file is None or self._path is None:
            return
        with disk_errors(self._path, DataError, "choose another path"):
            if self._kind == "csv":
                cells = {**row, "flags": "; ".join(row.get("flags", []))}
                self._file.write(to_csv([[cells.get(name) for name in COLUMNS]]))
            else:
                self._file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _copy(folder: Path, prediction: Prediction, read: Callable[[], bytes]) -> None:
    """Copy an image into the folder of its predicted class, under a name that is free."""
    base = safe_name(Path(prediction.file).name)
    target = folder / safe_name(prediction.predicted)
    with disk_errors(target, DataError, "choose another folder to sort into"):
        target.mkdir(parents=True, exist_ok=True)
        path, number = target / base, 2
        while path.exists():
            path, number = target / f"{number}-{base}", number + 1
        path.write_bytes(read())
