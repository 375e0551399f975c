"""Frozen values that are stored: preprocessing, epochs, predictions, evaluations, and what is known about a run.

Records that are read back are checked by pydantic, on construction and on reading; see `Record.from_dict`.
"""

import dataclasses
import functools
import math
from collections.abc import Hashable, Mapping
from os import PathLike
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from alexnet.stored_values import (
    Classes,
    Count,
    ErrorOrNan,
    Fraction,
    LossOrNan,
    Name,
    NotNegative,
    Number,
    OptionalError,
    OptionalLoss,
    RateOrNan,
    Views,
)

__all__ = [
    "ClassScore",
    "EpochRecord",
    "Evaluation",
    "ImageSetInfo",
    "ModelInfo",
    "Neighbour",
    "Prediction",
    "Preprocessing",
    "Record",
    "RunInfo",
    "StepRecord",
    "plain_value",
    "wilson_interval",
]

LAZY = ConfigDict(defer_build=True)
"""Build a record's checks when it is first used, so that importing this module stays cheap."""

PLAIN = frozenset({bool, int, str, type(None)})
"""Types whose values are plain data as they are."""


@dataclasses.dataclass(frozen=True)
class Record:
    """Base of all records: a value that can be written as plain data and read back."""

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data (dicts, lists, numbers, texts); NaN and infinity become None.

        Fields that two records are not compared by, such as the images of a result for its figure, are left out.

        >>> StepRecord(1, 1, 1e-3, math.nan, 0.5).to_dict()["loss"] is None
        True
        """
        return {
            field.name: plain_value(getattr(self, field.name)) for field in dataclasses.fields(self) if field.compare
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The record of plain data; unknown keys are ignored.

        Raises:
            ValueError: a value is missing or is not valid; one line that names it.

        >>> StepRecord.from_dict({"step": "1", "epoch": 1, "learning_rate": 1e-3, "loss": None, "top1_error": 0.5})
        StepRecord(step=1, epoch=1, learning_rate=0.001, loss=nan, top1_error=0.5)
        >>> StepRecord.from_dict({"step": "one"})
        Traceback (most recent call last):
        ...
        ValueError: step: input should be a valid integer, unable to parse string as an integer, not 'one'
        """
        try:
            record: Self = _adapter(cls).validate_python(values)  # type: ignore[arg-type]
        except ValidationError as error:
            raise ValueError(_first_fault(error)) from error
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        return record


@functools.cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(kind)  # type: ignore[arg-type]


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if fault["type"] == "missing":
        return f"{place} is missing"
    return f"{place}: {message}, not {_shorten(fault['input'])}" if place else message


