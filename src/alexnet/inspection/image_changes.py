"""Changes of a decoded image, each by one amount: at its identity, the image itself, to the last bit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from alexnet.errors import GeometryError
from alexnet.records import Preprocessing

__all__ = ["CHANGES", "Change", "apply_changes", "change_image", "mean_color"]

Pixels = UInt8[np.ndarray, "S S 3"]


@dataclass(frozen=True)
class Change:
    """A kind of change. amounts: those of a curve, ascending. identity: the amount that changes nothing.

    unit: what the amounts count. about: one sentence.
    """

    name: str
    unit: str
    about: str
    identity: float
    amounts: tuple[float, ...]
    apply: Callable[[Pixels, float, tuple[int, int, int]], Pixels] = field(repr=False, compare=False)


def change_image(image: Pixels, name: str, amount: float, *, fill: tuple[int, int, int] = (0, 0, 0)) -> Pixels:
    """A decoded image after one change; at the identity, a copy of it.

    Args:
        image: uint8 [S, S, 3].
        name: one of `CHANGES`.
        amount: how much, in the change's unit.
        fill: RGB of what the change uncovers.

    Raises:
        GeometryError: there is no such change, or the amount is outside its range.

    >>> image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    >>> change_image(image, "shift-x", 0.5)[:, :, 0].tolist()
    [[0, 0], [0, 6]]
    """
    if name not in CHANGES:
        raise GeometryError(f"change {name}: choose one of {', '.join(CHANGES)}")
    change = CHANGES[name]
    if not change.amounts[0] <= amount <= change.amounts[-1]:
        low, high = change.amounts[0], change.amounts[-1]
        raise GeometryError(f"{name} = {amount:g}: choose {low:g} to {high:g} {change.unit}")
    if amount == change.identity:
        return image.copy()
    return change.apply(image, amount, fill)


def apply_changes(image: Pixels, amounts: Mapping[str, float], *, fill: tuple[int, int, int] = (0, 0, 0)) -> Pixels:
    """A decoded image after several changes, one after the other in the order of `CHANGES`.

    Args:
        image: uint8 [S, S, 3].
        amounts: change → how much, in the change's unit; their order does not matter.
        fill: RGB of what a change uncovers.

    Raises:
        GeometryError: there is no such change, or an amount is outside its range.

    >>> image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    >>> apply_changes(image, {"brightness": 2.0, "shift-x": 0.5})[:, :, 0].tolist()
    [[0, 0], [0, 12]]
    """
    changed = image.copy()
    for name in sorted(amounts, key=lambda name: list(CHANGES).index(name) if name in CHANGES else -1):
        changed = change_image(changed, name, amounts[name], fill=fill)
    return changed


def mean_color(preprocessing: Preprocessing) -> tuple[int, int, int]:
    """RGB of the training images' mean, rounded: what a change uncovers, and what covers a part."""
    red, green, blue = (round(min(max(value, 0.0), 255.0)) for value in preprocessing.mean)
    return (blue, green, red) if preprocessing.channels == "BGR" else (red, green, blue)


def _filled(image: Pixels, fill: tuple[int, int, int]) -> Pixels:
    return np.broadcast_to(np.array(fill, np.uint8), image.shape).copy()


def _cover(image: Pixels, amount: float, fill: tuple[int, int, int]) -> Pixels:
    """A square in the middle, whose area is a fraction of the image's."""
    size = len(image)
    side = min(size, round(size * amount**0.5))
    start = (size - side) // 2
    covered = image.copy()
    covered[start : start + side, start : start + side] = fill
    return covered


def _shift(image: Pixels, amount: float, fill: tuple[int, int, int], axis: int) -> Pixels:
    """Moved by whole px, to the right or downward; `amount` is a fraction of the side."""
    size = image.shape[axis]
    by = round(amount * size)
    moved = _filled(image, fill)
    if abs(by) < size:
        to = [slice(None)] * 2
        source = [slice(None)] * 2
        to[axis], source[axis] = (
            (slice(by, None), slice(None, size - by)) if by >= 0 else (slice(None, by), slice(-by, None))
        )
        moved[tuple(to)] = image[tuple(source)]
    return moved


