"""A new last layer for a run, on corrected labels, in less than a minute; and what the corrections changed."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alexnet.audit.linear_head import fit_head
from alexnet.audit.new_head import feature_layer, free_target, has_feature_layer, with_head, write_run
from alexnet.audit.retrained import Retrained, keep_retrained, retrained_images
from alexnet.data.cache import DecodedImages
from alexnet.data.corrections import Correction, apply_corrections
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Split, Subset
from alexnet.data.streamed import open_images
from alexnet.errors import DataError, RunError
from alexnet.evaluation.evaluate import evaluate_classifier
from alexnet.evaluation.paired import PairedComparison, compare_predictions
from alexnet.evaluation.reviewed import review, reviewed_predictions
from alexnet.inspection.features import compute_features
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Prediction
from alexnet.runs.own_images import GIVE_DATA, decode_own_images, own_split
from alexnet.runs.run import Run, RunLike, as_run
from alexnet.training.events import Listener, Note, ignore
from alexnet.training.train import train

__all__ = ["retrain"]

OLD_LABELS, CORRECTED_LABELS = "a new last layer on the old labels", "a new last layer on the corrected labels"


Labels = dict[str, str]
"""The class of each file that is trained on."""


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
    once and kept. It is another kind of layer than the run's own, which was trained with the others, so a difference
    between the two may come from that. A control tells: a second new layer, fitted in the same way on the labels that
    the run was trained with. From the control to the new layer only the corrections differ. The result is a run of
    its own. All are compared on the images that both runs test on.

    Args:
        run: a finished run.
        corrections: the corrections file, all of it: a decision that the run was trained with and that is no longer
            in the file does not count any more.
        out: the new run folder; by default beside the old one.
        whole: train the whole recipe again instead; then there is no control, but a new last layer on the corrected
            labels to compare it with, unless a class is new.
        on_event: called with every step, epoch and message of a whole training.
        on_progress: called with (images done, images in all) while features are computed.

    Raises:
        RunError: the run is not finished, or `out` is occupied.
        DataError: the images have changed, or the corrections change no label.

    >>> _ = alexnet.correct("images", ["train/down/down_003.png"], "relabel", to="rings")
    >>> result = alexnet.retrain("runs/first", "images/corrections.csv", out="runs/better")
    >>> result.num_applied, result.num_changed, result.after
    (1, 1, 'runs/better')
    """
    started = time.perf_counter()
    run = as_run(run)
    if not run.about.is_finished:
        raise RunError(f"{run.path}: is not finished; continue it with `alexnet resume {run.path}`")
    target = free_target(run, out, "corrected")
    own = decode_own_images(run, step=GIVE_DATA)
    images = open_images(scan_folder(run.data_path), run.model.preprocessing)  # with the labels of the folder
    folder = apply_corrections(images.folder, corrections)
    if _changes(folder.corrections) == _changes(own.folder.corrections):
        raise DataError(
            f"{corrections}: changes no label that {run.path} was trained with; relabel or exclude an image first, "
            "or give the corrections of this folder"
        )
    split, corrected = own_split(run, own), open_images(folder, run.model.preprocessing)
    tested = tuple(_labels(own, split.test, split.classes))
    later = own_split(run, corrected)
    known = _to_train_on(own, split), _to_train_on(corrected, later, without=tested)
    strangers, before_layers = _new_classes(run, folder, later), time.perf_counter()
    if strangers and not whole:
        raise DataError(
            f"{strangers[0]}: is not a class of {run.path}; train the whole recipe (--whole) for a new class"
        )
    control = final = None
    if not strangers and (not whole or has_feature_layer(run.model)):
        control, final = _new_layers(run.model, images, (known[1], known[1]) if whole else known, on_progress)
    layer_seconds = time.perf_counter() - before_layers if final else None
    if whole or final is None:
        on_event(Note("training the whole recipe on the corrected images"))
        after, control = train(folder, run.recipe, out=target.path, on_event=on_event), None
    else:
        test = _subset(images, _labels(corrected, later.test, later.classes), run.model.classes)
        after = write_run(run, final, images, test, target, own=corrected, num_train=len(known[1]), started=started)
    changed = {name for name in known[0] | known[1] if known[0].get(name) != known[1].get(name)}
    networks = _Networks(run, control, final if whole else None, after)
    result = _compare(networks, images, tested, folder.corrections, len(changed))
    result = replace(
        result,
        seconds=time.perf_counter() - started,
        layer_seconds=layer_seconds,
        network_seconds=(after if whole else run).about.seconds,
    )
    keep_retrained(after.folder, result)
    return result


def _changes(lines: Iterable[Correction]) -> dict[str, tuple[str, str]]:
    return {line.file: (line.action, line.to) for line in lines if line.action != "fine"}