def _shorten(value: Any, *, most: int = 40) -> str:
    """A value as text of at most `most` characters and three dots."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python writes, or too deep a nesting
        return f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}..."


def plain_value(value: Any) -> Any:
    """A value as JSON knows it: dicts, lists, numbers, texts and None; what is not a number (NaN, infinity) is None.

    >>> plain_value({"error": math.nan, "counts": (1, 2)})
    {'error': None, 'counts': [1, 2]}
    """
    if type(value) in PLAIN:
        return value
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key if isinstance(key, str | int) else str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if PLAIN.issuperset(map(type, value)):  # rows of counts: a thousand classes have a million
            return list(value)
        return [plain_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, PathLike) else value


@dataclass(frozen=True, config=LAZY)
class Preprocessing(Record):
    """How an image file becomes the numbers that a network gets.

    size: side, px. resize: `squash` or `crop`. apply_exif: turn the image as its EXIF orientation says. channels:
    `RGB` or `BGR`. mean, std: by channel in that order, on the scale 0-255; the network gets (pixel - mean) / std.
    cut_from: side in px of the square that the file is decoded to, from which the network gets `size` px, in testing
    the center; None where it gets the whole square.
    """

    size: Annotated[int, Field(ge=1, le=4096)]
    resize: Annotated[str, Field(pattern="^(squash|crop)$")]
    apply_exif: bool
    channels: Annotated[str, Field(pattern="^(RGB|BGR)$")]
    mean: tuple[Number, Number, Number]
    std: tuple[NotNegative, NotNegative, NotNegative]
    cut_from: Annotated[int, Field(ge=1, le=8192)] | None = None

    @property
    def decoded_size(self) -> int:
        """Side in px of the decoded square."""
        return self.cut_from or self.size


@dataclass(frozen=True, config=LAZY)
class StepRecord(Record):
    """One optimizer update. loss in nats; top1_error a fraction of the batch, measured before the update."""

    step: Count
    epoch: Count
    learning_rate: RateOrNan
    loss: LossOrNan
    top1_error: ErrorOrNan


@dataclass(frozen=True, config=LAZY)
class EpochRecord(Record):
    """One pass over the training images.

    train_* are averages over the epoch's steps, with augmentation and dropout; validation_* and test_* are measured
    at its end in eval mode on every image, by one view of it, and are None without such a set. top5 from 6
    classes on. Errors are fractions, losses nats.
    """

    epoch: Count
    step: Count
    train_loss: LossOrNan
    train_top1_error: ErrorOrNan
    validation_loss: OptionalLoss
    validation_top1_error: OptionalError
    test_loss: OptionalLoss
    test_top1_error: OptionalError
    test_top5_error: OptionalError
    learning_rate: RateOrNan
    size: Count
    seconds: RateOrNan
    images_per_second: RateOrNan


@dataclass(frozen=True, config=LAZY)
class Neighbour(Record):
    """An image close to another one. distance: Euclidean, between their features."""

    file: Name
    label: Name
    distance: NotNegative


@dataclass(frozen=True, config=LAZY)
class Prediction(Record):
    """What the network predicts for one image.

    true: its class, None if unknown. probability: of the predicted class. margin: probability of the predicted class
    minus that of the runner-up. loss: -log of the true class's probability, nats. top: (class, probability) pairs,
    most probable first.
    neighbours: the nearest training images, nearest first; None where they were not asked for.
    """

    file: Name
    true: Name | None
    predicted: Name
    probability: Fraction
    margin: Fraction
    loss: Number | None
    top: tuple[tuple[Name, Fraction], ...]
    neighbours: tuple[Neighbour, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data; with `neighbours` where they were asked for."""
        values = super().to_dict()
        return values if self.neighbours is not None else {k: v for k, v in values.items() if k != "neighbours"}

    @property
    def is_mistake(self) -> bool:
        """Whether the true class is known and another was predicted."""
        return self.true is not None and self.true != self.predicted


