"""Trainings on all folds but one, and what each network says about the fold that it has not seen."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

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
from alexnet.training.events import Listener, Note, ignore
from alexnet.training.train import train_or_resume

__all__ = ["HeldOutAnswers", "answer_folds", "fold_recipe", "work_dir"]

LAYER = "fc6"
"""Whose features the linear heads and the nearest images use; chosen on spoiled natural8."""

BATCH = 256

NUM_TESTED = 200
"""Held-out images that are tested after every epoch."""


@dataclass(frozen=True, eq=False)
class HeldOutAnswers:
    """What networks say about images that they were not trained on, a row each.

    probs: by class. values: features; those of different folds come from different networks and do not compare.
    """

    probs: Float[np.ndarray, "N K"]
    values: Float[np.ndarray, "N D"]


def fold_recipe(recipe: Recipe, *, epochs: int, batch_size: int, crop_scale: float) -> Recipe:
    """The recipe of every fold: sized once for the whole folder, trained to its last epoch."""
    return recipe.replace(
        epochs=epochs, batch_size=batch_size, crop_scale=crop_scale, validation_fraction=0.0, test_views="mirror"
    )


def work_dir(images: DecodedImages, recipe: Recipe, folds: Int[np.ndarray, " N"]) -> Path:
    """Where the folds of these images, this recipe and this division are kept between two calls."""
    digest = blake2b(f"{images.fingerprint} {recipe.to_toml()}".encode(), digest_size=12)
    digest.update(folds.tobytes())
    return user_cache_dir() / "folds" / digest.hexdigest()


def answer_folds(
    images: DecodedImages,
    folds: Int[np.ndarray, " N"],
    classes: Sequence[str],
    recipe: Recipe,
    *,
    on_event: Listener = ignore,
) -> HeldOutAnswers:
    """Train on all folds but one, for each fold; a fold that an earlier call has finished is read instead.

    Raises:
        DataError: a fold leaves a class without training images, or the disk is full.
        KeyboardInterrupt: interrupted; the same call continues where it stopped.
    """
    base, count = work_dir(images, recipe, folds), int(folds.max()) + 1
    parts, progress = [], OverallProgress(count, on_event)
    for fold in range(count):
        path = base / f"fold-{fold}.npz"
        part = _read(path, int((folds == fold).sum()), len(classes))
        if part is None:
            on_event(Note(f"part {fold + 1} of {count}: training on the others"))
            progress.start(fold + 1)
            part = _train_fold(images, folds == fold, classes, recipe, base / f"run-{fold}", progress)
            _write(path, part)
            shutil.rmtree(base / f"run-{fold}", ignore_errors=True)
        parts.append(part)
    probs = np.empty((len(folds), len(classes)))
    values = np.empty((len(folds), parts[0].values.shape[1]), np.float32)
    for fold, part in enumerate(parts):
        probs[folds == fold], values[folds == fold] = part.probs, part.values
    return HeldOutAnswers(probs, values)


def _train_fold(
    images: DecodedImages,
    is_held: Int[np.ndarray, " N"],
    classes: Sequence[str],
    recipe: Recipe,
    path: Path,
    on_event: Listener,
) -> HeldOutAnswers:
    held = {file.entry.name for file, held in zip(images.files, is_held, strict=True) if held}
    run = train_or_resume(_divided(images.folder, held), recipe, path, on_event=on_event)
    return answer(run.model, images, np.flatnonzero(is_held), classes)


def answer(
    classifier: Classifier, images: DecodedImages, rows: Int[np.ndarray, " M"], classes: Sequence[str]
) -> HeldOutAnswers:
    """Probabilities and features of some rows by a network, which may know fewer classes."""
    subset = Subset(rows, np.zeros(len(rows), np.int64))
    own = subset_probabilities(classifier, images.pixels, subset, views="mirror").double().numpy()
    probs = np.zeros((len(rows), len(classes)))
    probs[:, [list(classes).index(name) for name in classifier.classes]] = own
    parts = [features_of(classifier, images.pixels[rows[s : s + BATCH]], LAYER) for s in range(0, len(rows), BATCH)]
    return HeldOutAnswers(probs, np.concatenate(parts))


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


def _write(path: Path, part: HeldOutAnswers) -> None:
    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            np.savez(file, probs=part.probs, values=part.values)

    with disk_errors(path, DataError, "free some space, or set ALEXNET_CACHE to another folder"):
        write_whole(path, write)


def _read(path: Path, num_rows: int, num_classes: int) -> HeldOutAnswers | None:
    """A finished fold; None where there is none, or it is damaged."""
    try:
        with np.load(path) as values:
            part = HeldOutAnswers(values["probs"], values["values"])
    except (OSError, ValueError, KeyError, EOFError):
        return None
    return part if part.probs.shape == (num_rows, num_classes) and len(part.values) == num_rows else None