# --- what is trained on
def _labels(images: DecodedImages, subset: Subset, classes: Sequence[str]) -> Labels:
    pairs = zip(subset.indices, subset.labels, strict=True)
    return {images.files[row].entry.name: classes[label] for row, label in pairs}


def _to_train_on(images: DecodedImages, split: Split, *, without: Collection[str] = ()) -> Labels:
    """The training and validation images, which a last layer is fitted on; none that is tested on."""
    known = _labels(images, split.train, split.classes) | _labels(images, split.validation, split.classes)
    return {name: label for name, label in known.items() if name not in set(without)}


def _subset(images: DecodedImages, labels: Labels, classes: Sequence[str]) -> Subset:
    """Files as rows of `images`, and the numbers of their classes; 0 for a class that is none of these."""
    row_of = {file.entry.name: row for row, file in enumerate(images.files)}
    number = {name: place for place, name in enumerate(classes)}
    rows, numbers = [row_of[name] for name in labels], [number.get(label, 0) for label in labels.values()]
    return Subset(np.array(rows, np.int64), np.array(numbers, np.int64))


def _new_classes(run: Run, folder: ImageFolder, split: Split) -> list[str]:
    """Classes of the corrected images that the run's network does not know."""
    named = {line.to for line in folder.corrections if line.action == "relabel"} | set(split.classes)
    return sorted(named - set(run.model.classes))


def _new_layers(
    classifier: Classifier, images: DecodedImages, known: tuple[Labels, Labels], on_progress: Progress | None
) -> tuple[Classifier, Classifier]:
    """The network with a new last layer on the old labels, and on the corrected ones; the same where these are."""
    values = compute_features(classifier, images, feature_layer(classifier), on_progress=on_progress).values

    def fitted(labels: Labels) -> Classifier:
        subset = _subset(images, labels, classifier.classes)
        return with_head(classifier, fit_head(values[subset.indices], subset.labels, len(classifier.classes)))

    final = fitted(known[1])
    return final if known[0] == known[1] else fitted(known[0]), final


# --- what it changed
@dataclass(frozen=True)
class _Networks:
    """The run, the new last layer on the old labels, the one beside a whole training, and the new run."""

    run: Run
    control: Classifier | None
    last_layer: Classifier | None
    after: Run


def _compare(
    networks: _Networks,
    images: DecodedImages,
    tested: Sequence[str],
    lines: Sequence[Correction],
    num_changed: int,
) -> Retrained:
    """The networks on the images that both runs test on."""
    run, after, control, layer = networks.run, networks.after, networks.control, networks.last_layer
    labels = {file.entry.name: file.class_name for file in images.files}
    common = {prediction.file for prediction in after.predictions} | {line.file for line in lines}
    kept = {name: labels[name] for name in tested if name in common}
    names = str(run.path), str(after.path)
    first, last = (_predicted(each.model, images, kept) for each in (run, after))
    middle, beside = ([] if each is None else _predicted(each, images, kept) for each in (control, layer))

    def compared(earlier: list[Prediction], name: str, *, is_there: bool) -> tuple[PairedComparison | None, ...]:
        """To the new run, as labeled and with the reviewed labels."""
        if not is_there:
            return None, None
        pairs = (earlier, last), (reviewed_predictions(earlier, lines), reviewed_predictions(last, lines))
        return tuple(compare_predictions(*pair, names=(name, names[1])) for pair in pairs)

    labeled_by, by_corrections = compared(middle, OLD_LABELS, is_there=control is not None and num_changed > 0)
    labeled_by_whole, by_whole = compared(beside, CORRECTED_LABELS, is_there=layer is not None)
    before, later = (reviewed_predictions(each, lines) for each in (first, last))
    return Retrained(
        *names,
        whole=control is None,
        num_applied=len(lines),
        num_changed=num_changed,
        difference=compare_predictions(before, later, names=names),
        by_corrections=by_corrections,
        reviewed_before=review(first, lines, labels),
        control=None if control is None else review(middle, lines, labels),
        reviewed_after=review(last, lines, labels),
        images=retrained_images(first, middle, last, lines, beside),
        seconds=0.0,
        labeled_difference=compare_predictions(first, last, names=names),
        labeled_by_corrections=labeled_by,
        last_layer=None if layer is None else review(beside, lines, labels),
        by_whole=by_whole,
        labeled_by_whole=labeled_by_whole,
    )


def _predicted(classifier: Classifier, images: DecodedImages, labels: Labels) -> list[Prediction]:
    """What a network answers for files; the true class is the folder's, which the network may not know."""
    names = [file.entry.name for file in images.files]
    _, predictions = evaluate_classifier(
        classifier, images.pixels, _subset(images, labels, classifier.classes), names
    )
    return [replace(each, true=labels[each.file]) for each in predictions]
