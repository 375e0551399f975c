"""What kind of detector each kernel of a first layer is: the Gabor function that fits it best, and its color."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Real
from torch import Tensor

from alexnet.errors import GeometryError
from alexnet.records import Record

__all__ = ["FirstLayerStatistics", "GaborFit", "TowerTest", "compare_towers", "first_layer_statistics", "fit_gabor"]

GOOD_FIT = 0.5
"""Fraction of a kernel's energy that a Gabor function must explain for its parameters to mean something."""

BLOB_CYCLES = 0.2
"""Wavelengths in the smaller width of the envelope (one standard deviation) below which a kernel counts as a blob."""

NUM_ANGLES, FREQUENCIES, SIGMAS = 12, (0.0, 0.04, 0.07, 0.1, 0.14, 0.18, 0.24, 0.32), (0.12, 0.2, 0.32)
"""Where the search starts: angles over half a turn, cycles per px, and widths as fractions of the kernel's side."""

REFINEMENTS = 60
"""Steps of Adam from the best of these."""

GRAY_AXIS = np.ones(3) / np.sqrt(3.0)
"""Direction in RGB along which all channels change alike."""

RANKS = {"edge": 0, "bar": 1, "blob": 2, "color blob": 3, "other": 4}
"""Kinds of kernels, in the order in which they are listed and drawn."""

PERMUTATIONS = 10_000
"""Random assignments of kernels to towers that the test compares with."""


@dataclass(frozen=True)
class GaborFit(Record):
    """A Gabor function fitted to one kernel, and the kernel's color.

        g(x, y) = exp(-(x'² / 2 σ_x² + y'² / 2 σ_y²)) cos(2 π f x' + phase)        x', y': turned by the orientation

    Args:
        kernel: number of the kernel.
        r_squared: fraction of the kernel's energy (sum of squares) that the function explains, 0 to 1.
        orientation: direction in which the wave runs, degrees from the rows' direction, counter-clockwise, 0 to 180;
            an edge detector for horizontal edges has 90.
        frequency: cycles per px, >= 0; 0 for a blob.
        wavelength: px; None for a blob.
        phase: degrees, -180 to 180; about 0 or 180 for a bar or blob, about ±90 for an edge.
        sigma_along, sigma_across: width of the envelope along and across the wave, px.
        colorfulness: fraction of the kernel's energy off the gray axis of RGB, 0 to 1; 0 with one input channel.
        kind: `edge`, `bar`, `blob` or `color blob` where the fit is good, else `other`.
    """

    kernel: int
    r_squared: float
    orientation: float
    frequency: float
    wavelength: float | None
    phase: float
    sigma_along: float
    sigma_across: float
    colorfulness: float
    kind: str


@dataclass(frozen=True)
class TowerTest(Record):
    """Whether the kernels of one tower are more colorful than those of the other.

    Args:
        first, second: median colorfulness of each tower.
        difference: second minus first.
        p_value: fraction of random assignments of the kernels to two towers with a difference of medians at least as
            large, either way.
    """

    first: float
    second: float
    difference: float
    p_value: float


@dataclass(frozen=True)
class FirstLayerStatistics(Record):
    """The kernels of a first layer, one fit each, and what they have in common.

    Args:
        fits: one for each kernel, in order.
        num_good: kernels whose fit explains at least half of their energy.
        towers: the paper's claim about the two towers, tested; None for a network without towers, for gray kernels,
            and where there are fewer than four kernels.
    """

    fits: tuple[GaborFit, ...]
    num_good: int
    towers: TowerTest | None

    def __str__(self) -> str:
        """The counts, and the test where there is one, in one line."""
        counts = Counter(fit.kind for fit in self.fits)
        kinds = [f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in RANKS if counts[kind]]
        listed = ", ".join(words for words in kinds if not words.endswith(("other", "others")))
        good = f"{self.num_good} of {len(self.fits)} kernels fitted well" + (f" ({listed})" if listed else "")
        if self.towers is None:
            return good
        towers = self.towers
        colors = f"median colorfulness {towers.first:.2f} / {towers.second:.2f}, p = {towers.p_value:.2g}"
        return f"{good}; towers: {colors}"

    def sorted_by_kind(self) -> tuple[int, ...]:
        """Numbers of the kernels: edges and bars by orientation, then blobs, then the rest."""
        ordered = sorted(self.fits, key=lambda fit: (RANKS[fit.kind], fit.orientation, -fit.r_squared))
        return tuple(fit.kernel for fit in ordered)