def _rotate(image: Pixels, amount: float, fill: tuple[int, int, int]) -> Pixels:
    """Counterclockwise about the middle, by Pillow, bilinear."""
    turned = Image.fromarray(image).rotate(amount, Image.Resampling.BILINEAR, fillcolor=fill)
    return np.asarray(turned)


def _crop(image: Pixels, amount: float, _fill: tuple[int, int, int]) -> Pixels:
    """The middle of an image, whose side is `amount` of the whole, enlarged to the image's size."""
    return _resized(image, amount)


def _scale(image: Pixels, amount: float, fill: tuple[int, int, int]) -> Pixels:
    """Larger, of which the middle is kept, or smaller, with a border."""
    if amount > 1.0:
        return _resized(image, 1.0 / amount)
    size = len(image)
    side = max(1, round(size * amount))
    start = (size - side) // 2
    framed = _filled(image, fill)
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    framed[start : start + side, start : start + side] = np.asarray(small)
    return framed


def _resized(image: Pixels, fraction: float) -> Pixels:
    size = len(image)
    margin = size * (1.0 - fraction) / 2
    box = (margin, margin, size - margin, size - margin)
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR, box=box))


def _brightness(image: Pixels, amount: float, _fill: tuple[int, int, int]) -> Pixels:
    return _clipped(image.astype(np.float64) * amount)


def _contrast(image: Pixels, amount: float, _fill: tuple[int, int, int]) -> Pixels:
    mean = image.mean((0, 1), keepdims=True)
    return _clipped(mean + (image - mean) * amount)


LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in an image's brightness; ITU-R BT.601."""


def _saturation(image: Pixels, amount: float, _fill: tuple[int, int, int]) -> Pixels:
    gray = (image @ LUMA)[..., None]
    return _clipped(gray + (image - gray) * amount)


def _hue(image: Pixels, amount: float, _fill: tuple[int, int, int]) -> Pixels:
    """Colors turned about the gray axis of RGB, degrees."""
    angle = np.deg2rad(amount)
    axis = np.ones(3) / np.sqrt(3.0)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.outer(axis, axis)  # Rodrigues
    return _clipped(image @ turn.T)


def _clipped(values: np.ndarray) -> Pixels:
    return values.round().clip(0, 255).astype(np.uint8)


def _shift_x(image: Pixels, amount: float, fill: tuple[int, int, int]) -> Pixels:
    return _shift(image, amount, fill, 1)


def _shift_y(image: Pixels, amount: float, fill: tuple[int, int, int]) -> Pixels:
    return _shift(image, amount, fill, 0)


def _steps(low: float, high: float, count: int) -> tuple[float, ...]:
    return tuple(float(value) for value in np.linspace(low, high, count).round(6))


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        change.name: change
        for change in (
            Change("cover", "of the area", "a square in the middle is covered", 0.0, _steps(0.0, 1.0, 21), _cover),
            Change("shift-x", "of the side", "moved to the right", 0.0, _steps(-0.5, 0.5, 25), _shift_x),
            Change("shift-y", "of the side", "moved downward", 0.0, _steps(-0.5, 0.5, 25), _shift_y),
            Change("turn", "degrees", "turned counterclockwise", 0.0, _steps(-180.0, 180.0, 37), _rotate),
            Change("crop", "of the side", "only the middle, enlarged", 1.0, _steps(0.1, 1.0, 19), _crop),
            Change("scale", "times", "smaller with a border, or larger", 1.0, _steps(0.2, 3.0, 29), _scale),
            Change("brightness", "times", "darker or brighter", 1.0, _steps(0.0, 3.0, 31), _brightness),
            Change("contrast", "times", "less or more contrast", 1.0, _steps(0.0, 3.0, 31), _contrast),
            Change("saturation", "times", "toward gray, or more colorful", 1.0, _steps(0.0, 3.0, 31), _saturation),
            Change("hue", "degrees", "all colors shifted", 0.0, _steps(-180.0, 180.0, 37), _hue),
        )
    }
)
"""The changes by name."""
