"""The gallery: kernels with a name, what each shows, and its source; and kernels of the user's own."""

import html
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.convolution.grids import GRID_SUFFIXES, parse_grid, read_grid
from alexnet.convolution.layout import Array, check_kernel
from alexnet.errors import DataError, GeometryError, RecipeError
from alexnet.files import is_file, shown_name

__all__ = ["GALLERY", "Kernel", "KernelRecipe", "list_kernels", "named_kernel", "read_kernel", "single_weights"]

GONZALEZ = "Gonzalez & Woods, Digital Image Processing, 4th ed. 2018"


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel as it is written down, before it is flipped. Displays itself in a notebook.

    Args:
        name: with its settings, such as `gauss:2`.
        weights: [k, l], integers if all of them are whole.
        shows: what its result shows, in words.
        source: where it comes from.
        partner: the second kernel of a pair, whose results are combined; None for a single kernel.
        combine: how they are combined, `magnitude` or `angle`; "" for a single kernel.
        settings: the numbers that it was made with.

    >>> kernel = named_kernel("sobel-y")
    >>> kernel.facts()
    '3 × 3, separable, gain 0'
    """

    name: str
    weights: Array
    shows: str
    source: str
    partner: Array | None = None
    combine: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        """Rank of the weights as a matrix: 1 if the kernel is separable."""
        return int(np.linalg.matrix_rank(self.weights.astype(np.float64)))

    @property
    def is_separable(self) -> bool:
        """Whether the kernel is a column times a row."""
        return self.rank <= 1

    @property
    def gain(self) -> float:
        """Sum of the weights: the result on a uniform area of 1."""
        total, size = float(self.weights.sum()), float(np.abs(self.weights).sum())
        return total if abs(total) > 1e-12 * size else 0.0

    @property
    def is_signed(self) -> bool:
        """Whether its results lie around 0: its weights cancel."""
        return bool(abs(self.gain) < 1e-9 + 0.01 * float(np.abs(self.weights).sum())) and self.combine != "magnitude"

    def facts(self) -> str:
        """Size, rank and gain in one line."""
        rows, columns = self.weights.shape
        kind = "separable" if self.is_separable else f"rank {self.rank}"
        return f"{rows} × {columns}, {kind}, gain {self.gain:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name,
            "weights": self.weights.tolist(),
            "shows": self.shows,
            "separable": self.is_separable,
            "gain": self.gain,
            "source": self.source,
            "settings": dict(self.settings),
        }

    def _repr_html_(self) -> str:
        cells = "".join(
            "<tr>" + "".join(f"<td style='text-align:right'>{value:.4g}</td>" for value in row) + "</tr>"
            for row in self.weights.tolist()[:15]
        )
        return f"<b>{html.escape(self.name)}</b>: {self.shows} ({self.facts()})<table>{cells}</table>"


@dataclass(frozen=True)
class KernelRecipe:
    """How a kernel of the gallery is made. settings: the numbers that may follow its name, with their defaults."""

    make: Callable[..., Array]
    shows: str
    source: str
    settings: Mapping[str, float]
    partner: str = ""
    combine: str = ""


def _whole(*rows: tuple[int, ...]) -> Callable[[], Array]:
    return lambda: np.array(rows, dtype=np.int64)


def _identity() -> Array:
    return np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=np.int64)


def _shift(down: float, right: float) -> Array:
    reach = int(max(abs(down), abs(right), 1))
    weights = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.int64)
    weights[reach + int(down), reach + int(right)] = 1
    return weights


def _box(side: float) -> Array:
    return np.full((int(side), int(side)), 1.0 / int(side) ** 2)


def _axis(reach: int) -> Array:
    return np.arange(-reach, reach + 1, dtype=np.float64)


def _gauss(sigma: float) -> Array:
    taps = np.exp(-0.5 * (_axis(max(1, math.ceil(3 * sigma))) / sigma) ** 2)
    return np.asarray(np.outer(taps, taps) / taps.sum() ** 2)


def _binomial(side: float) -> Array:
    taps = np.array([math.comb(int(side) - 1, place) for place in range(int(side))], dtype=np.float64)
    return np.asarray(np.outer(taps, taps) / taps.sum() ** 2)


def _unsharp(sigma: float, amount: float) -> Array:
    weights = -amount * _gauss(sigma)
    weights[weights.shape[0] // 2, weights.shape[1] // 2] += 1 + amount
    return weights


def _laplace_of_gauss(sigma: float) -> Array:
    x = _axis(max(1, math.ceil(4 * sigma)))
    squares = x[:, None] ** 2 + x[None, :] ** 2
    weights = (squares - 2 * sigma**2) / sigma**4 * np.exp(-squares / (2 * sigma**2)) / (2 * math.pi * sigma**2)
    return np.asarray(weights - weights.mean())


def _motion(length: float, angle: float) -> Array:
    reach = int(length) // 2
    weights = np.zeros((2 * reach + 1, 2 * reach + 1))
    for place in np.linspace(-reach, reach, 8 * reach + 1):
        y, x = -place * math.sin(math.radians(angle)), place * math.cos(math.radians(angle))
        weights[reach + round(y), reach + round(x)] += 1
    return np.asarray(weights / weights.sum())


def _gabor(angle: float, frequency: float, sigma: float) -> Array:
    x = _axis(max(1, math.ceil(3 * sigma)))
    turn = math.radians(angle)
    along = x[None, :] * math.cos(turn) - x[:, None] * math.sin(turn)
    envelope = np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / (2 * sigma**2))
    wave = envelope * np.cos(2 * math.pi * frequency * along)
    wave -= envelope * (wave.sum() / envelope.sum())
    return np.asarray(wave / np.abs(wave).sum())


SOBEL_X, SOBEL_Y = _whole((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)), _whole((-1, -2, -1), (0, 0, 0), (1, 2, 1))
SCHARR_X, SCHARR_Y = _whole((-3, 0, 3), (-10, 0, 10), (-3, 0, 3)), _whole((-3, -10, -3), (0, 0, 0), (3, 10, 3))
PREWITT_X, PREWITT_Y = _whole((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)), _whole((-1, -1, -1), (0, 0, 0), (1, 1, 1))

SOBEL = "Sobel & Feldman 1968, A 3x3 isotropic gradient operator for image processing"
SCHARR = "Scharr 2000, Optimale Operatoren in der digitalen Bildverarbeitung, doi:10.11588/heidok.00000962"
PREWITT = "Prewitt 1970, Object enhancement and extraction"
MARR = "Marr & Hildreth 1980, doi:10.1098/rspb.1980.0020"


def _gradients() -> dict[str, KernelRecipe]:
    """Sobel, Scharr and Prewitt: both directions, magnitude, angle."""
    kernels = {}
    families = (
        ("sobel", SOBEL_X, SOBEL_Y, SOBEL),
        ("scharr", SCHARR_X, SCHARR_Y, SCHARR),
        ("prewitt", PREWITT_X, PREWITT_Y, PREWITT),
    )
    for name, across, down, source in families:
        kernels[f"{name}-x"] = KernelRecipe(across, "change from left to right: vertical edges", source, {})
        kernels[f"{name}-y"] = KernelRecipe(down, "change from top to bottom: horizontal edges", source, {})
        kernels[f"{name}-magnitude"] = KernelRecipe(
            across, "strength of edges in any direction", source, {}, f"{name}-y", "magnitude"
        )
        kernels[f"{name}-angle"] = KernelRecipe(
            across,
            "direction of the steepest change, in degrees: 0 to the right, 90 down",
            source,
            {},
            f"{name}-y",
            "angle",
        )
    return kernels


GALLERY: dict[str, KernelRecipe] = {
    "identity": KernelRecipe(_identity, "the image itself", GONZALEZ, {}),
    "shift": KernelRecipe(_shift, "the image moved by whole pixels", GONZALEZ, {"down": 0, "right": 1}),
    "box": KernelRecipe(_box, "the mean of a square: a blur that leaves traces of the square", GONZALEZ, {"side": 3}),
    "gauss": KernelRecipe(
        _gauss, "blur, equal in all directions", f"{GONZALEZ}, eq. 3-45; truncated at 3 sigma", {"sigma": 1.0}
    ),
    "binomial": KernelRecipe(
        _binomial,
        "blur by Pascal's triangle, close to a Gaussian",
        "Jähne, Digital Image Processing, 6th ed. 2005, ch. 11",
        {"side": 5},
    ),
    "sharpen": KernelRecipe(
        _whole((0, -1, 0), (-1, 5, -1), (0, -1, 0)), "the image plus its edges", f"{GONZALEZ}, section 3.6", {}
    ),
    "unsharp": KernelRecipe(
        _unsharp, "the image plus what a blur removes", f"{GONZALEZ}, section 3.6", {"sigma": 1.0, "amount": 1.0}
    ),
    **_gradients(),
    "laplace-4": KernelRecipe(
        _whole((0, 1, 0), (1, -4, 1), (0, 1, 0)),
        "second derivative, four neighbors: lines and corners",
        f"{GONZALEZ}, section 3.6",
        {},
    ),
    "laplace-8": KernelRecipe(
        _whole((1, 1, 1), (1, -8, 1), (1, 1, 1)),
        "second derivative, eight neighbors",
        f"{GONZALEZ}, section 3.6",
        {},
    ),
    "log": KernelRecipe(
        _laplace_of_gauss, "blobs about 2.8 sigma wide; its zero crossings are edges", MARR, {"sigma": 1.4}
    ),
    "emboss": KernelRecipe(
        _whole((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
        "a relief lit from one corner",
        "the emboss kernel of GIMP and ImageMagick",
        {},
    ),
    "motion": KernelRecipe(_motion, "blur along a line, as by a moving camera", GONZALEZ, {"length": 15, "angle": 0}),
    "gabor": KernelRecipe(
        _gabor,
        "stripes of one direction and width",
        "Gabor 1946; Daugman 1985, doi:10.1364/JOSAA.2.001160",
        {"angle": 0, "frequency": 0.15, "sigma": 3.0},
    ),
}
"""Every named kernel. Convolution flips it, so that `sobel` is negative at an edge from dark to light."""

LARGEST_SIDE = 511
"""Side of a named kernel, px, at most."""

LARGEST_OWN_SIDE = 1023
"""Side of a kernel of the user's own, px, at most: its rank takes a second to compute."""


