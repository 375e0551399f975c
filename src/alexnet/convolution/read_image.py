"""Images as the numbers that they hold: every bit is kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.convolution.grids import GRID_SUFFIXES, read_grid
from alexnet.convolution.layout import Array, check_image
from alexnet.data.bit_depth import is_deep, stored_numbers
from alexnet.data.image_file import load_image, open_image, read_file
from alexnet.data.limits import get_limits
from alexnet.data.quiet import quiet_pillow
from alexnet.errors import DataError
from alexnet.files import shown_name

__all__ = ["read_image"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in a gray value (ITU-R BT.601)."""

OPAQUE = 255


def read_image(path: Path | str, *, gray: bool = False) -> Array:
    """Read an image file, a `.npy` array or a grid of text as [H, W] or [H, W, 3], with the numbers that it holds.

    8 bits are uint8, 16 bits uint16, 32 bits int32 or uint32, floats float32. Palettes become colors, an opaque alpha
    channel is dropped, and the image is turned upright as its EXIF orientation says.

    Args:
        path: of the file.
        gray: convert colors to gray by their luma (ITU-R BT.601), rounded.

    Raises:
        DataError: the file is missing, damaged, not an image or beyond the limits, has transparent pixels or CMYK
            inks, or holds values that are not finite; one line that names it.

    >>> read_image("photo.jpg", gray=True).dtype
    dtype('uint8')
    """
    path, name = Path(path), shown_name(path)
    values = read_grid(path) if path.suffix.lower() in GRID_SUFFIXES else _read_file(path, name)
    try:
        values = check_image(values)
        _check_size(values)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{name}: has values that are not finite (NaN or infinite); replace them")
    if values.ndim == 3 and (gray or values.shape[2] == 1):
        return _luma(values) if values.shape[2] == 3 else values[..., 0]
    return values


def _check_size(values: Array) -> None:
    """Refuse an array of more pixels than an image file may have: its result takes up to 24 bytes for each."""
    count, most = values.shape[0] * values.shape[1], get_limits().max_image_pixels
    if count > most:
        raise DataError(
            f"too large: {count / 1e6:.0f} million pixels, and {most / 1e6:g} million is the limit; "
            "raise ALEXNET_MAX_IMAGE_PIXELS or shrink the image"
        )


def _luma(values: Array) -> Array:
    if values.dtype == np.uint8:
        return np.asarray(Image.fromarray(values).convert("L"))
    gray = values @ np.array(LUMA)
    return np.asarray(np.rint(gray) if values.dtype.kind in "iu" else gray).astype(values.dtype, copy=False)


def _read_file(path: Path, name: str) -> Array:
    data = read_file(path)
    try:
        return _decode(data)
    except DataError as error:
        reason = str(error)
    except Exception as error:  # decoders of damaged files raise many kinds
        reason = shown_name(" ".join(str(error).split()))[:120] or type(error).__name__
    raise DataError(f"{name}: cannot be used ({reason}); give an image file, a .npy array or a grid of text")


def _decode(data: bytes) -> Array:
    with quiet_pillow(), open_image(data) as (image, _):
        _, turn = load_image(image, apply_exif=True)
        if image.mode == "CMYK":
            raise DataError("it has CMYK inks, and a kernel is for 1 or 3 channels; save it as gray or RGB first")
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
    """Gray [H, W] or RGB [H, W, 3] of an image of 8 bits.

    Raises:
        DataError: it is transparent in parts.
    """
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return np.asarray(image)
    is_transparent = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    if not is_transparent:
        return np.asarray(image.convert("L" if image.mode == "1" else "RGB"))
    values = np.asarray(image if image.mode in ("RGBA", "LA") else image.convert("RGBA"))
    if (values[..., -1] != OPAQUE).any():
        raise DataError(
            "it has transparent pixels, and a kernel is for 1 or 3 channels; save it as gray or RGB first"
        )
    return values[..., 0] if image.mode in ("LA", "La", "L") else values[..., :3]
