"""A new last layer for a run, fitted on its own training images and half of the hard ones, measured on the others."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.audit.hard_images import divide
from alexnet.audit.linear_head import fit_head
from alexnet.audit.new_head import feature_layer, free_target, with_head, written_run
from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.folder import scan_folder
from alexnet.data.split import Subset
from alexnet.errors import DataError, RunError
from alexnet.evaluation.evaluate import evaluate_classifier
from alexnet.evaluation.paired import PairedComparison, compare_predictions
from alexnet.files import shown_name
from alexnet.inspection.features import compute_features
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Evaluation, Record
from alexnet.runs.own_images import GIVE_DATA, decode_own_images, own_split
from alexnet.runs.run import RunLike, as_run

__all__ = ["RetrainedOnHard", "retrain_on_hard"]

WEIGHT = 0.1
"""What the hard images count together in the new layer's loss, the run's own training images counting 1. On natural8,
with 20 painted images, 0.03 to 0.9 gave the same errors on others; without a weight the 20 changed less."""


@dataclass(frozen=True)
class RetrainedOnHard(Record):
    """A run and the same run with a last layer that was trained on hard images, too; compared on others.

    before, after: the runs. hard: the folder. num_trained: hard images that the new layer was trained on, each
    counted `copies` times in its loss; none of them is counted in an error. hard_before: the old network on the other
    hard images. hard_control: the same with a new last layer that saw no hard image. hard_after: with the one that
    did. gain: from the first to the last of them. alone: from the second to the last, what the hard images did.
    test_before, test_after, test: on the run's own test images.
    """

    before: str
    after: str
    hard: str
    num_trained: int
    copies: int
    hard_before: Evaluation
    hard_control: Evaluation
    hard_after: Evaluation
    gain: PairedComparison
    alone: PairedComparison
    test_before: Evaluation
    test_after: Evaluation
    test: PairedComparison
    seconds: float


def retrain_on_hard(
    run: RunLike, hard: Path | str, *, out: Path | str | None = None, on_progress: Progress | None = None
) -> RetrainedOnHard:
    """Train the last layer of a run again on its training images and half of a folder of hard ones, and compare.

    Half of the hard images are moved to `train` in their folder, the others to `test`, where `alexnet evaluate`
    finds them; later calls move images only from `test` to `train`. Images that look alike or were painted from the
    same one stay together, and what was made from a test image of the run is not trained on. The errors are those of
    the hard images in `test` and of the run's own test images, before and after. The hard images were chosen because
    the run gets them wrong, so that any other network does better on them: that is why the error of a new last layer
    which saw no hard image stands beside.

    Args:
        run: a finished run.
        hard: folder of images that it gets wrong, in class folders, as the studio's Break it collects them.
        out: the new run folder; by default beside the old one.
        on_progress: called with (images done, images in all) while features are computed.

    Raises:
        RunError: the run is not finished, or `out` is occupied.
        DataError: there are too few hard images; the message says how many are needed. Or the run's images have
            changed.

    >>> alexnet.retrain_on_hard("runs/first", "hard-first", out="runs/harder")
    Traceback (most recent call last):
        ...
    alexnet.errors.DataError: hard-first: is not a folder; give one with hard images in class folders
    """
    started = time.perf_counter()
    run, folder = as_run(run), Path(hard)
    if not run.about.is_finished:
        raise RunError(f"{run.path}: is not finished; continue it with `alexnet resume {run.path}`")
    target = free_target(run, out, "hard")
    if not folder.is_dir():
        raise DataError(f"{shown_name(folder)}: is not a folder; give one with hard images in class folders")
    data = Path(run.data_path).resolve()
    if folder.resolve() in (data, *data.parents) or data in folder.resolve().parents:
        raise DataError(
            f"{shown_name(folder)}: holds the images of {run.path} or lies among them, and they would be moved; "
            "give a folder of hard images"
        )
    tied = divide(run, folder, on_progress=on_progress)
    classifier, images = run.model, decode_own_images(run, step=GIVE_DATA)
    extra = decode_folder(scan_folder(folder, min_classes=1), classifier.preprocessing)
    trained, held_out = _sides(extra, classifier.classes, tied)
    split = own_split(run, images)
    numbers = np.array([classifier.classes.index(name) for name in split.classes], np.int64)
    own = Subset(
        np.concatenate([split.train.indices, split.validation.indices]),
        numbers[np.concatenate([split.train.labels, split.validation.labels])],
    )
    copies = max(1, round(WEIGHT * len(own) / len(trained)))
    control, final = _new_layers(classifier, (images, own), (extra, trained), copies, on_progress)
    tests = [evaluate_classifier(each, extra.pixels, held_out, extra.names) for each in (classifier, control, final)]
    own_test = _without(images, Subset(split.test.indices, numbers[split.test.labels]), extra, trained)
    own_tests = [evaluate_classifier(each, images.pixels, own_test, images.names) for each in (classifier, final)]
    names, num_train = (str(run.path), str(target.path)), len(own) + len(trained)
    with written_run(run, final, images, own_test, target, own=images, num_train=num_train, started=started):
        pass
    return RetrainedOnHard(
        *names,
        hard=str(folder),
        num_trained=len(trained),
        copies=copies,
        hard_before=tests[0][0],
        hard_control=tests[1][0],
        hard_after=tests[2][0],
        gain=compare_predictions(tests[0][1], tests[2][1], names=names),
        alone=compare_predictions(tests[1][1], tests[2][1], names=("a new last layer without them", names[1])),
        test_before=own_tests[0][0],
        test_after=own_tests[1][0],
        test=compare_predictions(own_tests[0][1], own_tests[1][1], names=names),
        seconds=time.perf_counter() - started,
    )


def _new_layers(
    classifier: Classifier,
    own: tuple[DecodedImages, Subset],
    hard: tuple[DecodedImages, Subset],
    copies: int,
    on_progress: Progress | None,
) -> tuple[Classifier, Classifier]:
    """The network with a new last layer, fitted on its own images alone, and with copies of the hard ones."""
    layer, count = feature_layer(classifier), len(classifier.classes)
    (images, known), (extra, trained) = own, hard
    rows = compute_features(classifier, images, layer, on_progress=on_progress).values[known.indices]
    hard_rows = compute_features(classifier, extra, layer).values[trained.indices]
    both = np.concatenate([rows, np.repeat(hard_rows, copies, 0)])
    labels = np.concatenate([known.labels, np.repeat(trained.labels, copies)])
    heads = fit_head(rows, known.labels, count), fit_head(both, labels, count)
    return with_head(classifier, heads[0]), with_head(classifier, heads[1])


def _sides(images: DecodedImages, classes: Sequence[str], tied: frozenset[str]) -> tuple[Subset, Subset]:
    """The hard images to train on, none that is `tied` to a test image, and those to measure with."""
    number = {name: place for place, name in enumerate(classes)}
    known = [
        (row, file, images.facts[row].digest) for row, file in enumerate(images.files) if file.class_name in number
    ]
    train = [row for row, file, digest in known if file.split == "train" and digest not in tied]
    digests = {images.facts[row].digest for row in train}
    test = [row for row, file, digest in known if file.split != "train" and digest not in digests]

    def subset(rows: list[int]) -> Subset:
        labels = [number[images.files[row].class_name] for row in rows]
        return Subset(np.array(rows, np.int64), np.array(labels, np.int64))

    return subset(train), subset(test)


def _without(images: DecodedImages, test: Subset, extra: DecodedImages, trained: Subset) -> Subset:
    """A test set without images whose pixels are trained on now."""
    digests = {extra.facts[row].digest for row in trained.indices}
    kept = np.array([images.facts[row].digest not in digests for row in test.indices], bool)
    return Subset(test.indices[kept], test.labels[kept])
