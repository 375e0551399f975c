"""How images of more than 8 bits become 8 bits: one rule for every depth.

    whole numbers from 0    The file's own depth where it says so: a PGM's largest value, a TIFF of 10, 12 or 14 bits.
                            Otherwise the smallest of 8, 10, 12, 14, 16, 24, 31 and 32 bits that holds the image's
                            largest value: cameras and microscopes write 12 bits into files of 16. Of that depth the
                            upper 8 bits are kept.
    whole numbers below 0   Spread over 0 to 255, from the smallest to the largest of the image.
    floats                  The same; values that are not finite count as the smallest.
    color of 16 bits       The same as for whole numbers from 0, with one depth of 8 to 16 bits for all channels.

So a dark image of 16 bits may become brighter than it was: where that matters, save the images as 8 bits.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from alexnet.data.image_file import load_image, open_image, strips

__all__ = ["Depth", "deep_color_mode", "find_depth", "is_deep", "stored_numbers", "widen_color"]

DEPTHS = (8, 10, 12, 14, 16, 24, 31, 32)
"""Bits that cameras, scanners and programs store."""

COLOR_DEPTHS = (8, 10, 12, 14)
"""Bits of color that may be stored in 16, of which Pillow keeps the upper 8."""

OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""Byte order of Pillow's raw modes → the order in which it keeps the lower byte instead of the upper one."""

BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339
"""Tags of a TIFF."""

UNSIGNED = 1

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Depth:
    """From an image's numbers to 0 ... 255: floor((value - low) * scale). rule: the same in words."""

    low: float
    scale: float
    rule: str
    is_unsigned: bool = False

    def to_gray(self, strip: Image.Image) -> Image.Image:
        """A part of the image with 8 bits."""
        numbers = _numbers(strip, is_unsigned=self.is_unsigned).astype(np.float64)
        values = np.nan_to_num(numbers, nan=self.low, posinf=self.low, neginf=self.low)
        gray = np.floor((values - self.low) * self.scale)
        return Image.fromarray(gray.clip(0.0, 255.0).astype(np.uint8))


def is_deep(mode: str) -> bool:
    """Whether images of this mode hold gray values of more than 8 bits."""
    return mode.startswith("I") or mode == "F"


def find_depth(image: Image.Image) -> Depth:
    """The rule that holds for a decoded gray image of more than 8 bits."""
    is_unsigned = _is_unsigned(image)
    low, high = _extremes(image, is_unsigned=is_unsigned)
    if image.mode == "F" or low < 0:
        scale = 255.0 / (high - low) if high > low else 0.0
        return Depth(low, scale, f"values from {low:g} to {high:g}, spread over 0 to 255", is_unsigned)
    if image.format == "PPM":  # Pillow has scaled it to 16 bits
        return Depth(0.0, 2.0**-8, "scaled by the largest value that the file declares")
    declared = _tag(image, BITS_PER_SAMPLE)
    if declared in (10, 12, 14):
        return Depth(0.0, 2.0 ** (8 - declared), f"{declared} bits, as the file says")
    bits = next(bits for bits in DEPTHS if high < 2**bits)
    return Depth(0.0, 2.0 ** (8 - bits), f"read as {bits} bits, since the largest value is {high:.0f}", is_unsigned)


def stored_numbers(image: Image.Image) -> Values:
    """The numbers of a decoded gray image of more than 8 bits: uint16, int32, uint32 or float32, as stored."""
    return _numbers(image, is_unsigned=_is_unsigned(image))


def _is_unsigned(image: Image.Image) -> bool:
    return _tag(image, BITS_PER_SAMPLE) == 32 and _tag(image, SAMPLE_FORMAT, UNSIGNED) == UNSIGNED


def _numbers(image: Image.Image, *, is_unsigned: bool) -> Values:
    values = np.asarray(image)
    if is_unsigned and values.dtype == np.int32:  # Pillow has no mode for it and lets the upper half wrap
        values = values.view(np.uint32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _extremes(image: Image.Image, *, is_unsigned: bool) -> tuple[float, float]:
    """Smallest and largest finite value; 0 and 0 where there is none."""
    lows, highs = [], []
    for _, strip in strips(image):
        values = _numbers(strip, is_unsigned=is_unsigned)
        finite = values[np.isfinite(values)]
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    return min(lows, default=0.0), max(highs, default=0.0)


def _tag(image: Image.Image, number: int, default: int = 0) -> int:
    """A number that describes every channel of a TIFF; `default` where the file has none, or is no TIFF."""
    value = getattr(image, "tag_v2", {}).get(number, default)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else default


def deep_color_mode(image: Image.Image) -> str:
    """Pillow's raw mode of an opened color image that stores 16 bits a channel; empty for any other."""
    for tile in getattr(image, "tile", ()):
        mode = tile.args if isinstance(tile.args, str) else str(next(iter(tile.args or ()), ""))
        if mode.startswith("RGB") and mode[:-1].endswith(";16") and mode[-1] in OTHER_BYTE:
            return mode
    return ""


def widen_color(image: Image.Image, data: bytes, mode: str) -> tuple[Image.Image, str]:
    """A decoded color image of 16 bits a channel, and the rule by which it became 8 bits.

    Args:
        data: its file, of which the lower bytes are read where they are needed.
        mode: of `deep_color_mode`.
    """
    largest = max(high for _, high in [band.getextrema() for band in image.split()[:3]])
    bits = next((bits for bits in COLOR_DEPTHS if largest < 2 ** (bits - 8)), 16)
    if bits == 16:
        return image, "16 bits a channel, of which the upper 8 are used"
    lower = _lower_bytes(data, mode)
    upper = image.point(lambda value: value << (16 - bits))
    wide = ImageChops.add(upper, lower.point(lambda value: value >> (bits - 8)))
    if image.mode == "RGBA":
        wide.putalpha(image.getchannel("A"))
    return wide, f"read as {bits} bits a channel, since no value reaches {2**bits}"


def _lower_bytes(data: bytes, mode: str) -> Image.Image:
    other = mode[:-1] + OTHER_BYTE[mode[-1]]
    with open_image(data, is_reserved=True) as (image, _):
        image.tile = [  # type: ignore[attr-defined]
            tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:]))
            for tile in image.tile  # type: ignore[attr-defined]
        ]
        load_image(image, apply_exif=True)
        return image.copy()
