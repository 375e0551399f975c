"""Convolution by the loops of its formula: slow and exact, the oracle of the fast way."""

from itertools import product

import numpy as np
import numpy.typing as npt

from alexnet.convolution.layout import (
    Array,
    Border,
    Operation,
    Size,
    check_choice,
    check_image,
    check_kernel,
    output_axis,
)
from alexnet.errors import DataError

__all__ = ["convolve_by_definition"]


def convolve_by_definition(
    image: npt.ArrayLike,
    kernel: npt.ArrayLike,
    *,
    size: Size = "valid",
    border: Border = "zero",
    operation: Operation = "convolution",
) -> Array:
    """Convolution, or correlation, of one channel by the loops of its formula.

        convolution   O[u, v] = sum over s, t of I[u - s, v - t] K[s, t]
        correlation   O[u, v] = sum over s, t of I[u + s, v + t] K[s, t]

    K has indices -a ... a and -b ... b around its center. For an even number of taps n, the center is tap
    (n - 1) // 2, counted from 0, so that the indices are -(n - 2) / 2 ... n / 2.

    Args:
        image: [H, W].
        kernel: [k, l].
        size: `valid`, `same` or `full`.
        border: what is read outside the image, for `same` and `full`.

    Returns:
        int64 if both are integers, exact; otherwise float64, summed in the order of the formula.

    Raises:
        DataError: not numbers, another shape, or a sum that does not fit into 64 bits.
        GeometryError: the kernel is larger than the image and the size is `valid`.

    Source: Gonzalez & Woods, Digital Image Processing, 4th ed. 2018, eq. 3-44; the talk, slide "Convolution I".

    An impulse returns the kernel:

    >>> convolve_by_definition([[0, 0, 0], [0, 1, 0], [0, 0, 0]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]], size="same")
    array([[1, 2, 3],
           [4, 5, 6],
           [7, 8, 9]])
    """
    for what, value in (("size", size), ("border", border), ("operation", operation)):
        check_choice(what, value)
    values, weights = check_image(image), check_kernel(kernel)
    if values.ndim != 2:
        raise DataError("the definition is for one channel: give [height, width]")
    if not np.isfinite(values).all():
        raise DataError("the image has values that are not finite (NaN or infinite): replace them")
    exact = values.dtype.kind in "iu" and weights.dtype.kind in "iu"
    I, K = (values.tolist(), weights.tolist()) if exact else (values.astype(float), weights.astype(float))  # noqa: E741
    (height, width), (rows, columns) = values.shape, weights.shape
    down, across = output_axis(height, rows, size, operation), output_axis(width, columns, size, operation)
    sign = -1 if operation == "convolution" else 1
    a, b = (rows - 1) // 2, (columns - 1) // 2
    O: Array = np.zeros((down.count, across.count), dtype=object if exact else np.float64)  # noqa: E741
    for i, j in product(range(down.count), range(across.count)):
        u, v = down.first + i, across.first + j
        total = 0 if exact else 0.0
        for s, t in product(range(-a, rows - a), range(-b, columns - b)):
            y, x = _inside(u + sign * s, height, border), _inside(v + sign * t, width, border)
            if y is not None and x is not None:
                total += I[y][x] * K[s + a][t + b]
        O[i, j] = total
    return _as_int64(O) if exact else O


def _as_int64(sums: Array) -> Array:
    try:
        return sums.astype(np.int64)
    except OverflowError as error:
        raise DataError("a sum does not fit into 64 bits: use floats or smaller numbers") from error


def _inside(place: int, length: int, border: Border) -> int | None:
    """Index of the pixel that is read at `place`; None for a zero."""
    if 0 <= place < length:
        return place
    if border == "zero":
        return None
    if border == "replicate":
        return 0 if place < 0 else length - 1
    if border == "circular":
        return place % length
    while not 0 <= place < length:  # fold at one edge after the other
        if length == 1:
            return 0
        place = -place if place < 0 else 2 * (length - 1) - place
    return place
