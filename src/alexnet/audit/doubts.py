"""Probably mislabeled images: what networks that have not seen an image think of its label."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from alexnet.audit.fold_runs import HeldOutAnswers, answer_folds, fold_recipe
from alexnet.audit.label_doubts import doubt_scores, wrong_fraction
from alexnet.audit.linear_head import assign_folds, held_out_probabilities, principal_components
from alexnet.csv_files import write_csv
from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import Pixels, plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.errors import DataError, RecipeError
from alexnet.inspection.neighbours import Neighbour, nearest_rows
from alexnet.presets import as_recipe
from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.events import Listener, Progress, ignore
from alexnet.training.plan import plan_training
from alexnet.training.sizing import size_recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["METHODS", "Doubt", "Doubts", "doubts"]

METHODS = {"features": 2, "folds": 4}
"""How many networks are trained. `features`: two, each on half of the images, with a linear head of its own on the
features of the other half. `folds`: four, each on three quarters, without heads."""

FEWEST = 0.1
"""Fraction of the images that the list names at least, however certain the labels are."""

NUM_NEIGHBOURS = 5
INNER_FOLDS = 5

NUM_COMPONENTS = 128
"""Principal components of the features on which the heads are fitted: seconds instead of minutes, and no worse."""

NETWORK_WEIGHT = 0.7
"""Weight of the networks' probabilities beside that of the heads (EXPERIMENTS.md, "Doubts: five spoiled folders")."""


@dataclass(frozen=True)
class Doubt(Record):
    """An image whose label may be wrong.

    suggested: the most probable other class. doubt: p(suggested) / (p(label) + p(suggested)), 0 to 1.
    neighbours: the nearest images, with their labels.
    """

    file: str
    label: str
    suggested: str
    doubt: float
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Doubts(Record):
    """The images of a folder by how doubtful their labels are, the most doubtful first.

    Args:
        num_images: images that were judged.
        estimated_wrong: fraction of wrong labels, estimated from the images that the networks are most certain of.
        interval: its 95 % interval.
        doubts: the images whose most probable class is not their label.
        method: `features` or `folds`.
        num_reviewed: images that the corrections call fine, both or relabeled; they are not listed.
        agreement: fraction of the images whose label is the most probable class; where it is low, the networks have
            not learned the classes, and neither list nor estimate means much.
        images: the decoded images, for `draw`.
    """

    num_images: int
    estimated_wrong: float
    interval: tuple[float, float]
    doubts: tuple[Doubt, ...]
    method: str
    num_reviewed: int = 0
    agreement: float = 1.0
    images: DecodedImages | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """As plain data: the numbers and the list, each image with file, label, suggested and doubt."""
        rows = [
            {name: getattr(each, name) for name in ("file", "label", "suggested", "doubt")} for each in self.doubts
        ]
        return {
            "num_images": self.num_images, "estimated_wrong": self.estimated_wrong,
            "interval": list(self.interval), "agreement": self.agreement, "doubts": rows,
        }  # fmt: skip

    def save_csv(self, path: Path | str) -> Path:
        """Write the list with the nearest images as a CSV file, whole.

        Raises:
            DataError: it cannot be written.
        """
        header = ["file", "label", "suggested", "doubt"]
        header += [f"{name}_{rank}" for rank in range(1, NUM_NEIGHBOURS + 1) for name in ("nearest", "nearest_label")]
        rows = []
        for each in self.doubts:
            near = [text for one in each.neighbours for text in (one.file, one.label)]
            rows.append([each.file, each.label, each.suggested, round(each.doubt, 6), *near])
        rows = [row + [None] * (len(header) - len(row)) for row in rows]
        return write_csv([header, *rows], path)

    def draw(self, most: int = 12) -> "Figure":
        """The most doubtful images, each in a row with its nearest ones.

        Raises:
            DataError: there are no doubts to draw.
        """
        from alexnet.figures.doubt_rows import DoubtRow, draw_doubts

        if self.images is None or not self.doubts:
            raise DataError("doubts: there is nothing to draw")
        row_of = {file.entry.name: row for row, file in enumerate(self.images.files)}

        def pixels(name: str) -> Pixels:
            return np.asarray(self.images.pixels[row_of[name]])  # type: ignore[union-attr]

        rows = [
            DoubtRow(
                pixels(each.file), each.file, each.label, each.suggested, each.doubt,
                [(pixels(near.file), near.label) for near in each.neighbours],
            )
            for each in self.doubts[:most]
        ]  # fmt: skip
        return draw_doubts(rows)


