"""Convolution one output at a time: patch, flipped kernel, products, running sum, and the output so far."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from alexnet.convolution.gallery import Kernel, read_kernel, single_weights
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
from alexnet.convolution.read_image import read_image
from alexnet.errors import DataError, GeometryError, RecipeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.figures.trace_steps import StepDrawing

__all__ = ["DEMO_IMAGE", "DEMO_KERNEL", "Step", "Trace", "Window", "demo_trace", "trace_convolution"]

DEMO_IMAGE = np.zeros((7, 7), dtype=np.int64)
DEMO_IMAGE[3, 3] = 1  # the seminar talk, slides "Convolution II" to "IV"
DEMO_KERNEL = np.arange(1, 10).reshape(3, 3)

LARGEST_SIDE = 63
"""Side of a kernel that can be traced, px, at most."""

DRAWN = 12
"""Rows and columns of the image in a figure, at most."""


@dataclass(frozen=True, eq=False)
class Step:
    """One output. Displays itself in a notebook.

    number: from 0. place: (u, v), an index of the image. corner: (row, column) of the first pixel of the patch, which
    may lie outside. patch, slid, products: [k, l]; slid is the kernel as it lies on the patch, flipped for
    convolution. inside: [k, l], false where the border replaces a pixel. running: the sum after each product.
    value: O[u, v].
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
        """The sum of products, written out."""
        terms = (f"{_factor(k)}·{_factor(p)}" for k, p in zip(self.slid.ravel(), self.patch.ravel(), strict=True))
        return f"O[{self.place[0]},{self.place[1]}] = {' + '.join(terms)} = {_number(self.value)}"

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
    """The part of the image and of the output around one step.

    top, left: index of the first cell. image: [h, w], outside with the values of the border. inside: [h, w].
    output: [h, w], NaN where there is no output (yet).
    """

    top: int
    left: int
    image: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]
    output: npt.NDArray[np.float64]


class Trace(Sequence[Step]):
    """The steps of a convolution, each computed when it is needed: `trace[6]`. Displays itself in a notebook.

    >>> len(demo_trace()), demo_trace()[6].value
    (25, 1)
    """

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
            raise IndexError(f"step {key}: the trace has steps 0 to {len(self) - 1}")
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
        """The output at an index of the image, None if there is none."""
        row, rest_row = divmod(u - self.down.first, self.stride[0])
        column, rest_column = divmod(v - self.across.first, self.stride[1])
        if rest_row or rest_column or not (0 <= row < self.shape[0] and 0 <= column < self.shape[1]):
            return None
        return self._step(row * self.shape[1] + column, row, column).value

    def window(self, step: Step, most: int = 12) -> Window:
        """The surroundings of a step: the whole image if it has at most `most` rows and columns, else a part."""
        top, rows = self._span(self.down, step.place[0], self.image.shape[0], self.kernel.shape[0], most)
        left, columns = self._span(self.across, step.place[1], self.image.shape[1], self.kernel.shape[1], most)
        image, inside = self._read(top, left, rows, columns)
        output = np.full((rows, columns), np.nan)
        for i, j in product(range(rows), range(columns)):
            if (top + i, left + j) > step.place:  # indices in reading order, as the steps
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

    def describe(self) -> str:
        """Operation, size, border and stride in words."""
        flip = "the kernel is flipped" if self.operation == "convolution" else "the kernel is not flipped"
        border = "" if self.size == "valid" else f", border {self.border}"
        stride = "" if self.stride == (1, 1) else f", stride {self.stride[0]} × {self.stride[1]}"
        return f"{self.operation} ({flip}), size {self.size}{border}{stride}"

    def text(self, number: int = -1, *, most: int = 16) -> str:
        """A step as text: the image with the patch in brackets, the output so far, and the sum of products.

        Args:
            number: of the step, from 0, or from the end if negative.
            most: rows and columns of the image, at most.

        >>> print(demo_trace()[:3][2].equation)
        O[1,3] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·0 = 0
        """
        return _step_text(self, self[number], most)

    def draw(self, number: int = -1) -> "Figure":
        """A step as a figure: the kernel on the image, the sum of products, the output so far.

        Args:
            number: of the step, from 0, or from the end if negative.
        """
        from alexnet.figures.trace_steps import draw_step

        return draw_step(_drawing(self, self[number]))

    def draw_all(self) -> "Iterator[Figure]":
        """Every step as a figure, all of one size, each drawn when it is needed."""
        from alexnet.figures.trace_steps import draw_steps

        return draw_steps([_drawing(self, step) for step in self])

    def to_dict(self, steps: Sequence[Step] | None = None) -> dict[str, Any]:
        """The number of steps and the given ones (all by default), as plain data."""
        shown = list(self if steps is None else steps)
        listed = [{"place": list(s.place), "equation": s.equation, "value": s.value} for s in shown]
        return {"steps": len(self), "operation": self.operation, "shown": listed}

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
    return f"({_number(value)})" if value < 0 else _number(value)


