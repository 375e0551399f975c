"""Numbers as image files: every bit is kept."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.convolution.layout import Array
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, write_whole

__all__ = ["RAW_SUFFIXES", "write_raw"]

RAW_SUFFIXES = (".png", ".tif", ".tiff", ".npy")


def write_raw(values: Array, path: Path | str) -> str:
    """Write the numbers and nothing else; returns how they were changed, "" if not at all.

    `.npy` keeps the type. `.tif` is float32, one channel. `.png` has 8 bits if all values are whole and from 0 to
    255, otherwise 16 bits: one channel of whole values from 0 to 65535.

    Raises:
        DataError: the values do not fit into the format; the message names one that they fit. Nothing is clipped.

    >>> write_raw(np.array([[-1, 300]]), "result.npy")
    ''
    """
    path = Path(path)
    shown, kind = shown_name(path), path.suffix.lower()
    if kind not in RAW_SUFFIXES:
        raise DataError(f"{shown}: unknown suffix; choose one of {', '.join(RAW_SUFFIXES)}")
    with disk_errors(path, DataError, "check its permissions or choose another path"):
        if kind == ".npy":
            write_whole(path, lambda beside: _save_array(beside, values))
            return ""
        image = _png_image(values, shown) if kind == ".png" else _float_image(values, shown)
        write_whole(path, lambda beside: image.save(beside))
    return "as float32" if kind != ".png" and values.dtype != np.float32 else ""


def _save_array(path: Path, values: Array) -> None:
    with path.open("wb") as file:  # given a path, NumPy appends .npy to a name that ends in .NPY
        np.save(file, values, allow_pickle=False)


def _float_image(values: Array, shown: str) -> Image.Image:
    if values.ndim == 3:
        raise DataError(f"{shown}: a TIFF of floats holds one channel; use .npy, or add --gray")
    single = values.astype(np.float32)
    if values.dtype.kind in "iu" and not np.array_equal(single.astype(np.float64), values.astype(np.float64)):
        raise DataError(f"{shown}: integers above 2^24 do not fit into float32; use .npy")
    return Image.fromarray(single)


def _png_image(values: Array, shown: str) -> Image.Image:
    low, high = float(values.min()), float(values.max())
    whole = values.dtype.kind in "iu" or bool((values == np.rint(values)).all())
    if not whole or low < 0 or not math.isfinite(high) or high > 65535 or (values.ndim == 3 and high > 255):
        fractions = "" if whole else ", with fractions"
        raise DataError(
            f"{shown}: the values run from {low:.6g} to {high:.6g}{fractions}, which a PNG cannot hold; "
            f"use .npy{' or .tif' if values.ndim == 2 else ''}"
        )
    return Image.fromarray(values.astype(np.uint8 if high <= 255 else np.uint16))
