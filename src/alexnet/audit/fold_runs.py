"""Trainings on all folds but one, and what each network says about the fold that it has not seen."""

import shutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool, Float, Int

from alexnet.audit.label_doubts import SMALLEST
from alexnet.audit.overall_progress import OverallProgress
from alexnet.data.cache import DecodedImages
from alexnet.data.folder import ImageFolder
from alexnet.data.split import Subset
from alexnet.errors import DataError
from alexnet.evaluation.evaluate import subset_probabilities
from alexnet.files import disk_errors, user_cache_dir, write_whole
from alexnet.inspection.features import features_of
from alexnet.model.checkpoint import Classifier
from alexnet.recipe import Recipe
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.training.epoch_networks import load_epoch_network
from alexnet.training.events import Ended, Event, Listener, Note, ignore
from alexnet.training.train import train_or_resume

__all__ = ["FoldAnswers", "answer_folds", "fold_recipe", "judging_epochs", "missing_folds", "work_dir"]

LAYER = "fc6"
"""Whose features the linear heads and the nearest images use; chosen on spoiled natural8."""

BATCH = 256

NUM_TESTED = 200
"""Held-out images that are tested after every epoch."""


JUDGING = (0.625, 0.875, 1.0)
"""After which fractions of the epochs the network judges the images: several networks of one training err less alike
than their last one alone (EXPERIMENTS.md, "Doubts: the networks on the way")."""

STEPS_FRACTION = 0.8
"""Fraction of the time of a fold that its training takes; in the rest the networks judge the images."""


@dataclass(frozen=True, eq=False)
class FoldAnswers:
    """What networks say about images, a row each.

    held: probabilities by class, of networks that were not trained on the image. seen: of those that were, while they
    had not yet memorized it. values: features, of the network that `held` ends with; those of different folds come
    from different networks and do not compare.
    """

    held: Float[np.ndarray, "N K"]
    seen: Float[np.ndarray, "N K"]
    values: Float[np.ndarray, "N D"]


def fold_recipe(recipe: Recipe, *, epochs: int, batch_size: int, crop_scale: float) -> Recipe:
    """The recipe of every fold: sized once for the whole folder, trained to its last epoch."""
    return recipe.replace(
        epochs=epochs, batch_size=batch_size, crop_scale=crop_scale, validation_fraction=0.0, test_views="mirror",
        keep_networks=True,
    )  # fmt: skip


def judging_epochs(epochs: int) -> list[int]:
    """The epochs after which the network judges the images; the last one is the last of them.

    >>> judging_epochs(8), judging_epochs(1)
    ([5, 7, 8], [1])
    """
    return sorted({max(1, round(fraction * epochs)) for fraction in JUDGING})


def work_dir(images: DecodedImages, recipe: Recipe, folds: Int[np.ndarray, " N"]) -> Path:
    """Where the folds of these images, this recipe and this division are kept between two calls."""
    digest = blake2b(f"{images.fingerprint} {recipe.to_toml()}".encode(), digest_size=12)
    digest.update(folds.tobytes())
    return user_cache_dir() / "folds" / digest.hexdigest()


def missing_folds(images: DecodedImages, folds: Int[np.ndarray, " N"], classes: Sequence[str], recipe: Recipe) -> int:
    """How many folds no earlier call has finished."""
    base = work_dir(images, recipe, folds)
    return sum(
        _read(base / f"fold-{fold}.npz", folds == fold, len(classes)) is None for fold in range(int(folds.max()) + 1)
    )


def answer_folds(
    images: DecodedImages,
    folds: Int[np.ndarray, " N"],
    classes: Sequence[str],
    recipe: Recipe,
    *,
    on_event: Listener = ignore,
) -> FoldAnswers:
    """Train on all folds but one, for each fold; a fold that an earlier call has finished is read instead.

    Raises:
        DataError: a fold leaves a class without training images, or the disk is full.
        KeyboardInterrupt: interrupted; the same call continues where it stopped.
    """
    base, count = work_dir(images, recipe, folds), int(folds.max()) + 1
    parts, progress = [], OverallProgress(count, on_event, training=STEPS_FRACTION)
    for fold in range(count):
        path = base / f"fold-{fold}.npz"
        part = _read(path, folds == fold, len(classes))
        if part is None:
            on_event(Note(f"part {fold + 1} of {count}: training on the others"))
            progress.start(fold + 1)
            part = _train_fold(images, folds == fold, classes, recipe, base / f"run-{fold}", progress)
            _write(path, part)
            shutil.rmtree(base / f"run-{fold}", ignore_errors=True)
        parts.append(part)
    held = np.empty((len(folds), len(classes)))
    seen = np.zeros_like(held)
    values = np.empty((len(folds), parts[0].values.shape[1]), np.float32)
    for fold, part in enumerate(parts):
        held[folds == fold], values[folds == fold] = part.held, part.values
        seen[folds != fold] += np.log(part.seen) / (count - 1)
    return FoldAnswers(held, normalized(seen), values)