def doubts(
    folder: ImageFolder | Path | str,
    *,
    method: str = "features",
    recipe: Recipe | str = "fast",
    seed: int = 0,
    on_event: Listener = ignore,
) -> Doubts:
    """Rank the images of a folder by how probably they are mislabeled.

    Every image is judged by a network that was not trained on it, since one that was may have memorized a wrong
    label. Trainings that an earlier, interrupted call has finished are not repeated.

    Args:
        folder: a scanned folder, perhaps with corrections, or the path of a folder, `.tar` or `.zip`.
        method: `features` (two networks, each trained on half of the images; about the time of one training) or
            `folds` (four networks, each trained on three quarters).
        recipe: the recipe of the trainings, or the name of a preset.
        seed: of the division into parts, >= 0.
        on_event: called with every step, epoch and message.

    Raises:
        DataError: there are fewer than two classes, or too few images of a class.
        RecipeError: there is no such method or preset.
        KeyboardInterrupt: interrupted; the same call continues.

    Source: that held-out probabilities show wrong labels: Northcutt, Jiang & Chuang 2021, "Confident Learning",
    J. Artif. Intell. Res. 70 (arXiv:1911.00068).

    >>> recipe = alexnet.PRESETS["fast"].replace(epochs=1, size=67, start_size=None)
    >>> result = alexnet.doubts("images", recipe=recipe)
    >>> result.num_images
    93
    """
    if method not in METHODS:
        raise RecipeError(f"method = {method}: choose one of {', '.join(METHODS)}")
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    base = as_recipe(recipe)
    images = decode_folder(
        scanned,
        plain_preprocessing(base),
        on_progress=lambda done, total: on_event(Progress("decoding", done, total)),
    )
    names = [file.class_name for file in images.files]
    classes = sorted(set(names))
    labels = np.array([classes.index(name) for name in names], np.int64)
    _require_enough(images, labels, classes, METHODS[method])
    folds = assign_folds(names, [fact.digest for fact in images.facts], METHODS[method], seed=seed)
    answers = answer_folds(images, folds, classes, _sized(base, len(names)), on_event=on_event)
    probs = answers.probs
    if method == "features":
        probs = combine(answers, labels, folds, [fact.digest for fact in images.facts])
    return _rank(images, labels, classes, probs, _neighbours(answers, folds), method)


def plan_doubts(
    folder: ImageFolder | Path | str, *, method: str = "features", recipe: Recipe | str = "fast"
) -> float:
    """Estimate how many seconds `doubts` will take on this machine, from half a minute of measurements.

    Args:
        folder, method, recipe: as in `doubts`. Nothing is trained.

    Raises:
        DataError, RecipeError: as in `doubts`.

    >>> alexnet.plan_doubts("images") > 0
    True
    """
    if method not in METHODS:
        raise RecipeError(f"method = {method}: choose one of {', '.join(METHODS)}")
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    base = as_recipe(recipe)
    sized = _sized(base, len(scanned.files))
    whole = replace(scanned, files=tuple(replace(file, split=None) for file in scanned.files))
    part = plan_training(whole, sized.replace(test_fraction=1 / METHODS[method]))
    return METHODS[method] * (part.training_seconds - part.decode_seconds) + part.decode_seconds


def _sized(recipe: Recipe, num_images: int) -> Recipe:
    """The recipe of every part, sized for the whole folder."""
    sized = size_recipe(recipe, num_images)
    return fold_recipe(sized, epochs=sized.epochs, batch_size=sized.batch_size, crop_scale=sized.crop_scale)


