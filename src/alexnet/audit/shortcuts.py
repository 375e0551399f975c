"""Shortcuts: can the classes be recognized without the object?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from alexnet.audit.linear_head import assign_folds, fit_head, fold_digests, held_out_probabilities
from alexnet.audit.probes import PROBES, probe_values
from alexnet.csv_files import write_csv
from alexnet.data.cache import decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.near_groups import grouped_digests
from alexnet.data.split import split_images
from alexnet.presets import PRESETS
from alexnet.progress_callback import Progress
from alexnet.records import Record, wilson_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Alarm", "ProbeScore", "Shortcuts", "shortcuts"]

NUM_FOLDS = 5

LARGE = 0.5
"""Fraction of the way from chance to 1 above which a probe of the whole set raises an alarm."""

CLASS_SCORE = 0.75
"""Precision and recall of a class from which a probe of it raises an alarm; lower ends of both intervals."""

NO_ALARM = ("center",)
"""Probes for comparison: the object is there."""

Tally = tuple[int, int]


@dataclass(frozen=True)
class ProbeScore(Record):
    """How well a probe tells the classes apart.

    sees: in words. accuracy: of held-out training images, by 5-fold cross-validation; interval: 95 %. chance: of
    always naming the largest class. test_accuracy, test_interval: of the test images, by a probe of all
    training images.
    """

    probe: str
    sees: str
    accuracy: float
    interval: tuple[float, float]
    chance: float
    test_accuracy: float
    test_interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = (f"{100 * value:.0f}" for value in self.interval)
        return (
            f"{100 * self.accuracy:.0f} % ({low} to {high} %) from {self.sees} alone, "
            f"chance {100 * self.chance:.0f} %; on the test images {100 * self.test_accuracy:.0f} %"
        )


@dataclass(frozen=True)
class Alarm(Record):
    """A shortcut that the test images confirm. class_name: the class that it tells from the others, None for all."""

    probe: str
    class_name: str | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with `class_name` as `class`."""
        return {"probe": self.probe, "class": self.class_name, "sentence": self.sentence}


@dataclass(frozen=True)
class Shortcuts(Record):
    """How well small probes recognize the classes without the object, and which of it is cause for alarm."""

    num_images: int
    num_test: int
    probes: tuple[ProbeScore, ...]
    alarms: tuple[Alarm, ...]

    def save_csv(self, path: Path | str) -> Path:
        """Write a CSV file with a line for each probe, its numbers as fractions.

        Raises:
            DataError: it cannot be written.
        """
        header = ["probe", "sees", "accuracy", "low", "high", "chance", "test_accuracy", "test_low", "test_high"]
        rows = [
            [s.probe, s.sees, s.accuracy, *s.interval, s.chance, s.test_accuracy, *s.test_interval,
             s.probe in self._alarming()]
            for s in self.probes
        ]  # fmt: skip
        return write_csv([[*header, "alarm"], *rows], path)

    def draw(self) -> "Figure":
        """The accuracy of each probe beside chance, on held-out training images and on the test images."""
        from alexnet.figures.probe_accuracies import ProbeRow, draw_probes

        rows = [
            ProbeRow(s.probe, s.sees, s.accuracy, s.interval, s.chance, s.test_accuracy, s.probe in self._alarming())
            for s in self.probes
        ]
        return draw_probes(rows, title=f"Classes recognized without the object, {self.num_images:,} images")

    def _alarming(self) -> set[str]:
        return {alarm.probe for alarm in self.alarms}


