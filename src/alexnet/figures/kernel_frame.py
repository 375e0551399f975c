"""The kernels of a layer as one small PNG, in which a pixel is a weight: a frame of a film."""

import io
import math

import numpy as np
from jaxtyping import Float
from PIL import Image

__all__ = ["kernel_frame"]

COLUMNS = 16
GAP = 1
"""px between two kernels."""

GROUND = 128


def kernel_frame(weights: Float[np.ndarray, "n c k k"], largest: float | None = None) -> bytes:
    """A PNG of kernels [n, channels, k, k] in rows of 16, around 0, which is gray.

    Args:
        largest: the weight that is drawn as full color; None gives each kernel a scale of its own.
    """
    count, channels, height, width = weights.shape
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) if largest is None else np.array(largest)
    tiles = 0.5 + 0.5 * weights / np.where(scale > 0, scale, 1.0)
    tiles = tiles.transpose(0, 2, 3, 1) if channels == 3 else tiles.mean(axis=1)[..., None].repeat(3, axis=3)
    columns = min(COLUMNS, count)
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), GROUND, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * (height + GAP), place % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = np.rint(255 * tile).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG")
    return buffer.getvalue()