def _number(value: object) -> str:
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
    image: npt.ArrayLike | Path | str | None = None,
    kernel: npt.ArrayLike | Kernel | str | None = None,
    *,
    size: Size = "valid",
    border: Border = "zero",
    operation: Operation = "convolution",
    stride: int | tuple[int, int] = 1,
) -> Trace:
    """The steps of a convolution of one channel, row by row; nothing is computed until a step is needed.

    Args:
        image: [H, W], or a file as `read_image` takes it; by default, a 1 in a 7 x 7 image of zeros.
        kernel: [k, l], or text as `read_kernel` takes it; by default, the numbers 1 to 9 as 3 x 3. At most 63 x 63.
        size, border, operation: as in `convolve2d`.
        stride: px from one output to the next, down and across, >= 1.

    Raises:
        AlexNetError: a bad image, kernel or setting.

    >>> trace_convolution()[6].equation
    'O[2,2] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·1 = 1'
    """
    for what, value in (("size", size), ("border", border), ("operation", operation)):
        check_choice(what, value)
    values, weights = _read_image(image), _read_weights(kernel)
    if values.ndim != 2:
        raise DataError("a trace is for one channel: give [height, width], or one channel of the image")
    steps = (stride, stride) if isinstance(stride, int) else tuple(stride)
    if len(steps) != 2 or min(steps) < 1:
        raise RecipeError(f"stride {stride}: give one number or two, each at least 1")
    if max(weights.shape) > LARGEST_SIDE:
        shape = " x ".join(map(str, weights.shape))
        raise GeometryError(
            f"a kernel of {shape} cannot be traced: give one of at most {LARGEST_SIDE} x {LARGEST_SIDE}"
        )
    down = output_axis(values.shape[0], weights.shape[0], size, operation)
    across = output_axis(values.shape[1], weights.shape[1], size, operation)
    return Trace(values, weights, down, across, size=size, border=border, operation=operation, stride=steps)


def _read_image(image: npt.ArrayLike | Path | str | None) -> Array:
    if image is None:
        return DEMO_IMAGE
    return read_image(image, gray=True) if isinstance(image, Path | str) else check_image(image)


def _read_weights(kernel: npt.ArrayLike | Kernel | str | None) -> Array:
    if kernel is None:
        return DEMO_KERNEL
    kernel = read_kernel(kernel) if isinstance(kernel, str) else kernel
    return single_weights(kernel) if isinstance(kernel, Kernel) else check_kernel(kernel)


def demo_trace(operation: Operation = "convolution", size: Size = "valid") -> Trace:
    """The example of the seminar talk: a 1 in a 7 x 7 image of zeros under the kernel 1 ... 9."""
    return trace_convolution(operation=operation, size=size)


def _step_text(trace: Trace, step: Step, most: int) -> str:
    """The image with the patch in brackets, the output so far, and the sum."""
    window = trace.window(step, most=most)
    rows, columns = trace.kernel.shape
    top, left = step.corner[0] - window.top, step.corner[1] - window.left
    numbers = [value for value in (*window.image.ravel(), *window.output.ravel(), 0.0) if not np.isnan(value)]
    width = max(len(f"{value:.4g}") for value in numbers)
    lines = []
    for i, (values, outputs) in enumerate(zip(window.image, window.output, strict=True)):
        is_in_patch = top <= i < top + rows
        image = "".join(
            ("[" if is_in_patch and j == left else "]" if is_in_patch and j == left + columns else " ")
            + f"{value:.4g}".rjust(width)
            for j, value in enumerate(values)
        )
        end = "]" if is_in_patch and left + columns == len(values) else " "
        output = " ".join(("·" if np.isnan(value) else f"{value:.4g}").rjust(width) for value in outputs)
        middle = "  →  " if i == len(window.image) // 2 else "     "
        lines.append(f"{image}{end}{middle}{output}")
    return "\n".join([*lines, "", f"step {step.number + 1} of {len(trace)}: {step.equation}"])


def _drawing(trace: Trace, step: Step) -> "StepDrawing":
    """What a figure of a step shows."""
    from alexnet.figures.trace_steps import StepDrawing

    window = trace.window(step, most=DRAWN)
    return StepDrawing(
        image=window.image,
        inside=window.inside,
        output=window.output,
        first=(window.top, window.left),
        slid=step.slid,
        corner=(step.corner[0] - window.top, step.corner[1] - window.left),
        place=(step.place[0] - window.top, step.place[1] - window.left),
        equation=step.equation,
        title=f"Step {step.number + 1} of {len(trace)}: {trace.describe()}",
    )
