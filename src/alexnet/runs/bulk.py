"""Predictions of any number of images, written as they come, sorted into folders, flagged where not to be trusted."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet.errors import DataError, GeometryError
from alexnet.evaluation.predict import Paths, PredictedBatch, Reader, find_images, predict_batches
from alexnet.files import is_folder, shown_name
from alexnet.model.weights_key import weights_key
from alexnet.progress_callback import Progress
from alexnet.records import Neighbour, Prediction, Record, plain_value
from alexnet.runs.reference_images import ReferenceImages
from alexnet.runs.row_file import RowFile
from alexnet.runs.run import Run, RunLike, as_run
from alexnet.runs.sorted_copies import SortedCopies
from alexnet.runs.temperature import read_temperature

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FLAGS", "BulkPredictions", "predict_many"]

FLAGS = ("low margin", "neighbors disagree", "far from all training images")
"""Why a prediction should not be trusted; the last two only where images are compared."""

LOW_MARGIN = 0.3
"""Difference between the two highest probabilities below which a prediction is flagged."""

NUM_NEIGHBORS = 5
"""Neighbors that agree or disagree with a prediction."""

COLUMNS = ("file", "predicted", "probability", "margin", "flags", "error")


@dataclass(frozen=True)
class BulkPredictions(Record):
    """How many images were predicted, and where the predictions are.

    Args:
        num_images: images with a prediction, those of an interrupted call included.
        counts: number of images by predicted class.
        flagged: number of images by flag.
        unreadable: number of files that could not be read.
        out, sorted_into: where the predictions and the copies were written, None if they were not.
        temperature: what the logits were divided by, None for nothing.
        num_kept: files whose rows an interrupted call had written, and which were skipped.
        num_in_place: images that lay in the folder of their class already, with the same name and content.
    """

    num_images: int
    counts: dict[str, int]
    flagged: dict[str, int]
    unreadable: int
    out: str | None
    sorted_into: str | None
    temperature: float | None = None
    num_kept: int = 0
    num_in_place: int = 0

    def draw(self) -> "Figure":
        """The images by predicted class and by flag, as bars; of many classes those with the most images."""
        from alexnet.figures.predicted_counts import draw_counts

        unread = f"; {self.unreadable:,} files could not be read" if self.unreadable else ""
        title = f"{self.num_images:,} image{'' if self.num_images == 1 else 's'} by predicted class{unread}"
        flagged = {name: count for name, count in self.flagged.items() if count}  # 0 may be: not looked for
        return draw_counts(self.counts, flagged, title=title)


def predict_many(
    run: RunLike,
    images: Paths,
    *,
    out: Path | str | None = None,
    sort_into: Path | str | None = None,
    compare: bool = False,
    calibrated: bool = False,
    neighbours: int | None = None,
    data: Path | str | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_compare: Progress | None = None,
) -> BulkPredictions:
    """Predict any number of images in constant memory, and write each row as soon as it is computed.

    The same call after an interrupted one skips the files whose rows are already in `out`; see `num_kept`. An image
    is not copied again where its copy is there already; see `num_in_place`.

    Args:
        run: a run, or the path of its folder.
        images: image files, folders, archives, or patterns such as `photos/*.jpg`; one or several.
        out: a .csv or .jsonl file; what an interrupted call has written stays.
        sort_into: copy every image into a folder of its predicted class below this one.
        compare: also flag images whose nearest training images are of other classes, or that are far from all.
        calibrated: divide the logits by the temperature that `calibrate` fitted.
        neighbours: how many of the nearest training images, by the features of fc7, are written with each prediction.
        data: where the training images are now, if they were moved; used by `compare` and `neighbours`.
        on_progress: called with the number of images done.
        on_compare: called with (training images done, training images in all), where their features are computed.

    Raises:
        DataError: a path is missing, holds no image, or a file cannot be written; `out` has another ending; or
            `sort_into` is in a folder of these images.
        GeometryError: `neighbours` is below 1.
        RunError: there is no run at the path, it is damaged, or it has no temperature.

    >>> result = alexnet.predict_many("runs/first", "images/test", out="all.csv")
    >>> result.num_images
    21
    """
    run, paths = as_run(run), find_images(images)
    if neighbours is not None and neighbours < 1:
        raise GeometryError(f"{neighbours} neighbors: ask for at least 1")
    if sort_into is not None:
        _require_outside(Path(sort_into), paths)
    temperature = read_temperature(run.folder, run.model) if calibrated else None
    tally = _Tally()
    copier = None if sort_into is None else SortedCopies(Path(sort_into))
    named = [str(path) for path in ([images] if isinstance(images, str | Path) else images)]
    asked = {"compare": compare, "temperature": temperature, "neighbours": neighbours, "sort_into": str(sort_into)}
    comparison = _Comparison(run, neighbours or 0, compare, data, on_compare) if compare or neighbours else None
    with ExitStack() as stack:
        rows = None
        if out is not None:
            key = json.dumps({"weights": weights_key(run.model), "images": named, **asked})
            columns = (*COLUMNS, *_near_columns(neighbours or 0))
            rows = stack.enter_context(RowFile(out, columns, key=key, redo_last=copier is not None))
            tally.add_kept(rows.kept_rows(), run.model.classes)
        for batch in predict_batches(run.model, paths, temperature=temperature, skip=tally.skip):
            for prediction, flags, read in _flagged(batch, comparison):
                tally.add(prediction.predicted, flags)
                if rows is not None:
                    rows.write(*_row(prediction, flags))
                if copier is not None:
                    copier.copy(prediction.file, prediction.predicted, read)
            for bad in batch.unreadable:
                tally.num_unreadable += 1
                if rows is not None:
                    rows.write(row := {"file": bad.file, "error": bad.reason}, row)
            if on_progress:
                on_progress(tally.num_images + tally.num_unreadable)
    return BulkPredictions(
        tally.num_images, dict(tally.counts.most_common()), {name: tally.flagged[name] for name in FLAGS},
        tally.num_unreadable, None if out is None else str(out), None if sort_into is None else str(sort_into),
        temperature, tally.num_kept, copier.num_in_place if copier else 0,
    )  # fmt: skip


def _require_outside(sort_into: Path, paths: Sequence[Path]) -> None:
    """Refuse to sort into a folder of the images: the same command once more would classify the copies, too."""
    for path in paths:
        if is_folder(path) and sort_into.resolve().is_relative_to(path.resolve()):
            raise DataError(
                f"{shown_name(sort_into)}: is among the images to classify, those of {shown_name(path)}; choose a "
                "folder outside to sort into"
            )


class _Tally:
    """How many images were predicted as what, and the files whose rows are there already."""

    def __init__(self) -> None:
        self.counts, self.flagged = Counter[str](), Counter[str]()
        self.num_unreadable = self.num_kept = 0
        self._kept = _Names([])

    @property
    def num_images(self) -> int:
        return self.counts.total()

    def add(self, predicted: str, flags: Sequence[str]) -> None:
        self.counts[predicted] += 1
        self.flagged.update(flags)

    def add_kept(self, rows: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> None:
        """Count the rows of an interrupted call; a table has the names of files and classes as they are shown."""
        class_of = {shown_name(name): name for name in classes}

        def names() -> Iterator[str]:
            for row in rows:
                self.num_kept += 1
                if row.get("predicted"):
                    flags = row.get("flags") or []
                    predicted = class_of.get(shown_name(row["predicted"]), row["predicted"])
                    self.add(predicted, flags.split("; ") if isinstance(flags, str) else flags)
                else:
                    self.num_unreadable += 1
                yield shown_name(row.get("file") or "")

        self._kept = _Names(names())

    def skip(self, name: str) -> bool:
        """Whether a file has its row already; a file that is given twice has two."""
        return self._kept.take(shown_name(name))


class _Names:
    """Names that are each taken once, kept as 8 bytes of a hash and a count: of a million, 16 MB."""

    def __init__(self, names: Iterable[str]) -> None:
        self._hashes, self._left = np.unique(np.fromiter(map(_hash, names), np.uint64), return_counts=True)

    def take(self, name: str) -> bool:
        """Take a name; False where it is not there (any more)."""
        place = int(np.searchsorted(self._hashes, key := np.uint64(_hash(name))))
        if place == len(self._hashes) or self._hashes[place] != key or not self._left[place]:
            return False
        self._left[place] -= 1
        return True


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


class _Comparison:
    """The training images, where predictions are compared with them, or list those nearest."""

    def __init__(
        self, run: Run, num_listed: int, compare: bool, data: Path | str | None, on_progress: Progress | None
    ) -> None:
        self._reference = ReferenceImages(run, data=data, on_progress=on_progress)
        self._num_listed = num_listed
        self._far = self._reference.far_distance() if compare else None

    def look(self, batch: PredictedBatch) -> Iterator[tuple[Prediction, list[str]]]:
        """Each prediction with its neighbors, where they are listed, and the flags that follow from them."""
        names = [prediction.file for prediction in batch.predictions]
        near = self._reference.nearest(batch.pixels, names, max(self._num_listed, NUM_NEIGHBORS))
        for prediction, close in zip(batch.predictions, near, strict=True):
            flags = [] if self._far is None else _flags(prediction, close[:NUM_NEIGHBORS], self._far)
            listed = close[: self._num_listed] if self._num_listed else None
            yield replace(prediction, neighbours=listed), flags


def _flags(prediction: Prediction, close: Sequence[Neighbour], far: float) -> list[str]:
    others = sum(each.label != prediction.predicted for each in close)
    names = [FLAGS[1]] if 2 * others > len(close) else []
    return names + ([FLAGS[2]] if close and close[0].distance > far else [])


def _flagged(batch: PredictedBatch, comparison: _Comparison | None) -> Iterator[tuple[Prediction, list[str], Reader]]:
    """Each prediction of a batch with its flags and what reads its file."""
    if not batch.predictions:
        return
    looked = comparison.look(batch) if comparison else ((prediction, list[str]()) for prediction in batch.predictions)
    for (prediction, more), read in zip(looked, batch.readers, strict=True):
        yield prediction, ([FLAGS[0]] if prediction.margin < LOW_MARGIN else []) + more, read


def _near_columns(count: int) -> list[str]:
    names = ("nearest", "nearest_label", "nearest_distance")
    return [f"{name}_{rank}" for rank in range(1, count + 1) for name in names]


def _row(prediction: Prediction, flags: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row as an object, and as the cells of a table."""
    names = ("file", "predicted", "probability", "margin")  # `to_dict` also lists five classes, which takes longer
    row: dict[str, Any] = plain_value({name: getattr(prediction, name) for name in names})
    row |= {"flags": flags}
    cells = row | {"flags": "; ".join(flags)}
    if prediction.neighbours is not None:
        row["neighbours"] = [each.to_dict() for each in prediction.neighbours]
        values = [value for each in prediction.neighbours for value in (each.file, each.label, each.distance)]
        cells |= dict(zip(_near_columns(len(prediction.neighbours)), values, strict=True))
    return row, cells
