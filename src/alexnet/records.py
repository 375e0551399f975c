"""Frozen values that are written down: what an image, an epoch, a test and a mistake are."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = [
    "ClassScore",
    "EpochRecord",
    "Evaluation",
    "Prediction",
    "Preprocessing",
    "Record",
    "StepRecord",
    "wilson_interval",
]


@dataclass(frozen=True)
class Record:
    """Base of all records: a value that can be written as plain data."""

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data (dicts, lists, numbers, texts)."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@dataclass(frozen=True)
class Preprocessing(Record):
    """How an image file becomes the numbers that a network gets.

    size: side, px. resize: `squash` or `crop`. apply_exif: turn as EXIF says. channels: `RGB` or `BGR`.
    mean, deviation: by channel in that order, on the scale 0-255; the network gets (pixel - mean) / deviation.
    cut_from: side in px of the square that the file is decoded to; the network gets `size` px of it, in testing its
    centre. None where that is all of it.
    """

    size: int
    resize: str
    apply_exif: bool
    channels: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    cut_from: int | None = None

    @property
    def decoded_size(self) -> int:
        """Side in px of the decoded square."""
        return self.cut_from or self.size

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Back from `to_dict`."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})


@dataclass(frozen=True)
class StepRecord(Record):
    """One optimizer update. loss in nats; top1_error a fraction of the batch, measured before the update."""

    step: int
    epoch: int
    learning_rate: float
    loss: float
    top1_error: float


@dataclass(frozen=True)
class EpochRecord(Record):
    """One pass over the training images.

    train_* are averages over the epoch's steps, with augmentation and dropout at work; validation_* and
    test_* are measured after it in eval mode on every image, by the centre alone. None where there is no
    such set.
    Errors are fractions, losses nats. top5 from 6 classes on.
    """

    epoch: int
    step: int
    train_loss: float
    train_top1_error: float
    validation_loss: float | None
    validation_top1_error: float | None
    test_loss: float | None
    test_top1_error: float | None
    test_top5_error: float | None
    learning_rate: float
    size: int
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class Prediction(Record):
    """What the network says of one image.

    true: its class, None if unknown. probability: of the predicted class. margin: probability of the
    predicted class less that of the runner-up. loss: -log of the true class's probability, nats.
    top: (class, probability) pairs, most probable first.
    """

    file: str
    true: str | None
    predicted: str
    probability: float
    margin: float
    loss: float | None
    top: tuple[tuple[str, float], ...]

    @property
    def is_mistake(self) -> bool:
        """Whether the true class is known and another was predicted."""
        return self.true is not None and self.true != self.predicted


@dataclass(frozen=True)
class ClassScore(Record):
    """One class of a test. precision, recall: fractions, None where nothing was predicted or there."""

    name: str
    num_images: int
    num_predicted: int
    num_correct: int

    @property
    def precision(self) -> float | None:
        """Share of the images predicted as this class that are of it."""
        return self.num_correct / self.num_predicted if self.num_predicted else None

    @property
    def recall(self) -> float | None:
        """Share of this class's images that were predicted as it."""
        return self.num_correct / self.num_images if self.num_images else None

    def to_dict(self) -> dict[str, Any]:
        """With precision and recall."""
        return super().to_dict() | {"precision": self.precision, "recall": self.recall}


@dataclass(frozen=True)
class Evaluation(Record):
    """A test of a network on images of known class.

    confusion[i][j]: images of class i predicted as class j. top1_interval: 95 % Wilson interval.
    Errors are fractions; top5_error is None below 6 classes. loss: mean, nats. seconds: of the test alone.
    """

    split: str
    views: str
    num_images: int
    num_mistakes: int
    top1_error: float
    top1_interval: tuple[float, float]
    top5_error: float | None
    loss: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    seconds: float
    images_per_second: float
    per_class: tuple[ClassScore, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """With each class's precision and recall."""
        return super().to_dict() | {"per_class": [score.to_dict() for score in self.per_class]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Evaluation":
        """Back from `to_dict`."""
        fields = dict(values)
        scores = [
            {k: v for k, v in score.items() if k not in ("precision", "recall")} for score in fields["per_class"]
        ]
        fields["per_class"] = tuple(ClassScore(**score) for score in scores)
        fields["top1_interval"] = tuple(fields["top1_interval"])
        fields["classes"] = tuple(fields["classes"])
        fields["confusion"] = tuple(tuple(row) for row in fields["confusion"])
        return cls(**fields)


def wilson_interval(num_hits: int, num_trials: int, *, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share seen `num_hits` times in `num_trials` (z: the normal quantile).

    Source: Wilson 1927, J. Am. Stat. Assoc. 22:209.

    >>> low, high = wilson_interval(5, 100)
    >>> round(low, 4), round(high, 4)
    (0.0215, 0.1118)
    """
    if num_trials == 0:
        return 0.0, 1.0
    share, squared = num_hits / num_trials, z * z
    centre = share + squared / (2 * num_trials)
    spread = z * math.sqrt(share * (1 - share) / num_trials + squared / (4 * num_trials**2))
    scale = 1 + squared / num_trials
    low = 0.0 if num_hits == 0 else (centre - spread) / scale
    high = 1.0 if num_hits == num_trials else (centre + spread) / scale
    return low, high
