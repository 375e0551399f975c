"""Are there enough images? The test error at an eighth, a quarter, half and all of them, and the curve through it."""

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from alexnet.csv_files import write_csv
from alexnet.data.cache import decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import split_images
from alexnet.errors import DataError
from alexnet.files import disk_errors, user_cache_dir, write_whole
from alexnet.presets import as_recipe
from alexnet.recipe import Recipe
from alexnet.records import Record, wilson_interval
from alexnet.training.events import Listener, Note, Progress, ignore
from alexnet.training.plan import plan_training
from alexnet.training.sizing import size_recipe
from alexnet.training.train import train_or_resume

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FRACTIONS", "ClassCurve", "Enough", "SizeScore", "enough", "fit_curve", "plan_enough"]

FRACTIONS = (0.125, 0.25, 0.5, 1.0)
"""Of the training images of each class; the smaller sets are parts of the larger ones."""

FEWEST = 2
NUM_DRAWS = 400


@dataclass(frozen=True)
class SizeScore(Record):
    """The test error with a number of training images, over all seeds. interval: 95 %, of the images tested."""

    fraction: float
    num_images: int
    top1_error: float
    interval: tuple[float, float]
    errors: tuple[float, ...]


@dataclass(frozen=True)
class ClassCurve(Record):
    """The error of one class (or of all, name None) by the number of its training images.

    errors: at each fraction. expected: with twice as many images, by the fitted curve; interval: 95 %.
    gain: error with all images, by the curve, minus expected; a fraction. gain_interval: 95 %.
    """

    name: str | None
    num_images: tuple[int, ...]
    errors: tuple[float, ...]
    expected: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = (100 * value for value in self.gain_interval)
        what, more = self.name or "all classes", self.num_images[-1]
        if low <= 0.0:
            return f"{what}: {more} more images would bring no measurable gain ({low:+.1f} to {high:+.1f} points)"
        return f"{what}: {more} more images would be worth {100 * self.gain:.1f} points ({low:.1f} to {high:.1f})"


@dataclass(frozen=True)
class Enough(Record):
    """The learning curve of a folder: the test error by number of training images, over all and for each class."""

    sizes: tuple[SizeScore, ...]
    curve: ClassCurve
    classes: tuple[ClassCurve, ...]
    num_test: int
    seeds: tuple[int, ...]

    def save_csv(self, path: Path | str) -> Path:
        """Write a CSV file with a line for all classes and for each: images, errors, and what twice as many bring.

        Raises:
            DataError: it cannot be written.
        """
        sizes = range(len(FRACTIONS))
        header = ["class", *(f"{what}_{place + 1}" for place in sizes for what in ("images", "error"))]
        header += ["expected", "expected_low", "expected_high", "gain", "gain_low", "gain_high"]
        rows = []
        for curve in (self.curve, *self.classes):
            measured = [value for pair in zip(curve.num_images, curve.errors, strict=True) for value in pair]
            rows.append(
                [curve.name or "(all)", *measured, curve.expected, *curve.interval, curve.gain, *curve.gain_interval]
            )
        return write_csv([header, *rows], path)

    def draw(self) -> "Figure":
        """The test error by the number of training images, of all classes and of each, and with twice as many."""
        from alexnet.figures.learning_curves import LearningCurve, draw_learning_curves

        intervals = [score.interval for score in self.sizes]
        curves = [
            LearningCurve(
                curve.name or "all classes", curve.num_images, curve.errors, curve.expected, curve.interval,
                () if curve.name else intervals,
            )
            for curve in (self.curve, *self.classes)
        ]  # fmt: skip
        title = f"Test error of {self.num_test:,} images; orange: expected with twice as many training images, 95 %"
        return draw_learning_curves(curves, title=title)


def plan_enough(folder: ImageFolder | Path | str, *, recipe: Recipe | str = "fast", num_seeds: int = 1) -> float:
    """Estimate how many seconds `enough` will take on this machine, from half a minute of measurements.

    Args:
        folder, recipe, num_seeds: as in `enough`. Nothing is trained.

    Raises:
        DataError, RecipeError: as in `enough`.

    >>> alexnet.plan_enough("images") > 0
    True
    """
    base = as_recipe(recipe)
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    whole = plan_training(scanned, base)

    def passes(fraction: float) -> float:
        count = max(1, round(fraction * whole.counts.train))
        return size_recipe(base, count).epochs * count

    parts = sum(passes(fraction) for fraction in FRACTIONS) / passes(1.0)
    return whole.decode_seconds + num_seeds * parts * (whole.training_seconds - whole.decode_seconds)


