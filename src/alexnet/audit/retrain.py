"""A new last layer for a run, on corrected labels, in less than a minute; and what the corrections changed."""

import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alexnet.audit.linear_head import fit_head
from alexnet.audit.new_head import feature_layer, free_target, has_feature_layer, with_head, written_run
from alexnet.audit.retrained import Retrained, keep_retrained, retrained_images
from alexnet.audit.retraining import begin_retraining, begun_retrainings, end_retraining, is_about
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
from alexnet.run_folder import RunFolder
from alexnet.runs.own_images import GIVE_DATA, decode_own_images, own_split
from alexnet.runs.run import Run, RunLike, as_run
from alexnet.training.events import Listener, Note, ignore
from alexnet.training.train import resume, train

__all__ = ["compare_retrained", "retrain"]

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

    A whole training that was interrupted is continued by the same call, or by `resume`, which then compares, too.

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
    begun = begun_retrainings(run, out) if whole else []
    target = None if begun else free_target(run, out, "corrected")
    work = _prepare(run, corrections)
    earlier = next((folder for folder in begun if is_about(folder, work.folder.corrections)), None)
    target = earlier or target or free_target(run, out, "corrected")
    layer_started = time.perf_counter()
    if work.strangers and not whole:
        raise DataError(
            f"{work.strangers[0]}: is not a class of {run.path}; train the whole recipe (--whole) for a new class"
        )
    control, final = work.new_layers(is_whole=whole, on_progress=on_progress)
    layer_seconds = time.perf_counter() - layer_started if final else None
    if whole or final is None:
        before_training = time.perf_counter() - started
        after = _train_whole(run, work, target, is_begun=earlier is not None, on_event=on_event)
        compared = time.perf_counter()
        result = _compare(_Networks(run, None, final, after), work, after.path)
        seconds = before_training + (after.about.seconds or 0.0) + time.perf_counter() - compared
        return _kept(result, after, seconds, layer_seconds)
    test = _subset(work.images, _labels(work.corrected, work.later.test, work.later.classes), run.model.classes)
    num_train = len(work.known[1])
    with written_run(
        run, final, work.images, test, target, own=work.corrected, num_train=num_train, started=started
    ) as after:
        result = _compare(_Networks(run, control, None, after), work, target.path)
        result = replace(
            result,
            seconds=time.perf_counter() - started,
            layer_seconds=layer_seconds,
            network_seconds=run.about.seconds,
        )
        keep_retrained(after.folder, result)
    return result


def _train_whole(run: Run, work: "_Work", target: RunFolder, *, is_begun: bool, on_event: Listener) -> Run:
    """The whole recipe on the corrected images, from the start or from where an earlier call stopped."""
    if is_begun:
        on_event(Note(f"{target.path}: going on with an earlier retraining on the same corrections"))
        return resume(target.path, data=run.moved_to, on_event=on_event)
    on_event(Note("training the whole recipe on the corrected images"))
    begin_retraining(target, run)
    try:
        return train(work.folder, run.recipe, out=target.path, on_event=on_event)
    except BaseException:
        if not target.has("run.json"):  # stopped before the run was: leave nothing
            end_retraining(target)
            with suppress(OSError):
                target.path.rmdir()
        raise


def _kept(result: Retrained, after: Run, seconds: float, layer_seconds: float | None) -> Retrained:
    """The comparison with a whole training, with its times, written down in the new run."""
    result = replace(result, seconds=seconds, layer_seconds=layer_seconds, network_seconds=after.about.seconds)
    keep_retrained(after.folder, result)
    end_retraining(after.folder)
    return result


def compare_retrained(run: Run, after: Run, *, on_progress: Progress | None = None) -> Retrained:
    """Compare a run with one whose whole network was trained on corrected labels, and keep that in the new one.

    Args:
        run: the run that was trained again.
        after: the new one, finished; its corrections are those in its folder.
        on_progress: called with (images done, images in all) while features are computed.

    Raises:
        RunError, DataError: the images are no longer there, or have changed.
    """
    started = time.perf_counter()
    work = _prepare(run, after.folder.corrections_path)
    layer_started = time.perf_counter()
    _, final = work.new_layers(is_whole=True, on_progress=on_progress)
    layer_seconds = time.perf_counter() - layer_started if final else None
    result = _compare(_Networks(run, None, final, after), work, after.path)
    return _kept(result, after, time.perf_counter() - started + (after.about.seconds or 0.0), layer_seconds)


# --- the images and their labels
@dataclass(frozen=True)
class _Work:
    """The images of a run with the labels of the folder (`images`) and corrected (`corrected`, split as `later`).

    tested: images that the run was tested on. known: the labels to train on, before and after. strangers: classes of
    the corrected images that the run's network does not know.
    """

    run: Run
    folder: ImageFolder
    images: DecodedImages
    corrected: DecodedImages
    later: Split
    tested: tuple[str, ...]
    known: tuple[Labels, Labels]
    strangers: tuple[str, ...]

    @property
    def num_changed(self) -> int:
        """Images to train on whose label the corrections change, that they leave out or bring back."""
        old, new = self.known
        return sum(old.get(name) != new.get(name) for name in old | new)

    def new_layers(
        self, *, is_whole: bool, on_progress: Progress | None
    ) -> tuple[Classifier | None, Classifier | None]:
        """The network with a new last layer on the old labels (not beside a whole training) and on the corrected."""
        if self.strangers or (is_whole and not has_feature_layer(self.run.model)):
            return None, None
        known = (self.known[1], self.known[1]) if is_whole else self.known
        control, final = _new_layers(self.run.model, self.images, known, on_progress)
        return None if is_whole else control, final


def _prepare(run: Run, corrections: Path | str) -> _Work:
    """What is trained on and compared. Raises DataError where the corrections change nothing."""
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
    return _Work(run, folder, images, corrected, later, tested, known, tuple(_new_classes(run, folder, later)))


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


def _compare(networks: _Networks, work: _Work, path: Path) -> Retrained:
    """The networks on the images that both runs test on. path: where the new run is, or will be."""
    run, after, control, layer = networks.run, networks.after, networks.control, networks.last_layer
    images, tested, lines, num_changed = work.images, work.tested, work.folder.corrections, work.num_changed
    labels = {file.entry.name: file.class_name for file in images.files}
    common = {prediction.file for prediction in after.predictions} | {line.file for line in lines}
    kept = {name: labels[name] for name in tested if name in common}
    names = str(run.path), str(path)
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