@dataclass(frozen=True, config=LAZY)
class ClassScore(Record):
    """How one class fared in a test: its images, those predicted as it, and the correct ones."""

    name: Name
    num_images: Count
    num_predicted: Count
    num_correct: Count

    @property
    def precision(self) -> float | None:
        """Fraction of the images predicted as this class that belong to it; None if there are none."""
        return self.num_correct / self.num_predicted if self.num_predicted else None

    @property
    def recall(self) -> float | None:
        """Fraction of this class's images that were predicted as it; None if there are none."""
        return self.num_correct / self.num_images if self.num_images else None

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with precision and recall."""
        return super().to_dict() | {"precision": self.precision, "recall": self.recall}


@dataclass(frozen=True, config=LAZY)
class Evaluation(Record):
    """Scores of a network, or of several averaged, on images of known class.

    views: what was averaged for each image, in words. confusion[i][j]: images of class i predicted as class j.
    *_interval: 95 % Wilson intervals. Errors are fractions; top-5 is None below 6 classes. loss: mean, nats. seconds:
    of the test alone.
    """

    split: str
    views: str
    num_images: Count
    num_mistakes: Count
    top1_error: Fraction
    top1_interval: tuple[Fraction, Fraction]
    top5_error: Fraction | None
    top5_interval: tuple[Fraction, Fraction] | None
    loss: Number
    classes: Classes
    confusion: tuple[tuple[Count, ...], ...]
    seconds: NotNegative
    images_per_second: NotNegative
    per_class: tuple[ClassScore, ...] = ()

    def __post_init__(self) -> None:
        """Check that the numbers agree with each other."""
        number = len(self.classes)
        if len(self.confusion) != number or any(len(row) != number for row in self.confusion):
            raise ValueError(f"confusion needs {number} rows and columns, one for each class")
        num_correct = sum(self.confusion[place][place] for place in range(number))
        if self.per_class and tuple(score.name for score in self.per_class) != self.classes:
            raise ValueError("per_class needs one entry for each class, in their order")
        if sum(map(sum, self.confusion)) != self.num_images or num_correct + self.num_mistakes != self.num_images:
            raise ValueError("num_images, num_mistakes and confusion do not agree")


@dataclass(frozen=True, config=LAZY)
class ImageSetInfo(Record):
    """The images of a run: where they were, and how many of each kind.

    fingerprint: of names, splits and pixels. images: number by split. left_out: files that could not be used.
    oddities: number of files by what is odd about them.
    """

    path: Name
    fingerprint: str
    images: dict[str, Count] = dataclasses.field(default_factory=dict)
    left_out: Count = 0
    oddities: dict[str, Count] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, config=LAZY)
class RunInfo(Record):
    """run.json: what is known of a run besides its recipe.

    schema: version of the run folder's layout. created: time of the start, ISO 8601, UTC. program: version and commit
    of this program. preprocessing: of the training images. training_seconds, seconds: of the training, and of it with
    the final test; None until the run is finished. layers_of: the run whose training its layers are from, and those
    seconds, where `alexnet retrain` fitted the last one anew, on training and validation images alike; "" elsewhere.
    """

    schema: int
    status: Annotated[str, Field(pattern="^(running|finished)$")]
    classes: Classes
    data: ImageSetInfo
    preprocessing: Preprocessing
    created: str = ""
    program: dict[str, Any] = dataclasses.field(default_factory=dict)
    machine: dict[str, Any] = dataclasses.field(default_factory=dict)
    seed: Count = 0
    training_seconds: NotNegative | None = None
    seconds: NotNegative | None = None
    layers_of: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether the training ended and its final test was written."""
        return self.status == "finished"


@dataclass(frozen=True, config=LAZY)
class ModelInfo(Record):
    """model.json: everything besides the weights that is needed to use a network.

    switches: what is changed in the variant's table. test_views: see `alexnet.evaluation.views`. epoch: after which
    the weights were kept. layers: shape of each tensor. checksum: CRC-32 of model.safetensors. previous_checksum:
    that of the file that it replaces, which is still there if a crash comes between writing the two.
    """

    variant: str
    switches: dict[str, Any]
    classes: Classes
    dropout: Annotated[float, Field(ge=0, lt=1)] | None
    preprocessing: Preprocessing
    test_views: Views
    epoch: Count
    layers: dict[str, tuple[Count, ...]]
    checksum: str
    previous_checksum: str | None = None


def wilson_interval(num_hits: int, num_trials: int, *, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a fraction observed as `num_hits` of `num_trials` (z: the normal quantile).

    Source: Wilson 1927, J. Am. Stat. Assoc. 22:209.

    >>> low, high = wilson_interval(5, 100)
    >>> round(low, 4), round(high, 4)
    (0.0215, 0.1118)
    """
    if num_trials == 0:
        return 0.0, 1.0
    fraction, squared = num_hits / num_trials, z * z
    center = fraction + squared / (2 * num_trials)
    spread = z * math.sqrt(fraction * (1 - fraction) / num_trials + squared / (4 * num_trials**2))
    scale = 1 + squared / num_trials
    low = 0.0 if num_hits == 0 else (center - spread) / scale
    high = 1.0 if num_hits == num_trials else (center + spread) / scale
    return low, high
