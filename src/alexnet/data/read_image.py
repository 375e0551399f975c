"""Images as the numbers that they hold, every bit kept: what `convolve` works on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.convolution.gallery import parse_grid
from alexnet.convolution.layout import Array, check_image
from alexnet.data.bit_depth import is_deep, stored_numbers
from alexnet.data.image_file import load_image, open_image, quiet_pillow, read_file
from alexnet.errors import DataError
from alexnet.files import shown_name

__all__ = ["read_image"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in a grey value (ITU-R BT.601)."""

GIVE = "give an image file, an .npy array or a text grid"

OPAQUE = 255


def read_image(path: Path | str, *, grey: bool = False) -> Array:
    """An image file, an .npy array or a text grid as [H, W] or [H, W, 3], in the numbers that it holds.

    8 bits come as uint8, 16 as uint16, 32 as int32 or uint32, floats as float32. Palettes become colours, and the
    image is turned upright as its EXIF orientation says. A transparency channel is dropped if nothing is transparent.

    Args:
        grey: make colours grey by their luma (ITU-R BT.601), rounded.

    Raises:
        DataError: there is no such file, it is no image, is beyond the limits, is partly transparent or CMYK, or has
            values that are not finite.

    >>> read_image("photo.jpg", grey=True).dtype
    dtype('uint8')
    """
    name = shown_name(path)
    values = _read(Path(path), name)
    try:
        values = check_image(values)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{name}: has values that are not finite (NaN or infinite); replace them")
    if values.ndim == 3 and (grey or values.shape[2] == 1):
        return _luma(values) if values.shape[2] == 3 else values[..., 0]
    return values


def _read(path: Path, name: str) -> Array:
    """The numbers of a file, of any shape. name: the path as it is shown."""
    kind = path.suffix.lower()
    data = b"" if kind == ".npy" and path.is_file() else read_file(path)
    try:
        if kind == ".npy":
            return _load_array(path)
        if kind in (".txt", ".csv"):
            return parse_grid(data.decode("utf-8-sig"), name)
        return _decode(data)
    except DataError as error:
        if kind in (".txt", ".csv"):  # it names the file, and the row
            raise
        raise DataError(f"{name}: cannot be used ({error}); {GIVE}") from error
    except Exception as error:  # parsers of damaged files raise many kinds
        reason = shown_name(" ".join(str(error).split()))[:120] or type(error).__name__
        raise DataError(f"{name}: cannot be read ({reason}); {GIVE}") from error


def _load_array(path: Path) -> Array:
    """An array, read only if the file is as long as its header says."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("holds several arrays; save one of them with numpy.save")
    return np.array(array)


def _luma(values: Array) -> Array:
    if values.dtype == np.uint8:
        return np.asarray(Image.fromarray(values).convert("L"))
    grey = values @ np.array(LUMA)
    return np.asarray(np.rint(grey) if values.dtype.kind in "iu" else grey).astype(values.dtype, copy=False)


def _decode(data: bytes) -> Array:
    with quiet_pillow(), open_image(data) as (image, _):
        _, turn = load_image(image, apply_exif=True)
        if image.mode == "CMYK":
            raise ValueError("it has CMYK inks, and a kernel is for 1 or 3 channels; save it as grey or RGB first")
        values = stored_numbers(image) if is_deep(image.mode) else _channels(image)
    return np.ascontiguousarray(values if turn is None else TURNED[turn](values))


TURNED: dict[Image.Transpose, Callable[[Array], Array]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: lambda a: a[:, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: lambda a: a[::-1],
    Image.Transpose.ROTATE_90: lambda a: np.rot90(a),
    Image.Transpose.ROTATE_180: lambda a: a[::-1, ::-1],
    Image.Transpose.ROTATE_270: lambda a: np.rot90(a, -1),
    Image.Transpose.TRANSPOSE: lambda a: a.swapaxes(0, 1),
    Image.Transpose.TRANSVERSE: lambda a: a[::-1, ::-1].swapaxes(0, 1),
}
"""Pillow's transpositions as views of an array: a large image is not copied for them."""


def _channels(image: Image.Image) -> Array:
    """Grey [H, W] or RGB [H, W, 3] of an image of 8 bits.

    Raises:
        ValueError: it is transparent in parts.
    """
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return np.asarray(image)
    is_transparent = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    if not is_transparent:
        return np.asarray(image.convert("L" if image.mode == "1" else "RGB"))
    values = np.asarray(image if image.mode in ("RGBA", "LA") else image.convert("RGBA"))
    if (values[..., -1] != OPAQUE).any():
        raise ValueError(
            "it is transparent in parts, and a kernel is for 1 or 3 channels; save it as grey or RGB first"
        )
    return values[..., 0] if image.mode in ("LA", "La", "L") else values[..., :3]
