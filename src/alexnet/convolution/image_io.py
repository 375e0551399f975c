"""Numbers as image files: every bit kept."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.convolution.layout import Array
from alexnet.errors import DataError
from alexnet.files import disk_errors, write_whole

__all__ = ["RAW_ENDINGS", "write_raw"]

RAW_ENDINGS = (".png", ".tif", ".tiff", ".npy")


def write_raw(values: Array, path: Path) -> str:
    """Write the numbers and nothing else; returns what had to be done to them, "" for nothing.

    `.npy` keeps the type. `.tif` is float32, grey only. `.png` has 8 bits where all values are whole and from 0 to
    255, else 16 bits, grey only, whole and in 0 ... 65535.

    Raises:
        DataError: the values do not fit into the format; the message names one that they fit. Nothing is clipped.
    """
    kind = path.suffix.lower()
    if kind not in RAW_ENDINGS:
        raise DataError(f"{path}: unknown ending; choose one of {', '.join(RAW_ENDINGS)}")
    with disk_errors(path, DataError, "check its permissions or choose another path"):
        if kind == ".npy":
            write_whole(path, lambda beside: np.save(beside, values, allow_pickle=False))
            return ""
        image = _deep_image(values, path) if kind != ".png" else _png_image(values, path)
        write_whole(path, lambda beside: image.save(beside))
    return "as float32" if kind != ".png" and values.dtype != np.float32 else ""


def _deep_image(values: Array, path: Path) -> Image.Image:
    if values.ndim == 3:
        raise DataError(f"{path}: TIFF of floats holds one channel; use .npy, or add --grey")
    single = values.astype(np.float32)
    if values.dtype.kind in "iu" and not np.array_equal(single.astype(np.float64), values.astype(np.float64)):
        raise DataError(f"{path}: integers above 2^24 do not fit into float32; use .npy")
    return Image.fromarray(single)


def _png_image(values: Array, path: Path) -> Image.Image:
    low, high = float(values.min()), float(values.max())
    whole = values.dtype.kind in "iu" or bool((values == np.rint(values)).all())
    if not whole or low < 0 or not math.isfinite(high) or high > 65535 or (values.ndim == 3 and high > 255):
        raise DataError(
            f"{path}: the result runs from {low:.6g} to {high:.6g}{'' if whole else ', with fractions'}, which a PNG "
            f"cannot hold; use .npy{' or .tif' if values.ndim == 2 else ''}"
        )
    return Image.fromarray(values.astype(np.uint8 if high <= 255 else np.uint16))
