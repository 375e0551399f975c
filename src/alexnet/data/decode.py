"""The one definition of preprocessing: how an image file becomes the numbers that a network gets."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, UInt8
from PIL import Image, UnidentifiedImageError

from alexnet.errors import DataError
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing

__all__ = [
    "NORMALIZATIONS",
    "ImageFacts",
    "Pixels",
    "centre_crop",
    "decode_image",
    "inspect_image",
    "normalize",
    "plain_preprocessing",
    "without_warnings",
]

Pixels = npt.NDArray[np.uint8]

NORMALIZATIONS: dict[str, tuple[str, tuple[float, float, float], tuple[float, float, float]]] = {
    # channels, mean and deviation on the scale 0-255
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

EXIF_ORIENTATION = 0x0112

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets an image of an EXIF orientation upright."""

logging.getLogger("PIL").addHandler(logging.NullHandler())
logging.getLogger("PIL").propagate = False


def plain_preprocessing(recipe: Recipe) -> Preprocessing:
    """How a recipe has files decoded to uint8 pixels, its normalization left out."""
    blank = (0.0, 0.0, 0.0)
    cut_from = recipe.cut_from if recipe.cut_from != recipe.size else None
    return Preprocessing(recipe.size, recipe.resize, recipe.apply_exif, "RGB", blank, blank, cut_from)


@dataclass(frozen=True)
class ImageFacts:
    """What a file turned out to hold. width, height: px, as stored. digest: of the decoded pixels.

    error: why it cannot be used, None if it can; the other fields are then empty.
    """

    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    transparent: bool = False
    digest: str = ""
    error: str | None = None


def decode_image(data: bytes, preprocessing: Preprocessing) -> UInt8[np.ndarray, "H W 3"]:
    """The square uint8 RGB image, [decoded_size, decoded_size, 3], of a file's bytes.

    One channel becomes grey, 16 bits become 8, CMYK becomes RGB, what is transparent is laid on white; of an
    animation the first frame is taken. Reduction is antialiased (bilinear over the area that a pixel covers).

    Raises:
        DataError: the bytes are no image, or a damaged one.
    """
    with without_warnings():
        pixels, facts = inspect_image(data, preprocessing)
    if pixels is None:
        raise DataError(facts.error or "no image")
    return pixels


@contextmanager
def without_warnings() -> Iterator[None]:
    """No warnings of Python's in here. The filters belong to all threads: enter it outside of them, not in each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def inspect_image(data: bytes, preprocessing: Preprocessing) -> tuple[Pixels | None, ImageFacts]:
    """The decoded image and what was found in the file; None and the reason where it cannot be used.

    Pillow may warn of large or odd files; what matters is in the facts: see `without_warnings`.
    """
    try:
        return _decode(data, preprocessing)
    except UnidentifiedImageError:
        return None, ImageFacts(error="no image" if data else "empty file")
    except Exception as error:  # the edge to a decoder of others, which raises many kinds
        return None, ImageFacts(error=" ".join(str(error).split()) or type(error).__name__)


def _decode(data: bytes, preprocessing: Preprocessing) -> tuple[Pixels, ImageFacts]:
    size = preprocessing.decoded_size
    with Image.open(io.BytesIO(data)) as image:
        width, height, mode, kind = *image.size, image.mode, image.format or ""
        orientation = _orientation(image)
        transparent = mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        if kind == "JPEG":
            image.draft("RGB", (2 * size, 2 * size))  # decodes large files at 1/2, 1/4 or 1/8
        rgb = _to_rgb(image, transparent=transparent)
    if preprocessing.apply_exif and orientation != 1:
        rgb = rgb.transpose(TURNS[orientation])
    pixels = np.asarray(_make_square(rgb, size, preprocessing.resize))
    digest = blake2b(pixels.tobytes(), digest_size=16).hexdigest()
    return pixels, ImageFacts(kind, mode, width, height, orientation, transparent, digest)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where there is none or it makes no sense."""
    try:
        found = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # whatever a malformed block makes of Pillow: the image itself may be sound
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _to_rgb(image: Image.Image, *, transparent: bool) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image).convert("RGB")
    if transparent:
        whole = image.convert("RGBA")
        ground = Image.new("RGBA", whole.size, "white")
        return Image.alpha_composite(ground, whole).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16- and 32-bit grey as 8 bits: by 256 where it is 16 bits, by its own range where it is a float."""
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        values = np.nan_to_num(values)
        low, high = float(values.min()), float(values.max())
        values = (values - low) * (255.0 / (high - low)) if high > low else values * 0.0
    elif image.mode.startswith("I;16") or values.max(initial=0.0) > 255.0:
        values = values / 256.0
    return Image.fromarray(values.clip(0.0, 255.0).astype(np.uint8))


def _make_square(image: Image.Image, size: int, resize: str) -> Image.Image:
    width, height = image.size
    box = (0.0, 0.0, float(width), float(height))
    if resize == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    if (width, height) == (size, size):
        return image
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box)


def centre_crop(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
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
    """The network's input of RGB images, 0 to 255, on their device: (pixel - mean) / deviation by channel.

    The result is float32, channels-last in memory, as large as the images. Images of float32 may be overwritten.
    """
    width = pixels.shape[2]
    line = _kept_line if pixels.is_cuda and not torch.compiler.is_compiling() else _line
    mean, std = (line(v, width, pixels.device) for v in (preprocessing.mean, preprocessing.std))
    if preprocessing.channels == "BGR":
        pixels = pixels.flip(-1)
    lines = pixels.float().reshape(*pixels.shape[:2], 3 * width)  # whole lines at once: rows of three are slow
    return lines.sub_(mean).div_(std).view(pixels.shape).permute(0, 3, 1, 2)