def list_kernels() -> tuple[Kernel, ...]:
    """List every kernel of the gallery with its default settings; `alexnet convolve kernels` prints them.

    >>> [kernel.name for kernel in list_kernels()][:3]
    ['identity', 'shift', 'box']
    """
    return tuple(named_kernel(name) for name in GALLERY)


def named_kernel(text: str) -> Kernel:
    """Look up a kernel of the gallery, with settings after colons: `gauss:2.5`, `gabor:45:0.1`, `log:sigma=2`.

    Raises:
        RecipeError: there is no such name or setting, or one is out of range; the message lists the valid ones.

    >>> named_kernel("sobel-y").weights.tolist()
    [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]
    """
    name, *words = text.strip().split(":")
    if name not in GALLERY:
        raise RecipeError(
            f"kernel {shown_name(text)}: no such kernel and no such file; choose one of {', '.join(GALLERY)}, "
            'type one as "1 2 3; 4 5 6; 7 8 9", or give a text, CSV or .npy file'
        )
    recipe = GALLERY[name]
    settings = _settings(text, words, recipe.settings)
    weights = recipe.make(**settings)
    partner = GALLERY[recipe.partner].make() if recipe.partner else None
    return Kernel(text.strip(), weights, recipe.shows, recipe.source, partner, recipe.combine, settings)


