"""Probably mislabeled images: what networks that have not seen an image think of its label."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from alexnet.audit.expected_wrong import ExpectedPrecision, expected_precision
from alexnet.audit.fold_runs import FoldAnswers, answer_folds, fold_recipe, geometric_mean, missing_folds
from alexnet.audit.label_doubts import doubt_scores, soften, wrong_fraction
from alexnet.audit.linear_head import assign_folds, fold_digests, held_out_probabilities, principal_components
from alexnet.csv_files import write_csv
from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import Pixels, plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.near_groups import grouped_digests
from alexnet.errors import DataError, RecipeError
from alexnet.inspection.neighbours import nearest_rows
from alexnet.presets import as_recipe
from alexnet.recipe import Recipe
from alexnet.records import Neighbour, Record
from alexnet.training.events import Listener, Note, Progress, ignore
from alexnet.training.plan import plan_training
from alexnet.training.sizing import size_recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["METHODS", "Doubt", "Doubts", "doubts"]

METHODS = {"features": 2, "folds": 4}
"""How many networks are trained. `features`: two, each on half of the images, with a linear head of its own on the
features of the other half. `folds`: four, each on three quarters, without heads."""

NUM_FOLDS = (2, 10)
"""Fewest and most networks of `folds`."""

FEWEST = 0.1
"""Fraction of the images that the list names at least, however certain the labels are; or the first ten."""

NUM_NEIGHBOURS = 5
INNER_FOLDS = 5

NUM_COMPONENTS = 128
"""Principal components of the features on which the heads are fitted: seconds instead of minutes, and no worse."""

LOW_AGREEMENT = 0.7
"""Fraction of the labels that the networks agree with, below which they have not learned the classes."""

NETWORK_WEIGHT = 0.7
"""Weight of the networks' probabilities beside that of the heads (EXPERIMENTS.md, "Doubts: five spoiled folders")."""