def first_layer_statistics(weights: Real[np.ndarray, "O C h w"], *, has_towers: bool) -> FirstLayerStatistics:
    """Fit a Gabor function to every kernel of a first layer, and test the claim about its towers.

    Args:
        weights: [out, 3 or 1, k, k]; three channels in RGB order.
        has_towers: whether the first and the second half of the kernels belong to different towers.

    Raises:
        GeometryError: kernels with another number of channels, or smaller than 3 x 3.

    Source: Gabor functions as models of receptive fields: Daugman 1985, J. Opt. Soc. Am. A 2:1160; "kernels on GPU 1
    are largely color-agnostic, while the kernels on on GPU 2 are largely color-specific": Krizhevsky et al. 2012,
    §6.1.
    """
    fits = fit_gabor(weights)
    colors = np.array([fit.colorfulness for fit in fits])
    towers = compare_towers(colors) if has_towers and len(colors) >= 4 and weights.shape[1] == 3 else None
    return FirstLayerStatistics(fits, sum(fit.r_squared >= GOOD_FIT for fit in fits), towers)


def compare_towers(colorfulness: Real[np.ndarray, " O"]) -> TowerTest:
    """Compare the first half of the kernels, one tower, with the second half by a permutation test.

    >>> compare_towers(np.arange(20.0)).p_value < 0.05
    True
    """
    half = len(colorfulness) // 2
    first, second = float(np.median(colorfulness[:half])), float(np.median(colorfulness[half:]))
    draw = np.random.default_rng(0)
    orders = draw.permuted(np.tile(colorfulness, (PERMUTATIONS, 1)), axis=1)
    differences = np.median(orders[:, half:], axis=1) - np.median(orders[:, :half], axis=1)
    as_large = int((np.abs(differences) >= abs(second - first) - 1e-12).sum())
    return TowerTest(first, second, second - first, (as_large + 1) / (PERMUTATIONS + 1))


def fit_gabor(weights: Real[np.ndarray, "O C h w"]) -> tuple[GaborFit, ...]:
    """The Gabor function that fits each kernel best, by least squares.

    A kernel of three channels is projected onto the color direction that holds most of its energy. Amplitude and
    phase follow exactly from the other parameters (they are linear), which are searched on a grid and then refined.

    Raises:
        GeometryError: kernels with another number of channels than 1 or 3, or smaller than 3 x 3.
    """
    if weights.ndim != 4 or weights.shape[1] not in (1, 3) or min(weights.shape[2:]) < 3:
        raise GeometryError(f"kernels of shape {list(weights.shape)}: give [out, 1 or 3, k, k] with k of at least 3")
    planes, colorfulness, in_plane = _project(weights.astype(np.float64))
    target = torch.from_numpy(planes).flatten(1)
    target = target / target.norm(dim=1, keepdim=True).clamp_min(1e-12)
    places = _places(*weights.shape[2:])
    parameters = _refine(target, places, _search(target, places, side=max(weights.shape[2:])))
    explained, cosine, sine = _explain(target, places, parameters)
    explained = explained * torch.from_numpy(in_plane)
    return tuple(
        _describe(number, *row, color=float(colorfulness[number]))
        for number, row in enumerate(zip(parameters, explained, cosine, sine, strict=True))
    )


