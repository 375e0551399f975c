"""Opening image files: formats, bounds, orientation, and what a file is that is no image.

Whatever reads an image file, for training, prediction or `convolve`, opens it here.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from alexnet.data.limits import get_limits
from alexnet.data.png_chunks import without_large_notes
from alexnet.errors import DataError
from alexnet.files import shown_name

__all__ = [
    "TURNS",
    "load_image",
    "open_image",
    "read_file",
    "reserve_bytes",
    "strips",
    "too_many_bytes",
]

NOT_OPENED = frozenset(("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"))
"""Formats that Pillow recognizes but leaves to other programs, such as Ghostscript, or cannot decode at all."""

ORIENTATION = 0x0112

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets an image of an EXIF orientation upright, as Pillow's `ImageOps.exif_transpose` does."""

UNDONE_BY = {6: 8, 8: 6}
"""Orientations whose turn another one undoes; each of the rest undoes its own."""

MEMORY_FACTORS = {"JPEG2000": 5, "WEBP": 4, "AVIF": 3}
"""Memory that decoding takes, in multiples of the 4 bytes a pixel of a decoded image (measured; the others: 1)."""

TURNED_FACTOR = 2
"""The same for a progressive JPEG, whose coefficients are all kept, for a TIFF, which Pillow turns by a copy, and for
color of 16 bits, which may be read twice."""

JPEG_SHRINK = 8
"""A JPEG can be decoded at an eighth of its sides, in about an eighth of the time."""

STRIP_PIXELS = 1 << 20

SMALL = 1 << 20
"""Bytes of a file, and pixels of an image, that are not worth counting among what all threads hold."""

KINDS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "no image (a web page, perhaps of a download that failed)"),
    (b"<html", "no image (a web page, perhaps of a download that failed)"),
    (b"<svg", "an SVG drawing, which has no pixels; convert it to PNG"),
    (b"<?xml", "no image (XML); if it is an SVG drawing, convert it to PNG"),
    (b"%pdf", "a PDF; convert its pages to PNG"),
    (b"%!ps", "an EPS drawing; convert it to PNG"),
    (b"\xc5\xd0\xd3\xc6", "an EPS drawing; convert it to PNG"),
    (b"version https://git-lfs", "no image (a Git LFS pointer); fetch the file itself with `git lfs pull`"),
    (b"\0\0\0\x0cjxl ", "a JPEG XL image, which cannot be read; convert it to JPEG"),
    (b"\xff\x0a", "a JPEG XL image, which cannot be read; convert it to JPEG"),
)
"""First bytes, in lower case, of files that are often named like images, and what they are."""

DAMAGED: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89png", "PNG"),
    (b"gif8", "GIF"),
    (b"ii*\0", "TIFF"),
    (b"mm\0*", "TIFF"),
)
"""First bytes, in lower case, of formats that Pillow reads: where it cannot, the header is damaged."""

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1")


def _what_it_is(data: bytes) -> str:
    """What a file is that Pillow does not recognize."""
    if not data:
        return "empty file"
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data[4:8] == b"ftyp":
        is_heif = data[8:12] in HEIF_BRANDS
        return "a HEIC image, which cannot be read; convert it to JPEG" if is_heif else "no image (a video)"
    for magic, what in KINDS:
        if head.startswith(magic):
            return what
    for magic, kind in DAMAGED:
        if head.startswith(magic):
            return f"a damaged {kind} image; copy or download it again"
    return "no image (nothing but zeros)" if data.count(0) == len(data) else "no image"


