"""Images as numbers, and numbers as files: every bit kept."""

import math
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from alexnet.convolution.gallery import parse_grid
from alexnet.convolution.layout import Array, check_image
from alexnet.errors import DataError
from alexnet.files import disk_errors, write_whole

__all__ = ["RAW_ENDINGS", "read_image", "write_raw"]

RAW_ENDINGS = (".png", ".tif", ".tiff", ".npy")

DEEP_MODES = {"I;16": np.uint16, "I;16L": np.uint16, "I;16B": np.uint16, "I": np.int32, "F": np.float32}


def read_image(path: Path | str, *, grey: bool = False) -> Array:
    """An image file, an .npy array or a text grid as [H, W] or [H, W, 3], in the numbers that it holds.

    8 bits come as uint8, 16 bits as uint16, floats as float32; palettes become colours, and what EXIF says of the
    camera's turn is done. grey: colours by their luma (ITU-R BT.601), rounded.

    Raises:
        DataError: no such file, no image, or one with four channels or values that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such image; check the path")
    kind = path.suffix.lower()
    try:
        if kind == ".npy":
            values = np.load(path, allow_pickle=False)
        elif kind in (".txt", ".csv"):
            values = parse_grid(path.read_text(encoding="utf-8-sig"), str(path))
        else:
            values = _read_image(path)
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is no image; give an image file, an .npy array or a text grid") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        said = " ".join(str(error).split())[:120]
        raise DataError(
            f"{path}: cannot be read ({said}); give an image file, an .npy array or a text grid"
        ) from error
    try:
        values = check_image(values)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{path}: has values that are not finite (NaN or infinite); replace them")
    if values.ndim == 3 and (grey or values.shape[2] == 1):
        return _luma(values) if values.shape[2] == 3 else values[..., 0]
    return values


def _luma(values: Array) -> Array:
    if values.dtype == np.uint8:
        return np.asarray(Image.fromarray(values).convert("L"))
    grey = values @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    return np.asarray(np.rint(grey) if values.dtype.kind in "iu" else grey).astype(values.dtype, copy=False)


def _read_image(path: Path) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large or odd files
        with Image.open(path) as image:
            mode = image.mode
            if mode in DEEP_MODES:
                return np.asarray(image).astype(DEEP_MODES[mode])
            if mode in ("RGBA", "LA", "PA", "CMYK") or "transparency" in image.info:
                what = "CMYK inks" if mode == "CMYK" else "a transparency channel"
                raise ValueError(f"it has {what}, and a kernel is for 1 or 3 channels; save it as grey or RGB first")
            turned = ImageOps.exif_transpose(image)
            return np.asarray(turned if mode in ("L", "RGB") else turned.convert("L" if mode == "1" else "RGB"))


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