@dataclass(frozen=True)
class Doubt(Record):
    """An image whose label may be wrong.

    suggested: the most probable other class. doubt: p(suggested) / (p(label) + p(suggested)), 0 to 1.
    wrong_probability: that the label is wrong, given how many labels are; see `wrong_probabilities`.
    neighbours: the nearest images, with their labels.
    """

    file: str
    label: str
    suggested: str
    doubt: float
    wrong_probability: float
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Doubts(Record):
    """The images of a folder by how doubtful their labels are, the most doubtful first.

    Args:
        num_images: images that were judged.
        estimated_wrong: fraction of wrong labels, estimated from the images that the networks are most certain of.
        interval: its 95 % interval; from 0 where the list is not reliable, since the networks then err, too.
        expected: how many of the first 10 images of the list, and of the first 1, 3 and 6 %, are mislabeled.
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
    expected: tuple[ExpectedPrecision, ...] = ()
    images: DecodedImages | None = field(default=None, repr=False, compare=False)

    @property
    def is_reliable(self) -> bool:
        """Whether the networks agree with enough labels to have learned the classes."""
        return self.agreement >= LOW_AGREEMENT

    def to_dict(self) -> dict[str, Any]:
        """As plain data: the numbers and the list, each image with file, label, suggested and doubt."""
        rows = [
            {name: getattr(each, name) for name in ("file", "label", "suggested", "doubt")} for each in self.doubts
        ]
        return {
            "num_images": self.num_images, "estimated_wrong": self.estimated_wrong,
            "interval": list(self.interval), "agreement": self.agreement,
            "expected": [each.to_dict() for each in self.expected], "doubts": rows,
        }  # fmt: skip

    def save_csv(self, path: Path | str) -> Path:
        """Write the list with the nearest images as a CSV file, whole.

        `expected_precision` is the fraction of wrong labels to expect from the first line to this one.

        Raises:
            DataError: it cannot be written.
        """
        header = ["file", "label", "suggested", "doubt", "expected_precision"]
        header += [f"{name}_{rank}" for rank in range(1, NUM_NEIGHBOURS + 1) for name in ("nearest", "nearest_label")]
        rows = []
        wrong = np.cumsum([each.wrong_probability for each in self.doubts])
        for place, each in enumerate(self.doubts):
            near = [text for one in each.neighbours for text in (one.file, one.label)]
            rows.append(
                [
                    each.file,
                    each.label,
                    each.suggested,
                    round(each.doubt, 6),
                    round(float(wrong[place]) / (place + 1), 4),
                    *near,
                ]
            )
        rows = [row + [None] * (len(header) - len(row)) for row in rows]
        return write_csv([header, *rows], path)

    def draw(self, most: int = 12) -> "Figure":
        """The most doubtful images, each in a row with its nearest ones.

        Raises:
            DataError: there are no doubts to draw.
        """
        from alexnet.figures.doubt_rows import DoubtRow, draw_doubts

        if self.images is None or not self.doubts:
            raise DataError("doubts: no image is in doubt, so there is nothing to draw")
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
    num_folds: int | None = None,
    recipe: Recipe | str = "fast",
    seed: int = 0,
    announce_time: bool = False,
    on_event: Listener = ignore,
) -> Doubts:
    """Rank the images of a folder by how probably they are mislabeled.

    Every image is judged by networks that were not trained on it, since one that was may have memorized a wrong
    label, nor on near duplicates of it, which are looked for first (about 2 ms an image, once). Those that were
    trained on it judge it, too, after five and seven eighths of their training, as far as they have not memorized the
    labels by then; that helps to order the list, and does not count for the estimates. Trainings that an earlier,
    interrupted call has finished are not repeated.

    Args:
        folder: a scanned folder, perhaps with corrections, or the path of a folder, `.tar` or `.zip`.
        method: `features` (two networks, each trained on half of the images; about the time of one training) or
            `folds` (four networks, each trained on three quarters).
        num_folds: networks of `folds`, 2 to 10, each trained on all parts but one; None for four.
        recipe: the recipe of the trainings, or the name of a preset.
        seed: of the division into parts, >= 0.
        announce_time: measure for half a minute how long the trainings will take, and say so before the first.
        on_event: called with every step, epoch and message.

    Raises:
        DataError: there are fewer than two classes, or too few images of a class.
        RecipeError: there is no such method or preset, or `num_folds` does not suit the method.
        KeyboardInterrupt: interrupted; the same call continues.

    Source: that held-out probabilities show wrong labels: Northcutt, Jiang & Chuang 2021, "Confident Learning",
    J. Artif. Intell. Res. 70 (arXiv:1911.00068); that a network shows them of its own training images, too, until it
    has memorized them: Pleiss et al. 2020, "Identifying mislabeled data using the area under the margin ranking",
    NeurIPS 33.

    >>> recipe = alexnet.PRESETS["fast"].replace(epochs=1, size=67, start_size=None)
    >>> result = alexnet.doubts("images", recipe=recipe)
    >>> result.num_images
    93
    """
    count = _count_folds(method, num_folds)
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
    _require_enough(images, labels, classes, count)
    own = [fact.digest for fact in images.facts]
    groups = grouped_digests(images, on_progress=lambda done, total: on_event(Progress("comparing", done, total)))
    folds = assign_folds(names, fold_digests(groups, own, names, count), count, seed=seed)
    sized = _sized(base, len(names))
    missing = missing_folds(images, folds, classes, sized) if announce_time else 0
    if missing:
        seconds = missing / count * plan_doubts(scanned, method=method, num_folds=num_folds, recipe=base)
        on_event(Note(_time_line(missing, count, seconds)))
    answers = answer_folds(images, folds, classes, sized, on_event=on_event)
    held = answers.held
    if method == "features":
        heads = head_probabilities(answers, labels, folds, fold_digests(groups, own, names, count * INNER_FOLDS))
        held = geometric_mean([held, heads], [NETWORK_WEIGHT, 1.0 - NETWORK_WEIGHT])
    return _rank(images, labels, classes, held, answers.seen, _neighbours(answers, folds), method)


def plan_doubts(
    folder: ImageFolder | Path | str,
    *,
    method: str = "features",
    num_folds: int | None = None,
    recipe: Recipe | str = "fast",
) -> float:
    """Estimate how many seconds `doubts` will take on this machine, from half a minute of measurements.

    Args:
        folder, method, num_folds, recipe: as in `doubts`. Nothing is trained.

    Raises:
        DataError, RecipeError: as in `doubts`.

    >>> alexnet.plan_doubts("images") > 0
    True
    """
    count = _count_folds(method, num_folds)
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    base = as_recipe(recipe)
    sized = _sized(base, len(scanned.files))
    whole = replace(scanned, files=tuple(replace(file, split=None) for file in scanned.files))
    part = plan_training(whole, sized.replace(test_fraction=1 / count))
    return count * (part.training_seconds - part.decode_seconds) + part.decode_seconds


def _time_line(missing: int, count: int, seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    networks = f"{missing} of {count} networks are" if missing < count else f"{count} networks are"
    return f"{networks} to be trained: about {minutes} minute{'' if minutes == 1 else 's'} on this machine"


def _count_folds(method: str, num_folds: int | None) -> int:
    """How many networks are trained.

    Raises:
        RecipeError: there is no such method, or it does not allow that number.
    """
    if method not in METHODS:
        raise RecipeError(f"method = {method}: choose one of {', '.join(METHODS)}")
    if num_folds is None or num_folds == METHODS[method]:
        return METHODS[method]
    if method != "folds":
        raise RecipeError(f"num_folds = {num_folds}: {method} trains {METHODS[method]}; choose the method folds")
    low, high = NUM_FOLDS
    if not low <= num_folds <= high:
        raise RecipeError(f"num_folds = {num_folds}: choose {low} to {high}")
    return num_folds


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


def head_probabilities(
    answers: FoldAnswers, labels: Int[np.ndarray, " N"], folds: Int[np.ndarray, " N"], digests: Sequence[str]
) -> Float[np.ndarray, "N K"]:
    """Probabilities of linear heads on the networks' features.

    The heads of a part are fitted on its own images, which the network has not seen either, four fifths of them for
    each fifth.
    """
    heads = np.empty_like(answers.held)
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        inner = assign_folds([str(label) for label in labels[rows]], [digests[int(row)] for row in rows], INNER_FOLDS)
        values = principal_components(answers.values[rows], NUM_COMPONENTS)
        heads[rows] = held_out_probabilities(values, labels[rows], inner, heads.shape[1])
    return heads


def _neighbours(
    answers: FoldAnswers, folds: Int[np.ndarray, " N"]
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
    held: Float[np.ndarray, "N K"],
    seen: Float[np.ndarray, "N K"],
    near: tuple[Int[np.ndarray, "N J"], Float[np.ndarray, "N J"]],
    method: str,
) -> Doubts:
    """The list, ordered by both kinds of answers; the estimates of what it is worth come from the held-out ones."""
    certainty = float(held[np.arange(len(labels)), labels].mean())
    scores, others = doubt_scores(labels, geometric_mean([held, soften(seen, labels, certainty)]))
    files = images.files
    reviewed = {line.file for line in images.folder.corrections}
    order = [row for row in np.argsort(-scores, kind="stable") if files[row].entry.name not in reviewed]
    agreement = float((held.argmax(1) == labels).mean())
    estimate = wrong_fraction(labels, held)
    if agreement < LOW_AGREEMENT:  # a label that such networks contradict may as well be correct
        estimate = estimate[0], (0.0, estimate[1][1])
    expected, wrong = expected_precision(labels, held, order, estimate)
    count = max(int((scores > 0.5).sum()), round(FEWEST * len(labels)), *(each.n for each in expected))
    listed = tuple(
        Doubt(
            files[row].entry.name,
            classes[labels[row]],
            classes[others[row]],
            float(scores[row]),
            float(wrong[row]),
            tuple(
                Neighbour(files[other].entry.name, classes[labels[other]], float(distance))
                for other, distance in zip(near[0][row], near[1][row], strict=True)
                if other >= 0
            ),
        )
        for row in order[:count]
    )
    return Doubts(len(labels), *estimate, listed, method, len(reviewed), agreement, expected, images)