def enough(
    folder: ImageFolder | Path | str,
    *,
    recipe: Recipe | str = "fast",
    num_seeds: int = 1,
    on_event: Listener = ignore,
) -> Enough:
    """Estimate what more images would be worth, by training on an eighth, a quarter, half and all of those there are.

    All networks are tested on the same images. Trainings that an earlier, interrupted call has finished are not
    repeated.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        recipe: the recipe of the trainings, or the name of a preset; its `auto` settings are chosen for each size.
        num_seeds: trainings for each size, with seeds from the recipe's on, each on a different subset.
        on_event: called with every step, epoch and message.

    Raises:
        DataError: an eighth of the smallest class is fewer than 2 images.
        KeyboardInterrupt: interrupted; the same call continues.

    Source: power laws of learning curves: Hestness et al. 2017, arXiv:1712.00409.

    >>> recipe = alexnet.PRESETS["fast"].replace(epochs=1, size=67, start_size=None)
    >>> [score.num_images for score in alexnet.enough("images", recipe=recipe).sizes]
    [9, 18, 36, 72]
    """
    base = as_recipe(recipe)
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    images = decode_folder(
        scanned,
        plain_preprocessing(base),
        on_progress=lambda done, total: on_event(Progress("decoding", done, total)),
    )
    split = split_images(
        images,
        test_fraction=base.test_fraction,
        validation_fraction=0.0,
        seed=base.seed,
        group_near_duplicates=base.group_near_duplicates,
    )
    names = [images.files[row].entry.name for row in split.train.indices]
    digests = [images.facts[row].digest for row in split.train.indices]
    tested = {images.files[row].entry.name for row in split.test.indices}
    _require_enough(scanned, split.train.labels, split.classes)
    seeds = tuple(range(base.seed, base.seed + num_seeds))
    wrong = np.zeros((len(FRACTIONS), num_seeds, len(split.classes)))
    counts = np.zeros((len(FRACTIONS), len(split.classes)), np.int64)
    for number, seed in enumerate(seeds):
        order = _order(names, digests, split.train.labels, seed)
        for place, fraction in enumerate(FRACTIONS):
            chosen = {name for name, rank in order.items() if rank < fraction}
            part = _part(scanned, chosen, tested)
            path = _work_path(images.fingerprint, base, seed, fraction)
            on_event(Note(f"{len(chosen)} training images, seed {seed}"))
            mistakes = _mistakes(part, base.replace(seed=seed), path, on_event)
            wrong[place, number] = [mistakes.get(name, 0) for name in split.classes]
            counts[place] = [
                sum(n in chosen for n, label in zip(names, split.train.labels, strict=True) if label == k)
                for k in range(len(split.classes))
            ]
    present = np.bincount(split.test.labels, minlength=len(split.classes))
    return _result(split.classes, seeds, counts, wrong, present)


def _mistakes(part: ImageFolder, recipe: Recipe, path: Path, on_event: Listener) -> dict[str, int]:
    """Mistakes by class of a training, which is deleted when they are written down; read where they are already."""
    kept = path.with_name(f"{path.name}.json")
    with suppress(OSError, ValueError):
        return {str(name): int(count) for name, count in json.loads(kept.read_text(encoding="utf-8")).items()}
    run = train_or_resume(part, recipe, path, on_event=on_event)
    mistakes = {score.name: score.num_images - score.num_correct for score in run.evaluation.per_class}
    with disk_errors(kept, DataError, "free some space, or set ALEXNET_CACHE to another folder"):
        write_whole(kept, lambda beside: beside.write_text(json.dumps(mistakes), encoding="utf-8"))
    shutil.rmtree(path, ignore_errors=True)
    return mistakes


def _require_enough(folder: ImageFolder, labels: np.ndarray, classes: Sequence[str]) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    few = int(counts.argmin())
    if counts[few] * FRACTIONS[0] < FEWEST:
        raise DataError(
            f"{folder.path}: {classes[few]} has {counts[few]} training images, and an eighth of them is too few to "
            f"train on; add images, at least {int(FEWEST / FRACTIONS[0])} of each class"
        )


