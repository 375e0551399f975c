"""A new last layer for a run, on corrected labels, in less than a minute; and what it changed."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.audit.linear_head import fit_head
from alexnet.audit.new_head import feature_layer, free_target, with_head, write_run
from alexnet.data.cache import DecodedImages
from alexnet.data.corrections import Correction, apply_corrections
from alexnet.data.split import Split, Subset
from alexnet.errors import DataError, RunError
from alexnet.evaluation.evaluate import evaluate_classifier
from alexnet.evaluation.paired import PairedComparison, compare_predictions
from alexnet.evaluation.reviewed import ReviewedScore, review, reviewed_predictions
from alexnet.inspection.features import compute_features
from alexnet.records import Evaluation, Prediction, Record
from alexnet.run_folder import RunFolder
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import Run, RunLike, as_run
from alexnet.training.events import Listener, Note, ignore
from alexnet.training.train import train

__all__ = ["Retrained", "retrain"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Retrained(Record):
    """A run and the same run trained on corrected labels, compared.

    before, after: the runs. whole: whether the whole network was trained again. difference: of the test error with
    the reviewed labels, from the old network to the new one, with the images fixed and broken. reviewed_before,
    reviewed_after: each network's test error as labeled and with reviewed labels. num_applied: corrections in force.
    """

    before: str
    after: str
    whole: bool
    num_applied: int
    difference: PairedComparison
    reviewed_before: ReviewedScore
    reviewed_after: ReviewedScore
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the images fixed and broken at the top level."""
        return super().to_dict() | {"fixed": list(self.difference.fixed), "broken": list(self.difference.broken)}


def retrain(
    run: RunLike,
    corrections: Path | str,
    *,
    out: Path | str | None = None,
    whole: bool = False,
    on_event: Listener = ignore,
    on_progress: Progress | None = None,
) -> Retrained:
    """Train a run again on corrected labels, and compare the two on the same test images.

    By default only the last layer is new: a softmax regression on the features in front of it, which are computed
    once and kept. The result is a run of its own. The two are compared on the images that both test on.

    Args:
        run: a finished run.
        corrections: the corrections file.
        out: the new run folder; by default beside the old one.
        whole: train the whole recipe again instead.
        on_event: called with every step, epoch and message of a whole training.
        on_progress: called with (images done, images in all) while features are computed.

    Raises:
        RunError: the run is not finished, or `out` is occupied.
        DataError: the images have changed, or no correction applies.

    >>> _ = alexnet.correct("images", ["train/down/down_003.png"], "relabel", to="rings")
    >>> result = alexnet.retrain("runs/first", "images/corrections.csv", out="runs/better")
    >>> result.num_applied, result.after
    (1, 'runs/better')
    """
    started = time.perf_counter()
    run = as_run(run)
    if not run.about.is_finished:
        raise RunError(f"{run.path}: is not finished; continue it with `alexnet resume {run.path}`")
    target = free_target(run, out, "corrected")
    images = decode_own_images(run)
    split = own_split(run, images)
    decided = apply_corrections(images.folder, corrections).corrections
    if all(line.action == "fine" for line in decided):
        raise DataError(f"{corrections}: none of its corrections applies to the images of {run.path}")
    if whole:
        on_event(Note("training the whole recipe on the corrected images"))
        after = train(apply_corrections(images.folder, decided), run.recipe, out=target.path, on_event=on_event)
    else:
        after = _new_head(run, images, split, decided, target, on_progress)
    return _compare(run, after, images, split, decided, whole=whole, seconds=time.perf_counter() - started)


def _corrected(images: DecodedImages, lines: Iterable[Correction]) -> DecodedImages:
    """The images with corrected labels, without excluded ones; for their names and labels, not for their pixels."""
    folder = apply_corrections(images.folder, lines)
    fact_of = {file.entry.name: fact for file, fact in zip(images.files, images.facts, strict=True)}
    files = tuple(file for file in folder.files if file.entry.name in fact_of)
    return replace(images, folder=folder, files=files, facts=tuple(fact_of[file.entry.name] for file in files))


def _new_head(
    run: Run,
    images: DecodedImages,
    split: Split,
    lines: Sequence[Correction],
    target: RunFolder,
    on_progress: Progress | None,
) -> Run:
    """The run's network with a new last layer, fitted on the corrected images that neither split tests on."""
    classifier = run.model
    strangers = sorted({line.to for line in lines if line.action == "relabel"} - set(classifier.classes))
    if strangers:
        raise DataError(
            f"{strangers[0]}: is no class of {run.path}; train the whole recipe (--whole) for a new class"
        )
    values = compute_features(classifier, images, feature_layer(classifier), on_progress=on_progress).values
    corrected = _corrected(images, lines)
    later = own_split(run, corrected)
    row_of = {file.entry.name: row for row, file in enumerate(images.files)}

    def rows(subset: Subset) -> np.ndarray:
        return np.array([row_of[corrected.files[row].entry.name] for row in subset.indices], np.int64)

    known = np.concatenate([rows(later.train), rows(later.validation)])
    labels = np.concatenate([later.train.labels, later.validation.labels])
    kept = ~np.isin(known, split.test.indices)
    numbers = np.array([classifier.classes.index(name) for name in later.classes], np.int64)
    head = fit_head(values[known[kept]], numbers[labels[kept]], len(classifier.classes))
    test = Subset(rows(later.test), numbers[later.test.labels])
    lines = [*images.folder.corrections, *corrected.folder.corrections]
    return write_run(
        run, with_head(classifier, head), images, test, target, corrections=lines, fingerprint=corrected.fingerprint
    )


def _compare(
    run: Run,
    after: Run,
    images: DecodedImages,
    split: Split,
    lines: Sequence[Correction],
    *,
    whole: bool,
    seconds: float,
) -> Retrained:
    names = [file.entry.name for file in images.files]
    labels = {file.entry.name: file.folder_class for file in images.files}
    common = {prediction.file for prediction in after.predictions} | {line.file for line in lines}
    is_common = np.array([names[row] in common for row in split.test.indices])
    test = Subset(split.test.indices[is_common], split.test.labels[is_common])
    tests: list[tuple[Evaluation, tuple[Prediction, ...]]] = [
        evaluate_classifier(each.model, images.pixels, test, names) for each in (run, after)
    ]
    first, second = (review(predictions, lines, labels) for _, predictions in tests)
    before, later = (reviewed_predictions(predictions, lines) for _, predictions in tests)
    difference = compare_predictions(before, later, names=(str(run.path), str(after.path)))
    return Retrained(str(run.path), str(after.path), whole, len(lines), difference, first, second, seconds)
