"""The learned kernels that are most similar to a given one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from jaxtyping import Float, Real
from torch.nn import functional as F

from alexnet.convolution.gallery import Kernel, read_kernel, single_weights
from alexnet.errors import GeometryError
from alexnet.inspection.kernels import KernelSet, kernels
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KernelMatch", "KernelMatches", "match_kernels", "rank_matches"]

SMALLEST_OVERLAP = 0.5
"""Fraction of the cells of the smaller kernel that must lie on the larger one, at least."""


@dataclass(frozen=True, eq=False)
class KernelMatch(Record):
    """How similar a learned kernel is to a given one.

    correlation: normalized, -1 ... 1; negative if it resembles the negative. shift: (down, right), px, from the
    center of the learned kernel to that of the given one. scale: factor by which each side of the given kernel was
    enlarged. laid: the given kernel on the cells of the learned one, [k, k].
    """

    number: int
    correlation: float
    shift: tuple[int, int]
    scale: int
    laid: np.ndarray

    def to_dict(self) -> dict[str, object]:
        """As plain data, without the kernel."""
        return {
            "kernel": self.number,
            "correlation": self.correlation,
            "shift": list(self.shift),
            "scale": self.scale,
        }


@dataclass(frozen=True, eq=False, repr=False)
class KernelMatches(Sequence[KernelMatch]):
    """The learned kernels most similar to a given one, best first; indexed and iterated like a tuple.

    >>> matches = alexnet.match_kernels("runs/first", "sobel-y")
    >>> figure = matches.draw()
    """

    kernel: Kernel
    learned: KernelSet
    matches: tuple[KernelMatch, ...]

    def __repr__(self) -> str:
        return f"<{len(self.matches)} kernels of {self.learned.title or self.learned.layer} like {self.kernel.name}>"

    def __len__(self) -> int:
        return len(self.matches)

    @overload
    def __getitem__(self, place: int) -> KernelMatch: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[KernelMatch, ...]: ...
    def __getitem__(self, place: int | slice) -> KernelMatch | tuple[KernelMatch, ...]:
        return self.matches[place]

    def __iter__(self) -> Iterator[KernelMatch]:
        return iter(self.matches)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        matches = [match.to_dict() for match in self.matches]
        return {"kernel": self.kernel.name, "layer": self.learned.layer, "matches": matches}

    def draw(self) -> "Figure":
        """The learned kernels, a column for each, with the given kernel in its best position."""
        from alexnet.figures.convolution import MatchTile, draw_matches

        weights = self.learned.weights
        tiles = [
            MatchTile(
                number=match.number,
                weights=weights[match.number] if weights.shape[1] == 3 else weights[match.number].mean(0),
                laid=match.laid,
                correlation=match.correlation,
                caption=f"{match.scale}x, {match.shift[0]:+d}, {match.shift[1]:+d}",
            )
            for match in self.matches
        ]
        title = f"{self.learned.title or self.learned.layer}: kernels most similar to {self.kernel.name}"
        return draw_matches(tiles, title=f"{title} (flipped, as networks correlate)")


def match_kernels(
    classifier: Classifier, kernel: Kernel | str, layer: str = "conv1", *, most: int = 8, title: str = ""
) -> KernelMatches:
    """The kernels of a layer most similar to a given one, see `rank_matches`.

    Args:
        kernel: a kernel, or text as `read_kernel` takes it.
        most: how many kernels to return.
        title: what figures are titled.

    Raises:
        AlexNetError: there is no such layer or kernel.
    """
    kernel = read_kernel(kernel) if isinstance(kernel, str) else kernel
    learned = kernels(classifier, layer, title=title)
    return KernelMatches(kernel, learned, rank_matches(learned.weights, single_weights(kernel), most=most))


def rank_matches(
    weights: Float[np.ndarray, "O I k k"], named: Real[np.ndarray, "a b"], *, most: int = 8
) -> tuple[KernelMatch, ...]:
    """The learned kernels most similar to a given one, wherever it lies and with either sign, best first.

        r = max over shifts d of |sum (L - mean L) N_d| / (|L - mean L| |N - mean N|)

    L is the learned kernel, summed over its input maps, as a gray image excites it. N_d is the given kernel moved by
    d, as it is and enlarged by whole numbers as far as it fits, with at least `SMALLEST_OVERLAP` of it inside. It is
    flipped first, because networks do not flip: r compares the effect of both on an image. The mean of a kernel whose
    values are all equal (box) is not subtracted.

    Raises:
        GeometryError: the weights are not kernels.
    """
    if weights.ndim != 4 or not weights.size:
        raise GeometryError(f"kernels of shape {weights.shape}: give [out, in, k, k]")
    learned = weights.sum(1).astype(np.float64)
    flipped, side = named[::-1, ::-1].astype(np.float64), weights.shape[-1]
    scales = range(1, max(side // max(flipped.shape), 1) + 1)
    at_scales = [_match_at(learned, np.kron(flipped, np.ones((scale, scale))), scale) for scale in scales]
    best = [max(matches, key=lambda match: abs(match.correlation)) for matches in zip(*at_scales, strict=True)]
    return tuple(sorted(best, key=lambda match: -abs(match.correlation))[:most])


def _match_at(learned: np.ndarray, laid_kernel: np.ndarray, scale: int) -> list[KernelMatch]:
    """The best position on each learned kernel at one enlargement."""
    if np.ptp(laid_kernel) > 0.0:
        laid_kernel = laid_kernel - laid_kernel.mean()
        learned = learned - learned.mean((1, 2), keepdims=True)
    norms = np.linalg.norm(learned.reshape(len(learned), -1), axis=1) * np.linalg.norm(laid_kernel)
    (rows, columns), side = laid_kernel.shape, learned.shape[1]
    lead = (rows - 1, columns - 1)
    padded = F.pad(torch.from_numpy(learned)[:, None], (lead[1], lead[1], lead[0], lead[0]))
    sums = F.conv2d(padded, torch.from_numpy(laid_kernel.copy())[None, None])[:, 0].numpy()
    down, right = (np.arange(size) - reach for size, reach in zip(sums.shape[1:], lead, strict=True))
    inside = np.outer(_overlap(down, rows, side), _overlap(right, columns, side))
    allowed = inside >= SMALLEST_OVERLAP * min(rows * columns, side * side)
    scores = np.where(allowed, sums, 0.0) / np.maximum(norms, 1e-30)[:, None, None]
    places = np.abs(scores).reshape(len(scores), -1).argmax(1)
    matches = []
    for number, (y, x) in enumerate(zip(*np.divmod(places, sums.shape[2]), strict=True)):
        laid = _lay(laid_kernel, int(down[y]), int(right[x]), side)
        shift = (round(down[y] + (rows - side) / 2), round(right[x] + (columns - side) / 2))
        value = float(scores[number, y, x])
        matches.append(KernelMatch(number, value, shift, scale, laid if value >= 0 else -laid))
    return matches


def _overlap(starts: np.ndarray, length: int, side: int) -> np.ndarray:
    """Number of the `length` cells from each start that lie in 0 ... side - 1."""
    return np.asarray(np.minimum(starts + length, side) - np.maximum(starts, 0))


def _lay(kernel: np.ndarray, down: int, right: int, side: int) -> np.ndarray:
    """The part of a kernel that lies on side x side cells when its first cell is at (down, right)."""
    laid = np.zeros((side, side))
    top, left = max(down, 0), max(right, 0)
    bottom, end = min(down + kernel.shape[0], side), min(right + kernel.shape[1], side)
    laid[top:bottom, left:end] = kernel[top - down : bottom - down, left - right : end - right]
    return laid
