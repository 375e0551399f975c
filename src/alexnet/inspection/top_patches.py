"""The patches of images that excite a unit, cut to its receptive field: the strongest, and weaker ones."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import center_crop
from alexnet.inspection.peaks import Peaks
from alexnet.inspection.receptive_field import ReceptiveBoxes
from alexnet.inspection.unit_address import UnitAddress
from alexnet.records import Record

__all__ = ["LEVELS", "ClassFraction", "Patch", "Strip", "class_fractions", "cut_patch", "make_strips"]

LEVELS = (1.0, 0.9, 0.5, 0.1)
"""Fractions of the largest activation at which a strip shows patches."""

NUM_STRONGEST = 100
"""Images by which a unit's classes are counted, at most."""


@dataclass(frozen=True, eq=False)
class Patch(Record):
    """The part of an image that one activation depends on.

    Args:
        file, label: the image and its class folder.
        activation: output of the unit there, before the activation function.
        row, column: of the output in its map.
        top, left, height, width: the receptive field in px of the network's input; it may reach beyond the image.
        pixels: uint8 [height, width, 3]; 0 in the padding.
        inside: [height, width], False in the padding.
    """

    file: str
    label: str
    activation: float
    row: int
    column: int
    top: int
    left: int
    height: int
    width: int
    pixels: UInt8[np.ndarray, "h w 3"]
    inside: Bool[np.ndarray, "h w"]

    def to_dict(self) -> dict[str, object]:
        """As plain data, without the pixels."""
        return {key: value for key, value in self.__dict__.items() if key not in ("pixels", "inside")}


@dataclass(frozen=True, eq=False)
class Strip(Record):
    """Patches whose activation is nearest to a fraction of the largest one; for 1.0, the strongest, in order.

    Where few images come near that fraction, theirs may be far from it.
    """

    level: float
    patches: tuple[Patch, ...]


@dataclass(frozen=True)
class ClassFraction(Record):
    """A class among the images that excite a unit most.

    Args:
        name: the class.
        fraction: of the strongest images, those of this class.
        fraction_of_all: of all images looked at, those of this class: what chance would give.
    """

    name: str
    fraction: float
    fraction_of_all: float


def make_strips(
    address: UnitAddress,
    peaks: Peaks,
    images: DecodedImages,
    rows: Int[np.ndarray, " n"],
    boxes: ReceptiveBoxes,
    *,
    most: int = 8,
) -> tuple[Strip, ...]:
    """The strongest patches of a unit, and those nearest to 90, 50 and 10 % of its largest activation.

    Each image counts once, by its strongest place.

    Args:
        rows: of the images to choose from.
        most: patches of a strip.

    Of a unit that is positive nowhere there is only the first strip.
    """
    values, places = peaks.of_unit(address.layer, address.number)
    chosen = values[rows]
    strips, free = [], np.ones(len(rows), bool)
    for level in LEVELS:
        if level < 1.0 and (chosen.max() <= 0.0 or not free.any()):
            break
        near = _nearest(chosen, level, most, free)
        free[near] = False
        patches = [cut_patch(images, int(row), float(values[row]), int(places[row]), boxes) for row in rows[near]]
        strips.append(Strip(level, tuple(patches)))
    return tuple(strips)


def _nearest(
    values: Float[np.ndarray, " n"], level: float, most: int, free: Bool[np.ndarray, " n"]
) -> Int[np.ndarray, " m"]:
    """Places of the free values nearest to a fraction of the largest one, largest first; of equals, the earlier."""
    apart = np.where(free, np.abs(values - level * values.max()), np.inf)
    near = np.argsort(apart, kind="stable")[: min(most, int(free.sum()))]
    return near[np.argsort(-values[near], kind="stable")]


def cut_patch(images: DecodedImages, row: int, activation: float, place: int, boxes: ReceptiveBoxes) -> Patch:
    """The patch of one image of a decoded folder around one output of a layer."""
    boxes, place = boxes.run_at(place)
    box, file = boxes.box(place), images.files[row]
    pixels, inside = box.cut(center_crop(images.pixels[row], images.preprocessing))
    at = (0, 0) if boxes.is_vector else divmod(place, len(boxes.columns))
    height, width = pixels.shape[:2]
    return Patch(
        file.entry.name, file.class_name, activation, *at, box.rows[0], box.columns[0], height, width, pixels, inside
    )


def class_fractions(values: Float[np.ndarray, " n"], labels: list[str]) -> tuple[ClassFraction, ...]:
    """Classes of the strongest tenth of the images, at most 100 of them, most frequent first."""
    count = max(1, min(NUM_STRONGEST, len(values) // 10))
    strongest = np.argsort(-values, kind="stable")[:count]
    near = [labels[place] for place in strongest]
    fractions = [
        ClassFraction(name, near.count(name) / count, labels.count(name) / len(labels)) for name in set(labels)
    ]
    return tuple(sorted(fractions, key=lambda each: (-each.fraction, each.name)))
