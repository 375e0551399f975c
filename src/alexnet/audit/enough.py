"""Are there enough images? The test error at an eighth, a quarter, half and all of them, and the curve through it."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int

from alexnet.audit.learning_curve import (
    MOST_TIMES,
    ClassCurve,
    ClassHalf,
    SizeScore,
    compare_half,
    measure_curve,
    measure_size,
    predict_last,
)
from alexnet.audit.overall_progress import OverallProgress
from alexnet.audit.part_runs import PartRuns, prepare_parts
from alexnet.csv_files import write_csv
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.errors import DataError
from alexnet.files import listed_names
from alexnet.presets import as_recipe
from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.events import Listener, ignore
from alexnet.training.plan import plan_training
from alexnet.training.sizing import size_recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FRACTIONS", "Enough", "enough", "plan_enough"]

FRACTIONS = (0.125, 0.25, 0.5, 1.0)
"""Of the training images of each class; the smaller sets are parts of the larger ones."""

FEWEST = 2
HALF = 0.5


@dataclass(frozen=True)
class Enough(Record):
    """The learning curve of a folder: the test error by number of training images, over all and for each class.

    left_out: classes without a curve of their own, since an eighth of their training images is fewer than 2; they
        keep 2 images at least in every training. predicted: the error with all images, by the curve through the
        smaller sizes only, to be compared with what was measured.
    half: what half of one class's images is worth, where that was asked; None otherwise.
    """

    sizes: tuple[SizeScore, ...]
    curve: ClassCurve
    classes: tuple[ClassCurve, ...]
    num_test: int
    seeds: tuple[int, ...]
    left_out: tuple[str, ...]
    predicted: float
    half: ClassHalf | None = None

    @property
    def check(self) -> str:
        """What the curve would have said of the largest size, and what was measured, in words."""
        score = self.sizes[-1]
        low, high = score.interval
        told = f"half of the images would have predicted {100 * self.predicted:.1f} %; measured "
        told += f"{100 * score.top1_error:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"
        if low <= self.predicted <= high:
            return told
        return f"{told}: the errors do not follow the curve, so its predictions mean little"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What more images would bring, over all and for each class, in words."""
        curves = (self.curve, *self.classes)
        more = tuple(curve.more_sentence for curve in curves if curve.more_sentence)
        half = () if self.half is None else (str(self.half),)
        few = f"too few training images for curves of their own: {listed_names(self.left_out, most=20)}"
        return (*map(str, curves), *more, *half, *([few] if self.left_out else []), self.check)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the sentences."""
        return super().to_dict() | {"sentences": list(self.sentences)}

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


def plan_enough(
    folder: ImageFolder | Path | str,
    *,
    recipe: Recipe | str = "fast",
    num_seeds: int = 1,
    class_name: str | None = None,
) -> float:
    """Estimate how many seconds `enough` will take on this machine, from half a minute of measurements.

    Args:
        folder, recipe, num_seeds, class_name: as in `enough`. Nothing is trained.

    Raises:
        DataError, RecipeError: as in `enough`, so far as the names of the files tell.

    >>> alexnet.plan_enough("images") > 0
    True
    """
    base = as_recipe(recipe)
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    _small_classes(scanned.path, scanned.classes, _counts_by_name(scanned, base), class_name)
    whole = plan_training(scanned, base)
    passes = [_passes(base, fraction, whole.counts.train) for fraction in FRACTIONS]
    parts = sum(passes) / passes[-1]
    parts += 0 if class_name is None else 1  # half of one class less: at most that much time
    return whole.decode_seconds + num_seeds * parts * (whole.training_seconds - whole.decode_seconds)


def _passes(recipe: Recipe, fraction: float, num_images: int) -> float:
    """How many images the training on a fraction of them looks at, over all epochs."""
    count = max(1, round(fraction * num_images))
    return size_recipe(recipe, count).epochs * count


def enough(
    folder: ImageFolder | Path | str,
    *,
    recipe: Recipe | str = "fast",
    num_seeds: int = 1,
    more: int | None = None,
    class_name: str | None = None,
    on_event: Listener = ignore,
) -> Enough:
    """Estimate what more images would be worth, by training on an eighth, a quarter, half and all of those there are.

    All networks are tested on the same images. Trainings that an earlier, interrupted call has finished are not
    repeated.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        recipe: the recipe of the trainings, or the name of a preset; its `auto` settings are chosen for each size.
        num_seeds: trainings for each size, with seeds from the recipe's on, each on a different subset.
        more: images more of every class whose gain is to be predicted, besides that of twice as many; at most
            four times the training images in all.
        class_name: a class that is also trained with half of its images only, and all of the others: one more
            training for each seed, which tells what images of this class alone are worth.
        on_event: called with every step, epoch and message, and before a step with how far the whole is.

    Raises:
        DataError: an eighth of the largest class is fewer than 2 images, there is no such class or it is too small,
            or `more` is beyond what the curve can tell.
        KeyboardInterrupt: interrupted; the same call continues.

    Source: power laws of learning curves: Hestness et al. 2017, arXiv:1712.00409.

    >>> recipe = alexnet.PRESETS["fast"].replace(epochs=1, size=67, start_size=None)
    >>> [score.num_images for score in alexnet.enough("images", recipe=recipe).sizes]
    [9, 18, 36, 72]
    """
    work = prepare_parts(folder, as_recipe(recipe), on_event)
    classes, labels = work.split.classes, work.split.train.labels
    totals = np.bincount(labels, minlength=len(classes))
    is_small = _small_classes(work.folder.path, classes, totals, class_name)
    times = _times(more, totals)
    seeds = tuple(range(work.recipe.seed, work.recipe.seed + num_seeds))
    wrong = np.zeros((num_seeds, len(FRACTIONS), len(work.tested)), bool)
    counts = np.zeros((len(FRACTIONS), len(classes)), np.int64)
    progress = _progress(work, num_seeds, class_name is not None)
    work = replace(work, on_event=progress)
    for number, seed in enumerate(seeds):
        ranks = work.ranks(seed)
        for place, fraction in enumerate(FRACTIONS):
            progress.start(number * len(FRACTIONS) + place + 1)
            chosen = (ranks < fraction) | (ranks * totals[labels] < FEWEST)
            wrong[number, place] = work.mistakes(chosen, seed, f"{fraction:g}")
            counts[place] = np.bincount(labels[chosen], minlength=len(classes))
    half = None if class_name is None else _half(work, progress, classes.index(class_name), seeds, wrong[:, -1])
    sizes = tuple(
        measure_size(fraction, int(counts[place].sum()), wrong[:, place]) for place, fraction in enumerate(FRACTIONS)
    )
    tested = work.split.test.labels
    curve = measure_curve(None, counts.sum(1), wrong, more_times=times[0])
    return Enough(
        sizes,
        curve,
        tuple(
            measure_curve(name, counts[:, k], wrong[:, :, tested == k], more_times=times[1 + k])
            for k, name in enumerate(classes)
            if (tested == k).any() and not is_small[k]
        ),
        len(tested),
        seeds,
        tuple(name for k, name in enumerate(classes) if is_small[k]),
        predict_last(curve, len(tested)),
        half,
    )


def _progress(work: PartRuns, num_seeds: int, has_half: bool) -> OverallProgress:
    """How far all trainings are together: for each seed one of every size, then those with half of a class."""
    passes = [_passes(work.recipe, fraction, len(work.split.train)) for fraction in FRACTIONS]
    sizes = num_seeds * passes + (num_seeds * passes[-1:] if has_half else [])
    return OverallProgress(len(sizes), work.on_event, sizes=sizes)


def _times(more: int | None, totals: Int[np.ndarray, " K"]) -> list[float | None]:
    """Times as many images with `more` of every class: over all, and of each class.

    Raises:
        DataError: that is too far from what is measured.
    """
    if more is None:
        return [None] * (1 + len(totals))
    whole, num_classes = int(totals.sum()), len(totals)
    most = int((MOST_TIMES - 1) * whole / num_classes)
    if not 1 <= more <= most:
        raise DataError(
            f"more = {more}: the curve is read up to {MOST_TIMES:.0f} times the {whole:,} training images; "
            f"ask for 1 to {most:,} more of every class"
        )
    return [1 + more * num_classes / whole, *(1 + more / max(int(total), 1) for total in totals)]


def _half(
    work: PartRuns, progress: OverallProgress, number: int, seeds: tuple[int, ...], whole: np.ndarray
) -> ClassHalf:
    """Train with half of one class, for each seed, and compare. whole: mistakes of the trainings with all images."""
    labels, name = work.split.train.labels, work.split.classes[number]
    digest = blake2b(name.encode(), digest_size=8).hexdigest()
    parts, count = [], 0
    for place, seed in enumerate(seeds):
        progress.start(len(seeds) * len(FRACTIONS) + place + 1)
        chosen = (labels != number) | (work.ranks(seed) < HALF)
        parts.append(work.mistakes(chosen, seed, f"half-{digest}"))
        count = int((labels[chosen] == number).sum())
    wrong = np.stack([np.stack(parts), whole], axis=1)
    return compare_half(name, (count, int((labels == number).sum())), wrong, work.split.test.labels == number)


def _small_classes(
    path: Path, classes: Sequence[str], counts: Int[np.ndarray, " K"], class_name: str | None
) -> Bool[np.ndarray, " K"]:
    """Classes of which an eighth is too few images to train on.

    Args:
        counts: training images of each class.
        class_name: the class that is also to be trained with half of its images.

    Raises:
        DataError: all are, or `class_name` is no class or such a class.
    """
    is_small = counts * FRACTIONS[0] < FEWEST
    if is_small.all():
        raise DataError(
            f"{path}: the largest class has {counts.max()} training images, and an eighth of them is too few "
            f"to train on; add images, at least {int(FEWEST / FRACTIONS[0])} of each class"
        )
    if class_name is not None and class_name not in classes:
        raise DataError(f"{path}: no class {class_name}; choose one of {listed_names(classes, most=20)}")
    if class_name is not None and is_small[classes.index(class_name)]:
        raise DataError(f"{path}: {class_name} has too few training images to take half of them away")
    return np.asarray(is_small)


def _counts_by_name(folder: ImageFolder, recipe: Recipe) -> Int[np.ndarray, " K"]:
    """Training images of each class, so far as the names of the files tell."""
    by_split = folder.counts()
    training, fraction = by_split.get("train"), 1.0
    if training is None:
        training, fraction = by_split.get("all", Counter()), 1 - recipe.test_fraction
    return np.array([math.ceil(fraction * training[name]) for name in folder.classes])