def _train_fold(
    images: DecodedImages,
    is_held: Bool[np.ndarray, " N"],
    classes: Sequence[str],
    recipe: Recipe,
    path: Path,
    on_event: Listener,
) -> FoldAnswers:
    """The answers of one training: `held` and `values` of the held-out images, `seen` of the others."""
    names = {file.entry.name for file, held in zip(images.files, is_held, strict=True) if held}
    judging = judging_epochs(int(recipe.epochs))
    run = train_or_resume(_divided(images.folder, names), recipe, path, on_event=_keep_only(path, judging, on_event))
    held, trained = np.flatnonzero(is_held), np.flatnonzero(~is_held)
    networks = [*_networks(run, judging[:-1]), run.model]
    answers = [
        judge(network, images, held, classes, "mirror" if network is run.model else "centre") for network in networks
    ]
    early = [judge(network, images, trained, classes, "centre") for network in networks[:-1] or networks]
    parts = [features_of(run.model, images.pixels[held[s : s + BATCH]], LAYER) for s in range(0, len(held), BATCH)]
    return FoldAnswers(geometric_mean(answers), geometric_mean(early), np.concatenate(parts))


def _keep_only(path: Path, epochs: Sequence[int], on_event: Listener) -> Listener:
    """Pass events on, and delete the networks of other epochs as they come: a small folder has a hundred."""

    def listen(event: Event) -> None:
        on_event(event)
        if isinstance(event, Ended):
            for epoch, kept in RunFolder(path).network_snapshots():
                if epoch not in epochs:
                    kept.unlink(missing_ok=True)

    return listen


def _networks(run: Run, epochs: Sequence[int]) -> list[Classifier]:
    """The networks after these epochs, but for those that somebody has deleted."""
    kept = dict(run.folder.network_snapshots())
    return [load_epoch_network(run.folder, epoch) for epoch in epochs if epoch in kept]


def judge(
    classifier: Classifier, images: DecodedImages, rows: Int[np.ndarray, " M"], classes: Sequence[str], views: str
) -> Float[np.ndarray, "M K"]:
    """Probabilities of some rows by a network, which may know fewer classes."""
    subset = Subset(rows, np.zeros(len(rows), np.int64))
    own = subset_probabilities(classifier, images.pixels, subset, views=views).double().numpy()
    probs = np.zeros((len(rows), len(classes)))
    probs[:, [list(classes).index(name) for name in classifier.classes]] = own
    return probs


def geometric_mean(
    probs: Sequence[Float[np.ndarray, "N K"]], weights: Sequence[float] | None = None
) -> Float[np.ndarray, "N K"]:
    """The weighted mean of the logarithms of several probabilities, as probabilities; by default all count alike.

    >>> geometric_mean([np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])]).round(2).tolist()
    [[0.75, 0.25]]
    """
    logs = [np.log(np.clip(each, SMALLEST, None)) for each in probs]
    return normalized(np.average(logs, axis=0, weights=weights))


def normalized(logs: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
    """Probabilities from their logarithms, of which each row may be off by a number."""
    powers = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _divided(folder: ImageFolder, held: set[str]) -> ImageFolder:
    """The folder without the held-out images, but for a few to test on while training: all are judged afterwards."""
    every = max(1, len(held) // NUM_TESTED)
    tested = set(sorted(held)[::every])
    files = tuple(
        replace(file, split="test" if file.entry.name in tested else "train")
        for file in folder.files
        if file.entry.name not in held or file.entry.name in tested
    )
    return replace(folder, files=files)


def _write(path: Path, part: FoldAnswers) -> None:
    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            np.savez(file, held=part.held, seen=part.seen, values=part.values)

    with disk_errors(path, DataError, "free some space, or set ALEXNET_CACHE to another folder"):
        write_whole(path, write)


def _read(path: Path, is_held: Bool[np.ndarray, " N"], num_classes: int) -> FoldAnswers | None:
    """A finished fold; None where there is none, or it is damaged."""
    try:
        with np.load(path) as values:
            part = FoldAnswers(values["held"], values["seen"], values["values"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return None
    count = int(is_held.sum())
    shapes = [(count, num_classes), (len(is_held) - count, num_classes)]
    return part if [part.held.shape, part.seen.shape] == shapes and len(part.values) == count else None
