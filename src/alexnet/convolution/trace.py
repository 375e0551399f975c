"""Convolution one output at a time: patch, flipped kernel, products, running sum, and the output so far."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import overload

import numpy as np
import numpy.typing as npt

from alexnet.convolution.layout import (
    Array,
    Border,
    Operation,
    OutputAxis,
    Size,
    border_places,
    check_choice,
    check_image,
    check_kernel,
    output_axis,
)
from alexnet.errors import DataError, GeometryError, RecipeError

__all__ = ["DEMO_IMAGE", "DEMO_KERNEL", "Step", "Trace", "Window", "demo_trace", "trace_convolution"]

DEMO_IMAGE = np.zeros((7, 7), dtype=np.int64)
DEMO_IMAGE[3, 3] = 1  # the talk, slides "Convolution II" to "IV"
DEMO_KERNEL = np.arange(1, 10).reshape(3, 3)


@dataclass(frozen=True, eq=False)
class Step:
    """One output.

    number: from 0. place: (u, v) in the image's indices. corner: (row, column) of the patch's first pixel, maybe
    outside. patch, slid, products: [k, l]; slid is the kernel as it lies on the patch, flipped for convolution.
    inside: [k, l], false where the border stands in for a pixel. running: the sum after each product. value: O[u, v].
    """

    number: int
    place: tuple[int, int]
    corner: tuple[int, int]
    patch: Array
    slid: Array
    inside: npt.NDArray[np.bool_]
    products: Array
    running: Array
    value: int | float

    @property
    def equation(self) -> str:
        """The line of products, as the talk writes it."""
        terms = (f"{_factor(k)}·{_factor(p)}" for k, p in zip(self.slid.ravel(), self.patch.ravel(), strict=True))
        return f"O[{self.place[0]},{self.place[1]}] = {' + '.join(terms)} = {_said(self.value)}"

    def __str__(self) -> str:
        return self.equation

    def _repr_html_(self) -> str:
        tables = "".join(
            f"<div>{name}{_table(values)}</div>"
            for name, values in (("patch", self.patch), ("kernel on it", self.slid), ("products", self.products))
        )
        return f"<div style='display:flex;gap:2em'>{tables}</div><code>{html.escape(self.equation)}</code>"


@dataclass(frozen=True, eq=False)
class Window:
    """A part of the image and of the output at one step, to be drawn.

    top, left: index of its first cell. image: [h, w], with what the border stands in for outside. inside: [h, w].
    output: [h, w], NaN where nothing stands (yet).
    """

    top: int
    left: int
    image: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]
    output: npt.NDArray[np.float64]


class Trace(Sequence[Step]):
    """Every step of a convolution, computed when it is asked for. Draws itself in a notebook."""

    def __init__(
        self,
        image: Array,
        kernel: Array,
        down: OutputAxis,
        across: OutputAxis,
        *,
        size: Size,
        border: Border,
        operation: Operation,
        stride: tuple[int, int],
    ) -> None:
        self.image, self.kernel, self.down, self.across = image, kernel, down, across
        self.size, self.border, self.operation, self.stride = size, border, operation, stride
        self.slid = kernel[::-1, ::-1] if operation == "convolution" else kernel
        self.shape = (-(-down.count // stride[0]), -(-across.count // stride[1]))

    def __len__(self) -> int:
        return self.shape[0] * self.shape[1]

    def __repr__(self) -> str:
        rows, columns = self.kernel.shape
        return f"Trace({self.operation} of {self.image.shape} with a {rows} x {columns} kernel, {len(self)} steps)"

    @overload
    def __getitem__(self, key: int) -> Step: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Step]: ...
    def __getitem__(self, key: int | slice) -> Step | Sequence[Step]:
        if isinstance(key, slice):
            return [self[number] for number in range(*key.indices(len(self)))]
        number = key + len(self) if key < 0 else key
        if not 0 <= number < len(self):
            raise IndexError(f"step {key}: there are {len(self)}, from 0 to {len(self) - 1}")
        row, column = divmod(number, self.shape[1])
        return self._step(number, row, column)

    def _step(self, number: int, row: int, column: int) -> Step:
        place = (self.down.first + row * self.stride[0], self.across.first + column * self.stride[1])
        corner = (place[0] - self.down.lead, place[1] - self.across.lead)
        patch, inside = self._read(corner[0], corner[1], *self.kernel.shape)
        if not self._exact and not np.isfinite(patch).all():
            raise DataError(f"the patch at {place} has values that are not finite (NaN or infinite): replace them")
        if self._exact:
            products = patch.astype(object) * self.slid.astype(object)
            running = np.cumsum(products.ravel())
            _check_fit(running, place)
            products, running = products.astype(np.int64), running.astype(np.int64)
        else:
            products = patch.astype(np.float64) * self.slid
            running = np.cumsum(products.ravel())
        value = running[-1].item()
        return Step(number, place, corner, patch, self.slid, inside, products, running, value)

    @property
    def _exact(self) -> bool:
        return self.image.dtype.kind in "iu" and self.kernel.dtype.kind in "iu"

    def _read(self, top: int, left: int, rows: int, columns: int) -> tuple[Array, npt.NDArray[np.bool_]]:
        height, width = self.image.shape
        y = border_places(top, top + rows, height, self.border)
        x = border_places(left, left + columns, width, self.border)
        patch = np.where((y[:, None] >= 0) & (x[None, :] >= 0), self.image[y[:, None], x[None, :]], 0)
        u, v = np.arange(top, top + rows)[:, None], np.arange(left, left + columns)[None, :]
        return patch.astype(self.image.dtype), (u >= 0) & (u < height) & (v >= 0) & (v < width)

    def value_at(self, u: int, v: int) -> int | float | None:
        """The finished output at a place in the image's indices, None where there is none."""
        row, rest_row = divmod(u - self.down.first, self.stride[0])
        column, rest_column = divmod(v - self.across.first, self.stride[1])
        if rest_row or rest_column or not (0 <= row < self.shape[0] and 0 <= column < self.shape[1]):
            return None
        return self._step(row * self.shape[1] + column, row, column).value

    def window(self, step: Step, most: int = 12) -> Window:
        """The surroundings of a step: the whole image where it has at most `most` rows and columns."""
        top, rows = self._span(self.down, step.place[0], self.image.shape[0], self.kernel.shape[0], most)
        left, columns = self._span(self.across, step.place[1], self.image.shape[1], self.kernel.shape[1], most)
        image, inside = self._read(top, left, rows, columns)
        output = np.full((rows, columns), np.nan)
        for i, j in product(range(rows), range(columns)):
            if (top + i, left + j) > step.place:  # places in reading order, as the steps
                break
            value = self.value_at(top + i, left + j)
            output[i, j] = np.nan if value is None else value
        return Window(top, left, image.astype(np.float64), inside, output)

    @staticmethod
    def _span(axis: OutputAxis, place: int, length: int, taps: int, most: int) -> tuple[int, int]:
        """First index and number of cells shown along an axis."""
        first, last = min(0, axis.start), max(length, axis.start + axis.count + taps - 1)
        if last - first <= max(most, taps):
            return first, last - first
        shown = max(most, taps)
        return min(max(place - axis.lead - (shown - taps) // 2, first), last - shown), shown

    def _repr_html_(self) -> str:
        step = self[len(self) // 2]
        window = self.window(step)
        cells = {
            (step.corner[0] + i - window.top, step.corner[1] + j - window.left)
            for i, j in product(*map(range, self.kernel.shape))
        }
        done = (step.place[0] - window.top, step.place[1] - window.left)
        return (
            f"<p>{html.escape(repr(self))}; step {step.number}:</p><div style='display:flex;gap:2em'>"
            f"<div>I{_table(window.image, cells)}</div><div>kernel on it{_table(self.slid)}</div>"
            f"<div>O{_table(window.output, {done})}</div></div><code>{html.escape(step.equation)}</code>"
        )


def _factor(value: float) -> str:
    return f"({_said(value)})" if value < 0 else _said(value)


def _said(value: object) -> str:
    return str(value) if isinstance(value, int | np.integer) else f"{value:.4g}"


def _table(values: Array, marked: set[tuple[int, int]] | None = None) -> str:
    def cell(i: int, j: int, value: float) -> str:
        ground = "background:#fbe3d3;" if marked and (i, j) in marked else ""
        text = "" if value != value else f"{value:.4g}"
        return f"<td style='{ground}border:1px solid #9aa3ab;text-align:right;min-width:1.6em'>{text}</td>"

    rows = ("".join(cell(i, j, v) for j, v in enumerate(row)) for i, row in enumerate(values.tolist()))
    return "<table style='border-collapse:collapse'>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _check_fit(running: Array, place: tuple[int, int]) -> None:
    if max(abs(int(total)) for total in running) >= 2**63:
        raise DataError(f"the sum at {place} does not fit into 64 bits: use floats or smaller numbers")


def trace_convolution(
    image: npt.ArrayLike,
    kernel: npt.ArrayLike,
    *,
    size: Size = "valid",
    border: Border = "zero",
    operation: Operation = "convolution",
    stride: int | tuple[int, int] = 1,
) -> Trace:
    """The steps of a convolution of one channel, row by row; nothing is computed until a step is asked for.

    Args:
        image: [H, W]. kernel: [k, l]. stride: px from one output to the next, down and across, >= 1.
        size, border, operation: as `convolve2d`; the talk's drawing is `valid`, and leaves the other cells empty.

    Raises:
        AlexNetError: bad numbers, a shape or a setting that fits nothing.

    >>> trace_convolution(DEMO_IMAGE, DEMO_KERNEL)[6].equation
    'O[2,2] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·1 = 1'
    """
    for what, value in (("size", size), ("border", border), ("operation", operation)):
        check_choice(what, value)
    values, weights = check_image(image), check_kernel(kernel)
    if values.ndim != 2:
        raise DataError("a trace is for one channel: give [height, width], or trace a channel of it")
    steps = (stride, stride) if isinstance(stride, int) else tuple(stride)
    if len(steps) != 2 or min(steps) < 1:
        raise RecipeError(f"stride {stride}: give one number or two, each at least 1")
    down = output_axis(values.shape[0], weights.shape[0], size, operation)
    across = output_axis(values.shape[1], weights.shape[1], size, operation)
    if max(weights.shape) > 63:
        raise GeometryError(
            f"a kernel of {weights.shape[0]} x {weights.shape[1]} cannot be drawn: trace one up to 63 x 63"
        )
    return Trace(values, weights, down, across, size=size, border=border, operation=operation, stride=steps)


def demo_trace(operation: Operation = "convolution", size: Size = "valid") -> Trace:
    """The talk's own walk: a 1 in a 7 x 7 image of zeros under the kernel 1 ... 9."""
    return trace_convolution(DEMO_IMAGE, DEMO_KERNEL, operation=operation, size=size)