@contextmanager
def open_image(
    data: bytes, *, draft_size: int | None = None, is_reserved: bool = False
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """An image file of which only the header has been read, and its width and height in px; `load_image` decodes it.

    All threads together have no more pixels open at a time than the limit of one image; others wait.

    Args:
        draft_size: a side in px that is enough: a large JPEG is then decoded at 1/2, 1/4 or 1/8.
        is_reserved: the same thread has the image open already, and its pixels count once.

    Raises:
        DataError: what the file is instead of an image, or how much larger than the limit; without its name.
    """
    try:
        image = Image.open(io.BytesIO(without_large_notes(data)), formats=_formats())
    except UnidentifiedImageError as error:
        raise DataError(_what_it_is(data)) from error
    with image:
        size = image.size
        stored = size[0] * size[1]
        if draft_size and image.format in ("JPEG", "MPO"):
            image.draft("RGB", (draft_size, draft_size))
        count, most = _count_pixels(image, stored, draft_size or 1), get_limits().max_image_pixels
        if count > most:
            weighted = f", which take the memory of {count / 1e6:.0f} million of a PNG" if count > stored else ""
            raise DataError(
                f"too large: {stored / 1e6:.0f} million pixels{weighted}, and {most / 1e6:g} million is the limit; "
                "shrink the image or raise ALEXNET_MAX_IMAGE_PIXELS"
            )
        with nullcontext() if count <= SMALL or is_reserved else _PIXELS.take(count, most):
            yield image, size


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """The formats that are opened; Pillow tries them in this order."""
    Image.init()
    return ("JPEG", "PNG", *(name for name in Image.ID if name not in {*NOT_OPENED, "JPEG", "PNG"}))


def _count_pixels(image: Image.Image, stored: int, side: int) -> int:
    """Pixels of an image, weighted by the memory that its format takes to decode, and to make a square of `side`."""
    width, height = image.size
    count = max(width, side) * max(height, side)
    if "progressive" in image.info or "progression" in image.info:
        return TURNED_FACTOR * max(count, stored)
    is_wide = image.mode in ("RGB", "RGBA") and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))
    if is_wide or (image.format == "TIFF" and _orientation(image) != 1):
        return TURNED_FACTOR * count
    return max(MEMORY_FACTORS.get(image.format or "", 1) * count, stored // JPEG_SHRINK)


def load_image(image: Image.Image, *, apply_exif: bool) -> tuple[int, Image.Transpose | None]:
    """Decode an opened image; the EXIF orientation that it has, 1 to 8, and how it still must be transposed.

    Transposed so, it stands upright, or with apply_exif=False as it is stored: Pillow turns a TIFF while it decodes,
    and leaves other formats as they are stored.
    """
    orientation = _orientation(image)
    image.load()
    is_turned = _orientation(image) != orientation
    if apply_exif:
        return orientation, None if is_turned else TURNS.get(orientation)
    return orientation, TURNS.get(UNDONE_BY.get(orientation, orientation)) if is_turned else None


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where there is none or it makes no sense."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # whatever a malformed block makes of Pillow: the image itself may be sound
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The rows of a decoded image in parts of about a million pixels, each with its first row."""
    width, height = image.size
    step = max(1, STRIP_PIXELS // max(1, width))
    for top in range(0, height, step):
        yield top, image.crop((0, top, width, min(height, top + step)))


def read_file(path: Path | str) -> bytes:
    """The bytes of a file that should hold an image.

    Raises:
        DataError: it is missing, larger than the limit, or cannot be read; the line names it.
    """
    path, name = Path(path), shown_name(path)
    try:
        if not path.is_file():
            raise DataError(f"{name}: no such image; check the path")
        num_bytes = path.stat().st_size
        problem = too_many_bytes(num_bytes)
        if problem:
            raise DataError(f"{name}: {problem}")
        with reserve_bytes(num_bytes), path.open("rb") as file:
            return file.read()
    except ValueError as error:  # a path with a null byte
        raise DataError(f"{name}: no such image; check the path") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}); check the path") from error


def too_many_bytes(num_bytes: int) -> str:
    """Why a file of this length is not read; empty where it may be."""
    most = get_limits().max_image_bytes
    if num_bytes <= most:
        return ""
    return f"too large: {num_bytes / 1e6:.0f} MB, and {most / 1e6:.0f} MB is the limit; raise ALEXNET_MAX_IMAGE_BYTES"


class _Budget:
    """An amount that all threads share; a request that is larger than all of it waits until it is alone."""

    def __init__(self) -> None:
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def take(self, amount: int, total: int) -> Iterator[None]:
        """Wait until `amount` is free, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + amount <= total)
            self._used += amount
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()


_BYTES, _PIXELS = _Budget(), _Budget()


@contextmanager
def reserve_bytes(num_bytes: int) -> Iterator[None]:
    """Hold the bytes of a file: all threads together read no more at a time than the limit of one file."""
    if num_bytes <= SMALL:
        yield
        return
    with _BYTES.take(num_bytes, get_limits().max_image_bytes):
        yield