def _project(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each kernel along its main color direction, [O, h, w].

    And the fractions of its energy that lie off the gray axis, and along the main direction.
    """
    if weights.shape[1] == 1:
        return weights[:, 0], np.zeros(len(weights)), np.ones(len(weights))
    flat = weights.reshape(len(weights), 3, -1)
    values, vectors = np.linalg.eigh(flat @ flat.transpose(0, 2, 1))
    main = vectors[:, :, -1]
    main = main * np.where(main.sum(1, keepdims=True) < 0.0, -1.0, 1.0)
    energy = (flat**2).sum((1, 2))
    gray = ((GRAY_AXIS @ flat) ** 2).sum(1)
    energy = np.maximum(energy, 1e-12)
    return np.einsum("oc,ochw->ohw", main, weights), 1.0 - gray / energy, values[:, -1] / energy


def _places(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Coordinates of every weight from the kernel's middle, px: x to the right, y up."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    return (x - (width - 1) / 2).flatten(), ((height - 1) / 2 - y).flatten()


def _waves(places: tuple[Tensor, Tensor], parameters: Tensor) -> tuple[Tensor, Tensor]:
    """The even and the odd Gabor function, [..., places], of parameters [..., (x, y, log σx, log σy, angle, f)]."""
    x, y = (axis - parameters[..., place, None] for place, axis in enumerate(places))
    angle = parameters[..., 4, None]
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    widths = parameters[..., 2:4, None].exp()
    envelope = (-0.5 * ((along / widths[..., 0, :]) ** 2 + (across / widths[..., 1, :]) ** 2)).exp()
    phase = 2 * torch.pi * parameters[..., 5, None] * along
    return envelope * phase.cos(), envelope * phase.sin()


def _explain(target: Tensor, places: tuple[Tensor, Tensor], parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fraction of each target's energy explained, and the amplitudes of the even and the odd function."""
    even, odd = _waves(places, parameters)
    aa, bb, ab = (even * even).sum(-1) + 1e-9, (odd * odd).sum(-1) + 1e-9, (even * odd).sum(-1)
    at, bt = (even * target).sum(-1), (odd * target).sum(-1)
    determinant = (aa * bb - ab * ab).clamp_min(1e-12)
    a, b = (bb * at - ab * bt) / determinant, (aa * bt - ab * at) / determinant
    return a * at + b * bt, a, b


def _search(target: Tensor, places: tuple[Tensor, Tensor], *, side: int) -> Tensor:
    """The best parameters of a grid, [O, 6]; the middle is where a kernel's energy is."""
    energy = target.square()
    total = energy.sum(1).clamp_min(1e-12)
    middle = torch.stack([(energy * axis).sum(1) / total for axis in places], 1)
    best, score = torch.zeros(len(target), 6, dtype=torch.float64), torch.full((len(target),), -1.0).double()
    for angle in torch.arange(NUM_ANGLES).double() * torch.pi / NUM_ANGLES:
        for frequency in FREQUENCIES:
            for sigma in SIGMAS:
                width = float(np.log(sigma * side))
                rest = torch.tensor([width, width, float(angle), frequency], dtype=torch.float64)
                candidate = torch.cat([middle, rest.expand(len(target), 4)], 1)
                explained = _explain(target, places, candidate)[0]
                better = explained > score
                best[better], score[better] = candidate[better], explained[better]
    return best


def _refine(target: Tensor, places: tuple[Tensor, Tensor], start: Tensor) -> Tensor:
    """Follow the gradient from the grid's best; never worse than that."""
    with torch.enable_grad():
        parameters = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([parameters], lr=0.03)
        best, score = start.clone(), _explain(target, places, start)[0]
        for _ in range(REFINEMENTS):
            explained = _explain(target, places, parameters)[0]
            with torch.no_grad():
                better = explained > score
                best[better], score[better] = parameters[better], explained[better]
            optimizer.zero_grad()
            (-explained.sum()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return best


def _describe(
    number: int, parameters: Tensor, explained: Tensor, cosine: Tensor, sine: Tensor, *, color: float
) -> GaborFit:
    _, _, log_along, log_across, angle, frequency = parameters.tolist()
    if frequency < 0.0:
        frequency, sine = -frequency, -sine
    phase = float(np.degrees(np.arctan2(-float(sine), float(cosine))))
    r_squared = float(explained.clamp(0.0, 1.0))
    along, across = float(np.exp(log_along)), float(np.exp(log_across))
    return GaborFit(
        kernel=number,
        r_squared=r_squared,
        orientation=float(np.degrees(angle)) % 180.0,
        frequency=frequency,
        wavelength=1.0 / frequency if frequency > 1e-3 else None,
        phase=phase,
        sigma_along=along,
        sigma_across=across,
        colorfulness=color,
        kind=_kind(r_squared, frequency * min(along, across), phase, color),
    )


def _kind(r_squared: float, cycles: float, phase: float, color: float) -> str:
    """An odd wave is an edge, an even one a bar; an even one that fades before it repeats is a blob.

    cycles: wavelengths in the envelope's smaller width.
    """
    if r_squared < GOOD_FIT:
        return "other"
    if 45.0 <= abs(phase) <= 135.0:
        return "edge"
    if cycles < BLOB_CYCLES:
        return "color blob" if color > 0.5 else "blob"
    return "bar"