def _settings(text: str, words: list[str], defaults: Mapping[str, float]) -> dict[str, float]:
    settings = dict(defaults)
    names = list(defaults)
    shown = shown_name(text)
    valid = ":".join(f"{name}={value:g}" for name, value in defaults.items()) or "none"
    for place, word in enumerate(words):
        name, _, number = word.rpartition("=")
        name = name or (names[place] if place < len(names) else "")
        try:
            value = float(number)
        except ValueError as error:
            message = f"kernel {shown}: {shown_name(word)} is not a number; its settings are {valid}"
            raise RecipeError(message) from error
        if name not in settings or not math.isfinite(value):
            raise RecipeError(f"kernel {shown}: {shown_name(word)} is not a setting of it; its settings are {valid}")
        settings[name] = value
    for name in ("side", "length", "down", "right"):
        if settings.get(name, 0.0) % 1:
            raise RecipeError(f"kernel {shown}: {name} must be a whole number of px")
    if not 0.0 < settings.get("frequency", 0.15) <= 0.5:
        raise RecipeError(f"kernel {shown}: frequency must be above 0 and at most 0.5 cycles per px")
    for name in ("sigma", "side", "length"):
        low, high = (0.1, LARGEST_SIDE / 8) if name == "sigma" else (1, LARGEST_SIDE)
        if name in settings and not low <= settings[name] <= high:
            raise RecipeError(f"kernel {shown}: {name} must be from {low:g} to {high:g}")
    if max(abs(settings.get("down", 0)), abs(settings.get("right", 0))) > LARGEST_SIDE // 2:
        raise RecipeError(f"kernel {shown}: move by at most {LARGEST_SIDE // 2} px")
    return settings