def _order(names: Sequence[str], digests: Sequence[str], labels: np.ndarray, seed: int) -> dict[str, float]:
    """The place of each image within its class, 0 to below 1, in an order that the seed and its pixels give."""
    ranks: dict[str, float] = {}
    for label in np.unique(labels):
        rows = [row for row in range(len(names)) if labels[row] == label]
        rows.sort(key=lambda row: blake2b(f"{seed} {digests[row]}".encode(), digest_size=16).digest())
        ranks |= {names[row]: place / len(rows) for place, row in enumerate(rows)}
    return ranks


def _part(folder: ImageFolder, chosen: set[str], tested: set[str]) -> ImageFolder:
    files = tuple(
        replace(file, split="test" if file.entry.name in tested else "train")
        for file in folder.files
        if file.entry.name in tested or file.entry.name in chosen
    )
    return replace(folder, files=files)


def _work_path(fingerprint: str, recipe: Recipe, seed: int, fraction: float) -> Path:
    digest = blake2b(f"{fingerprint} {recipe.to_toml()}".encode(), digest_size=12).hexdigest()
    return user_cache_dir() / "enough" / digest / f"seed{seed}-{fraction:g}"


# --- the curve
def fit_curve(
    counts: Float[np.ndarray, " S"], errors: Float[np.ndarray, " S"], weights: Float[np.ndarray, " S"]
) -> tuple[float, float]:
    """a and b of error = a * images ** -b, by weighted least squares on the logarithms; b is at least 0.

    >>> a, b = fit_curve(np.array([10.0, 20.0, 40.0]), np.array([0.4, 0.2, 0.1]), np.ones(3))
    >>> round(a, 3), round(b, 3)
    (4.0, 1.0)
    """
    x, y = np.log(counts), np.log(errors)
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    spread = np.average((x - mean_x) ** 2, weights=weights)
    slope = np.average((x - mean_x) * (y - mean_y), weights=weights) / spread if spread > 0 else 0.0
    b = max(0.0, -float(slope))
    return float(np.exp(mean_y + b * mean_x)), b


def _curve(name: str | None, counts: np.ndarray, wrong: np.ndarray, present: int) -> ClassCurve:
    """wrong: mistakes by size, over all seeds together; present: images tested, likewise."""
    trials = max(present, 1)

    def predict(mistakes: np.ndarray) -> tuple[float, float]:
        rates = (mistakes + 0.5) / (trials + 1)  # never 0, whose logarithm is none
        a, b = fit_curve(counts.astype(float), rates, mistakes + 0.5)
        last = float(counts[-1])
        return a * (2 * last) ** -b, a * last**-b - a * (2 * last) ** -b

    rng = np.random.default_rng(0)
    rates = np.clip((wrong + 0.5) / (trials + 1), 0.0, 1.0)
    draws = np.array([predict(rng.binomial(trials, rates)) for _ in range(NUM_DRAWS)])
    expected, gain = predict(wrong)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return ClassCurve(
        name, tuple(map(int, counts)), tuple(float(value) for value in wrong / trials), min(expected, 1.0),
        (float(low[0]), float(min(high[0], 1.0))), gain, (float(low[1]), float(high[1])),
    )  # fmt: skip


def _result(
    classes: Sequence[str], seeds: tuple[int, ...], counts: np.ndarray, wrong: np.ndarray, present: np.ndarray
) -> Enough:
    total, num_seeds = int(present.sum()), len(seeds)
    sizes = []
    for place, fraction in enumerate(FRACTIONS):
        errors = wrong[place].sum(1) / total
        hits = round(float(errors.mean()) * total)
        interval = wilson_interval(hits, total)
        each = tuple(float(value) for value in errors)
        sizes.append(SizeScore(fraction, int(counts[place].sum()), float(errors.mean()), interval, each))
    curve = _curve(None, counts.sum(1), wrong.sum((1, 2)), total * num_seeds)
    rows = tuple(
        _curve(name, counts[:, k], wrong[:, :, k].sum(1), int(present[k]) * num_seeds)
        for k, name in enumerate(classes)
        if present[k]
    )
    return Enough(tuple(sizes), curve, rows, total, seeds)