def _require_enough(images: DecodedImages, labels: Int[np.ndarray, " N"], classes: Sequence[str], folds: int) -> None:
    where = images.folder.path
    if len(classes) < 2:
        raise DataError(f"{where}: only one class has usable images; there is nothing to confuse it with")
    counts = np.bincount(labels, minlength=len(classes))
    few = [f"{name} ({count})" for name, count in zip(classes, counts, strict=True) if count < folds]
    if few:
        raise DataError(
            f"{where}: {', '.join(few[:5])}: fewer images than parts ({folds}); add images or remove the class"
        )


def combine(
    answers: HeldOutAnswers, labels: Int[np.ndarray, " N"], folds: Int[np.ndarray, " N"], digests: Sequence[str]
) -> Float[np.ndarray, "N K"]:
    """Probabilities of the networks and of linear heads on their features, a weighted mean of logarithms.

    The heads of a part are fitted on its own images, which the network has not seen either, four fifths of them for
    each fifth.
    """
    num_classes = answers.probs.shape[1]
    heads = np.empty_like(answers.probs)
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        inner = assign_folds([str(label) for label in labels[rows]], [digests[int(row)] for row in rows], INNER_FOLDS)
        values = principal_components(answers.values[rows], NUM_COMPONENTS)
        heads[rows] = held_out_probabilities(values, labels[rows], inner, num_classes)
    logs = [np.log(np.clip(probs, 1e-6, None)) for probs in (answers.probs, heads)]
    mean = NETWORK_WEIGHT * logs[0] + (1.0 - NETWORK_WEIGHT) * logs[1]
    powers = np.exp(mean - mean.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _neighbours(
    answers: HeldOutAnswers, folds: Int[np.ndarray, " N"]
) -> tuple[Int[np.ndarray, "N J"], Float[np.ndarray, "N J"]]:
    """The nearest images of each image within its part, where the features come from one network; -1 for none."""
    rows = np.full((len(folds), NUM_NEIGHBOURS), -1, np.int64)
    apart = np.full((len(folds), NUM_NEIGHBOURS), np.inf)
    for fold in np.unique(folds):
        own = np.flatnonzero(folds == fold)
        for start in range(0, len(own), 512):
            part = own[start : start + 512]
            near, distances = nearest_rows(answers.values[own], answers.values[part], NUM_NEIGHBOURS + 1)
            for place, row in enumerate(part):
                kept = [(own[n], d) for n, d in zip(near[place], distances[place], strict=True) if own[n] != row]
                for rank, (other, distance) in enumerate(kept[:NUM_NEIGHBOURS]):
                    rows[row, rank], apart[row, rank] = other, distance
    return rows, apart


def _rank(
    images: DecodedImages,
    labels: Int[np.ndarray, " N"],
    classes: Sequence[str],
    probs: Float[np.ndarray, "N K"],
    near: tuple[Int[np.ndarray, "N J"], Float[np.ndarray, "N J"]],
    method: str,
) -> Doubts:
    scores, others = doubt_scores(labels, probs)
    files = images.files
    reviewed = {line.file for line in images.folder.corrections}
    order = [row for row in np.argsort(-scores, kind="stable") if files[row].entry.name not in reviewed]
    count = max(int((scores > 0.5).sum()), round(FEWEST * len(labels)))
    listed = tuple(
        Doubt(
            files[row].entry.name,
            classes[labels[row]],
            classes[others[row]],
            float(scores[row]),
            tuple(
                Neighbour(files[other].entry.name, classes[labels[other]], float(distance))
                for other, distance in zip(near[0][row], near[1][row], strict=True)
                if other >= 0
            ),
        )
        for row in order[:count]
    )
    agreement = float((probs.argmax(1) == labels).mean())
    estimated, interval = wrong_fraction(labels, probs)
    return Doubts(len(labels), estimated, interval, listed, method, len(reviewed), agreement, images)