def read_kernel(text: str, *, odd: bool = False) -> Kernel:
    """Read a kernel: from a file, from numbers such as `1 2 3; 4 5 6; 7 8 9`, or by its name in the gallery.

    Args:
        text: path of a file (text, CSV or .npy), rows of numbers separated by semicolons, or a name with settings.
        odd: accept only kernels with a center, that is with odd sides.

    Raises:
        DataError: a file or numbers that are not a kernel.
        GeometryError: a kernel with an even side although `odd`, or one larger than 1023 x 1023.
        RecipeError: a name that the gallery does not have.

    >>> read_kernel("0 1; 1 0").weights.tolist()
    [[0, 1], [1, 0]]
    """
    path = Path(text)
    if "\n" not in text and path.suffix and is_file(path):
        return _own_kernel(path.name, read_grid(path), shown_name(path), odd=odd)
    if re.fullmatch(r"[\d\s.,;+\-/eE]+", text) and re.search(r"\d", text):
        return _own_kernel("typed", parse_grid(text, f'kernel "{text[:80]}"'), "typed", odd=odd)
    is_named = text.strip().partition(":")[0] in GALLERY
    if "\n" not in text and not is_named and is_file(path):
        return _own_kernel(path.name, read_grid(path), shown_name(path), odd=odd)
    if path.suffix in GRID_SUFFIXES:
        raise DataError(f"{shown_name(text)}: no such kernel file; check the path")
    kernel = named_kernel(text)
    check_kernel(kernel.weights, odd=odd)
    return kernel


def single_weights(kernel: Kernel) -> Array:
    """The weights of a kernel that is not a pair, such as `sobel-magnitude`, of which they would be half.

    Raises:
        RecipeError: it is a pair; the message names its kernels.
    """
    if kernel.partner is not None:
        family = shown_name(kernel.name).rpartition("-")[0]
        raise RecipeError(f"kernel {shown_name(kernel.name)}: is a pair; choose {family}-x or {family}-y")
    return kernel.weights


def _own_kernel(name: str, weights: Array, source: str, *, odd: bool) -> Kernel:
    try:
        weights = check_kernel(weights, odd=odd)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    if max(weights.shape) > LARGEST_OWN_SIDE:
        raise GeometryError(
            f"{source}: a kernel of {weights.shape[0]} x {weights.shape[1]}; give one of at most "
            f"{LARGEST_OWN_SIDE} x {LARGEST_OWN_SIDE}"
        )
    return Kernel(name, weights, "a kernel of your own", source)
