"""Images, figures and files as the source of an `<img>` element, so that a page is one file."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from PIL import Image

from alexnet.data.decode import Pixels
from alexnet.figures.canvas import png_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_uri", "file_uri", "image_uri", "kernel_uri", "png_uri"]


def figure_uri(figure: "Figure") -> Markup:
    """A figure."""
    return png_uri(png_bytes(figure))


def file_uri(path: Path) -> Markup:
    """A .png file."""
    return png_uri(path.read_bytes())


def png_uri(data: bytes) -> Markup:
    """The bytes of a PNG file."""
    return _uri(data, "png")


def image_uri(pixels: Pixels) -> Markup:
    """A photograph, as JPEG."""
    return _uri(_encode(pixels, "JPEG", quality=88), "jpeg")


def kernel_uri(values: np.ndarray) -> Markup:
    """A kernel as values 0 ... 1, [k, k, 3] or [k, k]; 0.5 is a weight of 0."""
    return png_uri(_encode(np.round(255 * values).astype(np.uint8), "PNG"))


def _encode(pixels: Pixels, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, **options)
    return buffer.getvalue()


def _uri(data: bytes, kind: str) -> Markup:
    return Markup(f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}")