def shortcuts(
    folder: ImageFolder | Path | str,
    *,
    seed: int = 0,
    on_progress: Progress | None = None,
    on_comparing: Progress | None = None,
) -> Shortcuts:
    """Measure how well the classes can be recognized from the border, the colors, the size or the file alone.

    Each probe is a linear classifier on a few numbers. It raises an alarm for the whole set if, by cross-validation
    on the training images, the lower end of the 95 % interval of its accuracy is more than halfway from chance to 1;
    and for a class if the lower ends of precision and recall are at least 0.75 and twice the class's frequency. The
    test images, on which nothing is fitted, must confirm either: there the lower end must be above chance.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        seed: of the split, where the folder has none.
        on_progress: called with (files done, files in all) while decoding.
        on_comparing: called with (images done, images in all) while near duplicates are looked for, which are kept in
            one fold; about 2 ms an image, once.

    Raises:
        DataError: there is no folder or archive of at least two classes.

    >>> result = alexnet.shortcuts("images")
    >>> [score.probe for score in result.probes]
    ['border', 'center', 'color', 'brightness', 'size', 'file size', 'format']
    """
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    images = decode_folder(scanned, plain_preprocessing(PRESETS["fast"]), on_progress=on_progress)
    split = split_images(images, test_fraction=0.2, validation_fraction=0.0, seed=seed)
    values = probe_values(images)
    train, test = split.train, split.test
    groups = grouped_digests(images, on_progress=on_comparing)
    names = [split.classes[label] for label in train.labels]
    digests = fold_digests(
        [groups[row] for row in train.indices], [images.facts[row].digest for row in train.indices], names, NUM_FOLDS
    )
    folds = assign_folds(names, digests, NUM_FOLDS, seed=seed)
    count = len(split.classes)
    scores, alarms = [], []
    for name, sees in PROBES.items():
        own, other = values[name][train.indices], values[name][test.indices]
        crossed = held_out_probabilities(own, train.labels, folds, count).argmax(1)
        tested = fit_head(own, train.labels, count).probabilities(other).argmax(1)
        score = _score(name, sees, (train.labels, crossed), (test.labels, tested))
        scores.append(score)
        if name not in NO_ALARM:
            alarms += _alarms(score, split.classes, (train.labels, crossed), (test.labels, tested))
    return Shortcuts(len(train) + len(test), len(test), tuple(scores), tuple(alarms))


Answers = tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]
"""True and predicted classes."""


def _score(name: str, sees: str, crossed: Answers, tested: Answers) -> ProbeScore:
    hits, test_hits = (int((true == predicted).sum()) for true, predicted in (crossed, tested))
    true, test_true = crossed[0], tested[0]
    return ProbeScore(
        probe=name,
        sees=sees,
        accuracy=hits / len(true),
        interval=wilson_interval(hits, len(true)),
        chance=float(np.bincount(true).max() / len(true)),
        test_accuracy=test_hits / len(test_true),
        test_interval=wilson_interval(test_hits, len(test_true)),
    )


def _alarms(score: ProbeScore, classes: Sequence[str], crossed: Answers, tested: Answers) -> list[Alarm]:
    alarms = []
    bound = score.chance + LARGE * (1.0 - score.chance)
    if score.interval[0] > bound and score.test_interval[0] > score.chance:
        sentence = f"{score}: the network may be reading {_reading(score.probe)}"
        alarms.append(Alarm(score.probe, None, sentence))
    for number, name in enumerate(classes):
        rates = [_precision_and_recall(answers, number) for answers in (crossed, tested)]
        by_chance = float((crossed[0] == number).mean())
        lows = [min(wilson_interval(*rate)[0] for rate in pair) for pair in rates]
        if lows[0] >= max(CLASS_SCORE, 2 * by_chance) and lows[1] > by_chance:
            (precise, named), (recalled, present) = rates[0]
            sentence = (
                f"{name}: {100 * recalled / present:.0f} % of its images are recognized from {score.sees} alone, and "
                f"{100 * precise / named:.0f} % of the images predicted as it belong to it"
            )
            alarms.append(Alarm(score.probe, name, sentence))
    return alarms


def _precision_and_recall(answers: Answers, number: int) -> tuple[Tally, Tally]:
    """(correct, named) and (correct, present) of a class."""
    true, predicted = answers
    correct = int(((true == number) & (predicted == number)).sum())
    return (correct, int((predicted == number).sum())), (correct, int((true == number).sum()))


def _reading(probe: str) -> str:
    return {"border": "the background", "color": "colors", "brightness": "the light"}.get(probe, f"the {probe}")
