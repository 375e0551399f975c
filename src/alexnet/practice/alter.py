"""Changes of one image that leave it nearly the same, and marks that a network can learn instead of the object."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

__all__ = ["CHANGES", "CORNER_COLOR", "alter", "darken", "encode_like", "paint_corner"]

CHANGES = ("crop", "flip", "jpeg", "brightness", "frame")
"""What a near duplicate may differ in from its original."""

SMALLEST_AREA = 0.8
"""Fraction of the area that a crop keeps at the least."""

JPEG_QUALITY = 30
"""Of a duplicate that is encoded again."""

BRIGHTNESS = 0.2
"""Largest relative change of brightness."""

LARGEST_TURN, FRAME_SIDE, FRAME_NOISE = 1.0, 0.95, 3.0
"""Of another frame of a video: degrees by which the camera turned at the most; fraction of each side that stays in
view; standard deviation of the noise, of 255."""

CORNER_COLOR = (255, 0, 255)
"""Magenta, which photographs seldom hold."""

CORNER_SIDE = 0.16
"""Side of the colored square, as a fraction of the image's shorter side."""

DARKNESS = 0.45
"""Factor on the brightness of a darkened image."""


def alter(image: Image.Image, change: str, rng: np.random.Generator) -> tuple[Image.Image, float]:
    """A near duplicate of an RGB image, and how strong the change is.

    Args:
        change: `crop` (strength: the fraction of the area that is kept, 0.8 to 0.95), `flip` (left to right),
            `jpeg` (the quality), `brightness` (the factor, 0.8 to 1.2 without the middle), or `frame`, as the next
            one of a video: turned (degrees, up to 1), closer, a little to the side, with other noise.

    >>> alter(Image.new("RGB", (100, 50)), "flip", np.random.default_rng(0))[0].size
    (100, 50)
    """
    if change == "crop":
        area = float(rng.uniform(SMALLEST_AREA, 0.95))
        width, height = (max(1, round(side * area**0.5)) for side in image.size)
        left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
        return image.crop((left, top, left + width, top + height)), area
    if change == "flip":
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1.0
    if change == "jpeg":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return Image.open(buffer).convert("RGB"), float(JPEG_QUALITY)
    if change == "frame":
        return _next_frame(image, rng)
    factor = 1.0 + float(rng.choice([-1.0, 1.0]) * rng.uniform(BRIGHTNESS / 2, BRIGHTNESS))
    return ImageEnhance.Brightness(image).enhance(factor), factor


def _next_frame(image: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, float]:
    degrees = float(rng.choice([-1.0, 1.0]) * rng.uniform(LARGEST_TURN / 4, LARGEST_TURN))
    turned = image.rotate(degrees, Image.Resampling.BICUBIC)
    size = np.array(image.size)
    kept = np.maximum(1, np.rint(FRAME_SIDE * size)).astype(int)
    aside = rng.uniform(-0.3, 0.3, 2) * (size - kept)  # not so far that the edge of the turned image is seen
    left, top = np.rint((size - kept) / 2 + aside).astype(int)
    pixels = np.asarray(turned.crop((left, top, left + kept[0], top + kept[1])), np.float32)
    noisy = pixels + rng.normal(0.0, FRAME_NOISE, pixels.shape)
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)), degrees


def paint_corner(image: Image.Image) -> Image.Image:
    """An RGB image with a colored square in its top left corner."""
    painted = image.copy()
    side = max(2, round(CORNER_SIDE * min(image.size)))
    ImageDraw.Draw(painted).rectangle((0, 0, side - 1, side - 1), fill=CORNER_COLOR)
    return painted


def darken(image: Image.Image) -> Image.Image:
    """An RGB image at less than half of its brightness."""
    return ImageEnhance.Brightness(image).enhance(DARKNESS)


def encode_like(image: Image.Image, original: Image.Image) -> bytes:
    """An image as a file of the original's format; a JPEG with its tables, so that the length tells nothing.

    Formats that are not written here become PNG.
    """
    buffer = io.BytesIO()
    tables = getattr(original, "quantization", None)
    if original.format in ("JPEG", "MPO"):
        if tables and len(tables) <= 4:
            image.save(buffer, "JPEG", qtables=tables, subsampling=_sampling(original))
        else:
            image.save(buffer, "JPEG", quality=95)
    else:
        image.save(buffer, original.format if original.format in ("PNG", "BMP", "GIF", "TIFF", "WEBP") else "PNG")
    return buffer.getvalue()


def _sampling(image: Image.Image) -> int:
    """How the colors of a JPEG are subsampled, as Pillow numbers it; 4:2:0 where it has no number."""
    from PIL.JpegImagePlugin import get_sampling

    sampling = get_sampling(image)
    return sampling if sampling >= 0 else 2
