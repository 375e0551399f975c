"""Convolution of photographs: the numbers of the definition by the fastest method for image, kernel and type."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from alexnet.convolution.bands import Scene
from alexnet.convolution.engines import (
    Factors,
    by_blocks,
    by_fft,
    by_integers,
    by_matrices,
    by_separated_blocks,
    by_separated_matrices,
    fft_tile,
    num_blocks,
)
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
from alexnet.errors import DataError, RecipeError

__all__ = ["ERROR_BOUND", "Method", "convolve2d", "separate"]

Method = Literal["auto", "direct", "separable", "fft"]

ERROR_BOUND = {"float32": 1e-5, "float64": 1e-13}
"""Largest error of float results against the definition, in units of max|I| * sum|K|; integers are exact."""

ONE_PIECE = 1 << 22
"""Pixels of a plane that is convolved in one piece, if that is possible, at most."""

SEPARABLE_BOUND = {"float32": 1e-6, "float64": 1e-15}
"""Fraction of sum|K| that the factors of a separable kernel may leave out."""


def convolve2d(
    image: npt.ArrayLike,
    kernel: npt.ArrayLike,
    *,
    size: Size = "same",
    border: Border = "zero",
    operation: Operation = "convolution",
    method: Method = "auto",
) -> Array:
    """Convolve an image with a kernel, which is flipped as the definition says.

        O[u, v] = sum over s, t of I[u - s, v - t] K[s, t]

    Args:
        image: [H, W] or [H, W, 3] (each channel by itself), integers or floats, all finite.
        kernel: [k, l]; the center of an even side of n taps is tap (n - 1) // 2, counted from 0, as in
            `scipy.signal`.
        size: `same` as the image, `valid` (the kernel lies wholly inside) or `full`.
        border: outside the image, `zero`, `reflect` (the edge is not repeated), `replicate` or `circular`.
        operation: `convolution`, or `correlation`, which does not flip the kernel.
        method: `direct`, `separable` or `fft`; `auto` chooses the fastest. All agree within these bounds.

    Returns:
        Integers if image and kernel are integers: exact, int32 if every possible sum fits, otherwise int64. Otherwise
        floats, float64 if the image is float64 or has integers of 32 or 64 bits, otherwise float32; they differ from
        the definition by at most 1e-13 or 1e-5, in units of max|I| * sum|K|.

    Raises:
        DataError: values that are not finite, another shape, or a result that does not fit into its type.
        GeometryError: the kernel is larger than the image and the size is `valid`.
        RecipeError: an unknown setting, or a method that does not work for this kernel.

    >>> convolve2d([[0, 0, 0], [0, 1, 0], [0, 0, 0]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]])[0].tolist()
    [1, 2, 3]
    """
    for what, value in (("size", size), ("border", border), ("operation", operation)):
        check_choice(what, value)
    values, taps = check_image(image), check_kernel(kernel)
    weights = taps[::-1, ::-1] if operation == "convolution" else taps
    down = output_axis(values.shape[0], taps.shape[0], size, operation)
    across = output_axis(values.shape[1], taps.shape[1], size, operation)
    plan = _choose_plan(values, weights, method, (down.count, across.count))
    with torch.no_grad():
        if values.ndim == 2:
            return plan.run(Scene(values, down, across, taps.shape, border), None)
        out = np.empty((down.count, across.count, values.shape[2]), dtype=plan.result)
        for channel in range(values.shape[2]):
            plan.run(Scene(values[..., channel], down, across, taps.shape, border), out[..., channel])
    return out


@dataclass(frozen=True)
class _Plan:
    """How to compute a convolution. compute: the type of the sums. factors: of a separable kernel."""

    method: Method
    compute: torch.dtype
    result: np.dtype[np.generic]
    weights: Array
    factors: Factors = ()
    wraps: bool = False

    def run(self, scene: Scene, target: Array | None) -> Array:
        """Convolve one channel into `target`, or into a new array."""
        if target is None and self.in_one_piece(scene):
            separable = self.method == "separable"
            target = (
                by_separated_blocks(scene, self.factors, None) if separable else by_blocks(scene, self.weights, None)
            ).numpy()
        else:
            target = np.empty((scene.down.count, scene.across.count), self.result) if target is None else target
            self.fill(scene, torch.from_numpy(target))
        _check_result(scene.plane, target)
        return target

    def in_one_piece(self, scene: Scene) -> bool:
        """Whether neither bands nor a copy of the result are needed."""
        blocked = self.method != "fft" and self.result == np.float32
        return blocked and scene.fits_blocks and scene.plane.size <= ONE_PIECE

    def fill(self, scene: Scene, out: torch.Tensor) -> None:
        """Write the result into `out`."""
        single = self.compute == torch.float32
        if self.compute == torch.int64:
            by_integers(scene, self.weights, out)
            if self.wraps:
                _check_fit(scene, self.weights)
        elif self.method == "fft":
            by_fft(scene, self.weights, out, self.compute)
        elif self.method == "separable" and single:
            by_separated_blocks(scene, self.factors, out)
        elif self.method == "separable":
            by_separated_matrices(scene, self.factors, out)
        elif single:
            by_blocks(scene, self.weights, out)
        else:
            by_matrices(scene, self.weights, out)


def _choose_plan(values: Array, weights: Array, method: Method, outputs: tuple[int, int]) -> _Plan:
    if method not in ("auto", "direct", "separable", "fft"):
        raise RecipeError(f"method {method}: choose one of auto, direct, separable, fft")
    if values.dtype.kind in "iu" and weights.dtype.kind in "iu":
        return _plan_integers(values, weights, method)
    single = values.dtype.itemsize <= 2 or values.dtype == np.float32
    compute, result = (torch.float32, np.dtype(np.float32)) if single else (torch.float64, np.dtype(np.float64))
    weights = weights.astype(np.float64)
    factors = separate(weights, SEPARABLE_BOUND[result.name])
    costs: dict[Method, float] = {
        "direct": _direct_cost(weights.shape, single),
        "separable": _separable_cost(weights.shape, len(factors), single) if factors else np.inf,
        "fft": (0.35 if single else 0.7) * fft_tile(weights.shape, outputs).work,
    }
    if method == "separable" and not factors:
        raise RecipeError(
            "method separable: the kernel is not a sum of a few products of a column and a row; choose auto"
        )
    chosen = min(costs, key=lambda name: costs[name]) if method == "auto" else method
    return _Plan(chosen, compute, result, weights, factors)


def _direct_cost(taps: tuple[int, ...], single: bool) -> float:
    """Milliseconds for a million outputs on one core of 2.6 GHz with AVX-512, the unit of all costs here."""
    return 0.23 * taps[0] * num_blocks(taps[1]) if single else 0.054 * taps[1] * (15 + taps[0])


def _separable_cost(taps: tuple[int, ...], rank: int, single: bool) -> float:
    if single:
        return rank * (0.9 + 0.026 * taps[0] + 0.12 * num_blocks(taps[1]))
    return 1.0 + rank * 0.054 * (126 + sum(taps))


def separate(weights: Array, bound: float, *, most: int = 3) -> list[tuple[Array, Array]]:
    """Columns and rows whose outer products add up to the kernel, up to `bound` times its sum of magnitudes.

    Their number is the rank of the kernel; there are none if it is larger than `most`. Each step subtracts the
    product of the row and the column through the largest remaining value (cross approximation with full pivoting).
    """
    rest, allowed = weights.astype(np.float64), bound * float(np.abs(weights).sum())
    factors: list[tuple[Array, Array]] = []
    for _ in range(most):
        y, x = divmod(int(np.abs(rest).argmax()), rest.shape[1])
        pivot = rest[y, x]
        column, row = rest[:, x].copy(), rest[y] / (pivot if pivot else 1.0)
        factors.append((column, row))
        rest -= np.outer(column, row)
        if float(np.abs(rest).sum()) <= allowed:
            return factors
    return []


def _plan_integers(values: Array, weights: Array, method: Method) -> _Plan:
    """Sums of whole numbers are exact in float32 up to 2^24 and in float64 up to 2^53; above, int64 is used."""
    if method == "fft":
        raise RecipeError("method fft: does not give exact integers; choose auto, or give the image as floats")
    span = np.iinfo(values.dtype) if values.dtype.itemsize == 1 else None
    low, high = (span.min, span.max) if span else (int(values.min()), int(values.max()))
    bound = max(abs(int(low)), abs(int(high))) * sum(abs(int(tap)) for tap in weights.ravel())
    result = np.dtype(np.int32 if bound < 2**31 else np.int64)
    factors = _whole_factors(weights)
    if method == "separable" and not factors:
        raise RecipeError("method separable: the kernel is not a column times a row of integers; choose auto")
    if bound >= 2**53:
        return _Plan("direct", torch.int64, result, weights, wraps=bound >= 2**63)
    single = bound < 2**24
    cheap = _separable_cost(weights.shape, 1, single) < _direct_cost(weights.shape, single)
    separable = bool(factors) and method != "direct" and (cheap or method == "separable")
    compute = torch.float32 if single else torch.float64
    return _Plan("separable" if separable else "direct", compute, result, weights.astype(np.float64), factors)


def _whole_factors(weights: Array) -> list[tuple[Array, Array]]:
    """A column and a row of integers whose product is the kernel; empty if there are none."""
    taps = [[int(tap) for tap in row] for row in weights]
    first = next((row for row in taps if any(row)), None)
    if first is None:
        return []
    divisor = int(np.gcd.reduce(np.array([abs(tap) for tap in first], dtype=object)))
    row = [tap // divisor for tap in first]
    pivot = next(place for place, tap in enumerate(row) if tap)
    if any(line[pivot] % row[pivot] for line in taps):
        return []
    column = [line[pivot] // row[pivot] for line in taps]
    if any(line[x] != factor * row[x] for line, factor in zip(taps, column, strict=True) for x in range(len(row))):
        return []
    return [(np.array(column, dtype=np.float64), np.array(row, dtype=np.float64))]


def _check_fit(scene: Scene, weights: Array) -> None:
    """Refuse sums beyond 64 bits: sums of floats, which do not wrap around, tell how large they are."""
    sums = np.empty((scene.down.count, scene.across.count))
    by_matrices(scene, weights.astype(np.float64), torch.from_numpy(sums))
    if np.abs(sums).max() >= 2.0**63 * (1 - 1e-9):
        raise DataError("a sum does not fit into 64 bits: use floats, smaller numbers or a smaller kernel")


def _check_result(plane: Array, target: Array) -> None:
    """A value that is not finite spoils every sum that contains it, and so the total of the result."""
    if target.dtype.kind != "f" or np.isfinite(float(torch.from_numpy(target).sum())):
        return
    if not np.isfinite(plane).all():
        raise DataError("the image has values that are not finite (NaN or infinite): replace them")
    if not np.isfinite(target).all():
        raise DataError(f"a sum does not fit into {target.dtype}: give the image as float64 or scale it down")
