"""Positions of outputs and patches, borders, and the checks of images and kernels."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from alexnet.errors import DataError, GeometryError, RecipeError
from alexnet.files import shown_name

__all__ = [
    "Array",
    "Border",
    "Operation",
    "OutputAxis",
    "Size",
    "border_places",
    "check_choice",
    "check_image",
    "check_kernel",
    "output_axis",
    "without_single_axis",
]

Array = npt.NDArray[Any]

Size = Literal["valid", "same", "full"]
"""Outputs only where the whole kernel lies inside the image, one for each pixel, or wherever the two overlap."""

Border = Literal["zero", "reflect", "replicate", "circular"]
"""What is read outside an image a b c: 0 0 0; c b and b a (the edge is not repeated); a a and c c; b c and a b."""

Operation = Literal["convolution", "correlation"]
"""With the kernel flipped (the definition) or not flipped (what networks compute)."""

CHOICES: dict[str, tuple[str, ...]] = {
    "size": get_args(Size),
    "border": get_args(Border),
    "operation": get_args(Operation),
}


@dataclass(frozen=True)
class OutputAxis:
    """Outputs along one axis, in the image's own indices.

    first: index of the first output. count: number of outputs. lead: px from the start of a patch to its output.
    """

    first: int
    count: int
    lead: int

    @property
    def start(self) -> int:
        """Index of the first pixel that is read; it may lie outside the image."""
        return self.first - self.lead


def output_axis(length: int, taps: int, size: Size, operation: Operation = "convolution") -> OutputAxis:
    """Where the outputs of a kernel with `taps` taps lie on an axis of `length` px.

    The center of the kernel is tap (taps - 1) // 2, counted from 0, also if taps is even. The patch of output u
    starts at u - lead; lead is taps // 2 for convolution, which flips the kernel, (taps - 1) // 2 for correlation.
    An even kernel 1 x 2 thus reads pixels u and u - 1, or u and u + 1. SciPy's convolve2d and correlate2d agree.

    Raises:
        GeometryError: the kernel is larger than the image and the size is `valid`.

    >>> output_axis(7, 3, "valid")
    OutputAxis(first=1, count=5, lead=1)
    """
    lead = taps // 2 if operation == "convolution" else (taps - 1) // 2
    if size == "same":
        return OutputAxis(0, length, lead)
    if size == "full":
        return OutputAxis(lead - taps + 1, length + taps - 1, lead)
    if taps > length:
        raise GeometryError(
            f"a kernel of {taps} px does not fit into an image of {length} px; "
            "choose size same or full, or a smaller kernel"
        )
    return OutputAxis(lead, length - taps + 1, lead)


def border_places(start: int, stop: int, length: int, border: Border) -> npt.NDArray[np.int64]:
    """The pixel that is read at each index start ... stop - 1 of an axis of `length` px; -1 means zero.

    >>> border_places(-2, 5, 3, "reflect").tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    places = np.arange(start, stop, dtype=np.int64)
    if border == "zero":
        return np.where((places < 0) | (places >= length), -1, places)
    if border == "replicate":
        return places.clip(0, length - 1)
    if border == "circular":
        return places % length
    period = max(2 * (length - 1), 1)
    folded = places % period
    return np.minimum(folded, period - folded) if length > 1 else folded * 0


def check_choice(what: str, value: str) -> None:
    """Raise a RecipeError if `value` is not a size, border or operation."""
    if value not in CHOICES[what]:
        raise RecipeError(f"{what} {shown_name(value)}: choose one of {', '.join(CHOICES[what])}")


def check_image(image: npt.ArrayLike) -> Array:
    """An image [H, W] or [H, W, 3] as an array of numbers; booleans become 0 and 1.

    Raises:
        DataError: it has another shape or type, or is empty.
    """
    values = _numbers(image, "the image")
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 3)):
        raise DataError(
            f"the image has shape {_shape(values)}: give [height, width] or [height, width, 3]; "
            "drop a fourth channel (alpha) first"
        )
    if values.size == 0:
        raise DataError(f"the image is empty ({_shape(values)}): give at least one pixel")
    return values


def without_single_axis(image: Array) -> Array:
    """An image [H, W, 1] as [H, W], which figures and image files take; others as they are.

    >>> without_single_axis(np.zeros((2, 3, 1))).shape
    (2, 3)
    """
    return image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image


def check_kernel(kernel: npt.ArrayLike, *, odd: bool = False) -> Array:
    """A kernel [k, l] as an array of finite numbers.

    Args:
        odd: accept only kernels with odd sides.

    Raises:
        DataError: it has another shape or type, is empty, or has values that are not finite.
        GeometryError: a side is even although `odd`.
    """
    values = _numbers(kernel, "the kernel")
    if values.ndim != 2 or values.size == 0:
        raise DataError(f"the kernel has shape {_shape(values)}: give rows of numbers of the same length")
    if not np.isfinite(values).all():
        raise DataError("the kernel has values that are not finite (NaN or infinite): replace them")
    if odd and not all(side % 2 for side in values.shape):
        raise GeometryError(
            f"a kernel of {_shape(values)} has no center: give one with an odd number of rows and columns"
        )
    return values


def _numbers(values: npt.ArrayLike, what: str) -> Array:
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{what} has rows of different lengths: give every row the same length") from error
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise DataError(f"{what} holds {array.dtype}: give integers or floats of at most 64 bits")
    return array


def _shape(values: Array) -> str:
    return " x ".join(map(str, values.shape)) or "a single number"
