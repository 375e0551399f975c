"""The one definition of preprocessing: how an image file becomes the numbers that a network gets."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from alexnet.data.bit_depth import Depth, deep_color_mode, find_depth, is_deep, widen_color
from alexnet.data.image_file import load_image, open_image, read_file, strips
from alexnet.data.pixels import Indices, PixelRows, Pixels
from alexnet.data.quiet import quiet_pillow
from alexnet.data.to_rgb import is_transparent, to_rgb
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing

__all__ = [
    "NORMALIZATIONS",
    "ImageFacts",
    "Indices",
    "PixelRows",
    "Pixels",
    "center_crop",
    "decode_file",
    "decode_image",
    "inspect_image",
    "normalize",
    "plain_preprocessing",
]

NORMALIZATIONS: dict[str, tuple[str, tuple[float, float, float], tuple[float, float, float]]] = {
    # channels, mean and std on the scale 0-255
    "imagenet": (
        "RGB",
        (0.485 * 255, 0.456 * 255, 0.406 * 255),  # torchvision's weights: transforms of IMAGENET1K_V1
        (0.229 * 255, 0.224 * 255, 0.225 * 255),
    ),
    "caffe": (
        "BGR",
        (104.0, 117.0, 123.0),
        (1.0, 1.0, 1.0),
    ),  # Caffe's reference models: mean pixel, raw scale
}
"""Fixed normalizations by name; `dataset` is computed from the training images."""


def plain_preprocessing(recipe: Recipe) -> Preprocessing:
    """The preprocessing of a recipe up to uint8 pixels, without its normalization."""
    blank = (0.0, 0.0, 0.0)
    cut_from = recipe.cut_from if recipe.cut_from != recipe.size else None
    return Preprocessing(recipe.size, recipe.resize, recipe.apply_exif, "RGB", blank, blank, cut_from)


@dataclass(frozen=True)
class ImageFacts:
    """What a file holds.

    width, height: px, as stored. orientation: of EXIF, 1 to 8. digest, crc: of the decoded pixels, to tell images
    apart and to notice damage. depth: how more than 8 bits became 8, see `bit_depth`; empty for 8 bits.
    error: why it cannot be used, None if it can; the other fields are then empty. may_pass: the error may be gone the
    next time, since the memory or the disk failed, not the file.
    """

    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    transparent: bool = False
    digest: str = ""
    crc: int = 0
    error: str | None = None
    depth: str = ""
    may_pass: bool = False


def decode_file(path: Path | str, preprocessing: Preprocessing) -> UInt8[np.ndarray, "H W 3"]:
    """The square uint8 RGB image of a file, as `decode_image` gives it.

    Raises:
        DataError: the file is missing, too large, damaged, or no image; the line names it.
    """
    try:
        return decode_image(read_file(path), preprocessing)
    except _UnusableError as error:
        raise DataError(f"{shown_name(path)}: cannot be used ({error}); give an image file") from error


def decode_image(data: bytes, preprocessing: Preprocessing) -> UInt8[np.ndarray, "H W 3"]:
    """The square uint8 RGB image, [decoded_size, decoded_size, 3], of a file's bytes.

    Gray becomes RGB, more than 8 bits become 8 by the rule in `bit_depth`, CMYK becomes RGB, transparent images are
    laid on white; of an animation the first frame counts. With `apply_exif` the image is turned upright as Pillow's
    `exif_transpose` turns it. Reduction is antialiased (bilinear over the area that a pixel covers).

    Raises:
        DataError: the bytes are no image, a damaged one, or one beyond the limits; without the name of the file.
    """
    pixels, facts = inspect_image(data, preprocessing)
    if pixels is None:
        raise _UnusableError(facts.error or "no image")
    return pixels


class _UnusableError(DataError):
    """The content of a file cannot be used; the message does not name the file."""


def inspect_image(data: bytes, preprocessing: Preprocessing) -> tuple[Pixels | None, ImageFacts]:
    """The decoded image and the facts about its file; None, and the reason in `error`, where it cannot be used."""
    try:
        with quiet_pillow():
            return _decode(data, preprocessing)
    except DataError as error:
        return None, ImageFacts(error=str(error))
    except MemoryError:
        return None, ImageFacts(error="too little memory to decode it", may_pass=True)
    except Exception as error:  # decoders of damaged files raise many kinds
        return None, ImageFacts(error=_reason(error))


def _reason(error: Exception) -> str:
    text = shown_name(" ".join(str(error).split()))
    if text.startswith("decoder error"):  # libtiff's reason goes to its own messages only
        return f"damaged image data ({text})"
    return f"cannot be decoded ({text or type(error).__name__})"


def _decode(data: bytes, preprocessing: Preprocessing) -> tuple[Pixels, ImageFacts]:
    size = preprocessing.decoded_size
    with open_image(data, draft_size=2 * size) as (image, (width, height)):
        mode, kind = image.mode, image.format or ""
        transparent = is_transparent(image)
        color_mode, rule = deep_color_mode(image), ""
        orientation, turn = load_image(image, apply_exif=preprocessing.apply_exif)
        if kind == "TIFF" and orientation >= 5:  # Pillow gives the size of the turned image
            width, height = height, width
        depth = find_depth(image) if is_deep(mode) else None
        if color_mode:
            image, rule = widen_color(image, data, color_mode)
        square = _make_square(image, size, preprocessing.resize, transparent=transparent, depth=depth)
    pixels = np.asarray(square if turn is None else square.transpose(turn))
    digest = blake2b(pixels.data, digest_size=16).hexdigest()
    rule = depth.rule if depth else rule
    crc = zlib.crc32(pixels.data)
    return pixels, ImageFacts(kind, mode, width, height, orientation, transparent, digest, crc, depth=rule)


def _make_square(
    image: Image.Image, size: int, resize: str, *, transparent: bool, depth: Depth | None
) -> Image.Image:
    """The image in RGB, resized to a square: whole, or its center.

    Only a strip of rows is converted to RGB at a time, and at once made narrow: Pillow resizes across and then down
    as well, so the result is the same, and the memory that of the image alone.
    """
    width, height = image.size
    left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    if resize == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        right, bottom = left + side, top + side
    if image.mode == "RGB" and not transparent:
        return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    narrow = Image.new("RGB", (size, height))
    for first, strip in strips(image):
        rgb = to_rgb(strip, transparent=transparent, depth=depth)
        narrow.paste(
            rgb.resize((size, rgb.height), Image.Resampling.BILINEAR, box=(left, 0, right, rgb.height)), (0, first)
        )
    return narrow.resize((size, size), Image.Resampling.BILINEAR, box=(0, top, size, bottom))


def center_crop(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """The part of a decoded image, [decoded_size, decoded_size, 3], that the network gets in testing."""
    start = (pixels.shape[0] - preprocessing.size) // 2
    return pixels[start : start + preprocessing.size, start : start + preprocessing.size]


def _line(values: tuple[float, ...], width: int, device: torch.device) -> torch.Tensor:
    """A value for each channel of each pixel of a line."""
    return torch.tensor(values, device=device).repeat(width)


@lru_cache(maxsize=64)
def _kept_line(values: tuple[float, ...], width: int, device: torch.device) -> torch.Tensor:
    """The same, kept, so that a GPU is not waited for each time; not while traced, when tensors are stand-ins."""
    with torch.inference_mode(False):
        return _line(values, width, device)


def normalize(
    pixels: UInt8[torch.Tensor, "N H W 3"] | Float[torch.Tensor, "N H W 3"], preprocessing: Preprocessing
) -> Float[torch.Tensor, "N 3 H W"]:
    """The network's input of RGB images, 0 to 255, on their device: (pixel - mean) / std by channel.

    The result is float32, channels-last in memory, as large as the images. Images of float32 may be overwritten.
    """
    width = pixels.shape[2]
    line = _kept_line if pixels.is_cuda and not torch.compiler.is_compiling() else _line
    mean, std = (line(v, width, pixels.device) for v in (preprocessing.mean, preprocessing.std))
    if preprocessing.channels == "BGR":
        pixels = pixels.flip(-1)
    lines = pixels.float().reshape(*pixels.shape[:2], 3 * width)  # whole lines at once: rows of three are slow
    return lines.sub_(mean).div_(std).view(pixels.shape).permute(0, 3, 1, 2)
