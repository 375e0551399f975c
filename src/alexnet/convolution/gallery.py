"""The gallery: kernels with a name, what each shows, and where it comes from; and the user's own."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.convolution.layout import Array, check_kernel
from alexnet.errors import DataError, RecipeError

__all__ = ["GALLERY", "Kernel", "KernelRecipe", "named_kernel", "parse_grid", "read_kernel"]

GONZALEZ = "Gonzalez & Woods, Digital Image Processing, 4th ed. 2018"


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel as it is written down, before it is flipped.

    weights: [k, l], integers where the kernel has them. partner: the second direction of a pair whose results are
    combined into a magnitude or an angle. combine: "" for none, `magnitude`, `angle`, or `unsharp`.
    """

    name: str
    weights: Array
    shows: str
    source: str
    partner: Array | None = None
    combine: str = ""

    @property
    def rank(self) -> int:
        """1 where it is separable: a column times a row."""
        return int(np.linalg.matrix_rank(self.weights.astype(np.float64)))

    @property
    def is_separable(self) -> bool:
        """Whether it is a column times a row."""
        return self.rank <= 1

    @property
    def gain(self) -> float:
        """Sum of the weights: what it makes of an even area of 1."""
        total, size = float(self.weights.sum()), float(np.abs(self.weights).sum())
        return total if abs(total) > 1e-12 * size else 0.0

    @property
    def is_signed(self) -> bool:
        """Whether its results are read around 0: weights of both signs that cancel."""
        return bool(abs(self.gain) < 1e-9 + 0.01 * float(np.abs(self.weights).sum())) and self.combine != "magnitude"

    def facts(self) -> str:
        """Its properties in one line."""
        rows, columns = self.weights.shape
        kind = "separable" if self.is_separable else f"rank {self.rank}"
        return f"{rows} × {columns}, {kind}, gain {self.gain:.3g}"

    def _repr_html_(self) -> str:
        cells = "".join(
            "<tr>" + "".join(f"<td style='text-align:right'>{value:.4g}</td>" for value in row) + "</tr>"
            for row in self.weights.tolist()[:15]
        )
        return f"<b>{self.name}</b>: {self.shows} ({self.facts()})<table>{cells}</table>"


@dataclass(frozen=True)
class KernelRecipe:
    """How a kernel of the gallery is made. settings: what may follow its name, with what holds otherwise."""

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
            across, "strength of edges, any direction", source, {}, f"{name}-y", "magnitude"
        )
        kernels[f"{name}-angle"] = KernelRecipe(
            across,
            "direction of the steepest change, degrees from the row's direction towards the bottom",
            source,
            {},
            f"{name}-y",
            "angle",
        )
    return kernels


GALLERY: dict[str, KernelRecipe] = {
    "identity": KernelRecipe(_identity, "the image itself", GONZALEZ, {}),
    "shift": KernelRecipe(_shift, "the image moved by whole px", GONZALEZ, {"down": 0, "right": 1}),
    "box": KernelRecipe(_box, "the mean of a square: blur with edges of its own", GONZALEZ, {"side": 3}),
    "gauss": KernelRecipe(
        _gauss, "blur, the same in all directions", f"{GONZALEZ}, eq. 3-45; cut off at 3 sigma", {"sigma": 1.0}
    ),
    "binomial": KernelRecipe(
        _binomial,
        "blur by Pascal's triangle, near a Gauss",
        "Jähne, Digital Image Processing, 6th ed. 2005, ch. 11",
        {"side": 5},
    ),
    "sharpen": KernelRecipe(
        _whole((0, -1, 0), (-1, 5, -1), (0, -1, 0)), "the image plus its own edges", f"{GONZALEZ}, section 3.6", {}
    ),
    "unsharp": KernelRecipe(
        _unsharp, "the image plus what a blur took away", f"{GONZALEZ}, section 3.6", {"sigma": 1.0, "amount": 1.0}
    ),
    **_gradients(),
    "laplace-4": KernelRecipe(
        _whole((0, 1, 0), (1, -4, 1), (0, 1, 0)),
        "second derivative, four neighbours: lines and corners",
        f"{GONZALEZ}, section 3.6",
        {},
    ),
    "laplace-8": KernelRecipe(
        _whole((1, 1, 1), (1, -8, 1), (1, 1, 1)),
        "second derivative, eight neighbours",
        f"{GONZALEZ}, section 3.6",
        {},
    ),
    "log": KernelRecipe(
        _laplace_of_gauss, "blobs about as wide as 2.8 sigma; its zeros are edges", MARR, {"sigma": 1.4}
    ),
    "emboss": KernelRecipe(
        _whole((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
        "relief, lit from one corner",
        "GIMP's and ImageMagick's emboss, as tables print it",
        {},
    ),
    "motion": KernelRecipe(_motion, "blur along a line, as of a moving camera", GONZALEZ, {"length": 15, "angle": 0}),
    "gabor": KernelRecipe(
        _gabor,
        "stripes of one direction and width",
        "Gabor 1946; Daugman 1985, doi:10.1364/JOSAA.2.001160",
        {"angle": 0, "frequency": 0.15, "sigma": 3.0},
    ),
}
"""Every named kernel. As convolution flips it, an edge from dark to light gives a negative value with sobel."""

LARGEST_SIDE = 511


def named_kernel(text: str) -> Kernel:
    """A kernel of the gallery by its name, with settings after colons: `gauss:2.5`, `gabor:45:0.1`, `log:sigma=2`.

    Raises:
        RecipeError: no such name or setting, or one out of range; the message lists what there is.

    >>> named_kernel("sobel-y").weights.tolist()
    [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]
    """
    name, *given = text.strip().split(":")
    if name not in GALLERY:
        raise RecipeError(
            f"kernel {text}: no such kernel and no file; choose one of {', '.join(GALLERY)}, type one "
            'as "1 2 3; 4 5 6; 7 8 9", or name a text or CSV file'
        )
    recipe = GALLERY[name]
    settings = _settings(text, given, recipe.settings)
    weights = recipe.make(**settings)
    partner = GALLERY[recipe.partner].make() if recipe.partner else None
    return Kernel(text.strip(), weights, recipe.shows, recipe.source, partner, recipe.combine)


def _settings(text: str, given: list[str], defaults: Mapping[str, float]) -> dict[str, float]:
    settings = dict(defaults)
    names = list(defaults)
    said = ":".join(f"{name}={value:g}" for name, value in defaults.items()) or "none"
    for place, word in enumerate(given):
        name, _, number = word.rpartition("=")
        name = name or (names[place] if place < len(names) else "")
        try:
            value = float(number)
        except ValueError as error:
            raise RecipeError(f"kernel {text}: {word} is no number; its settings are {said}") from error
        if name not in settings or not math.isfinite(value):
            raise RecipeError(f"kernel {text}: {word} is no setting of it; its settings are {said}")
        settings[name] = value
    for name in ("sigma", "side", "length"):
        limit = LARGEST_SIDE / 8 if name == "sigma" else LARGEST_SIDE
        if name in settings and not (0.1 if name == "sigma" else 1) <= settings[name] <= limit:
            raise RecipeError(f"kernel {text}: {name} must lie between {0.1 if name == 'sigma' else 1} and {limit:g}")
    if max(abs(settings.get("down", 0)), abs(settings.get("right", 0))) > LARGEST_SIDE // 2:
        raise RecipeError(f"kernel {text}: move by at most {LARGEST_SIDE // 2} px")
    return settings


def parse_grid(text: str, what: str) -> Array:
    """Numbers typed or written in rows: rows end in `;` or a new line, numbers in blanks, commas or tabs.

    Fractions such as 1/9 are allowed; `#` starts a comment. Integers stay integers.

    Raises:
        DataError: no number, or rows of different lengths; the message names the row.
    """
    lines = [line.split("#")[0].strip() for line in re.split(r"[;\n]", text)]
    rows = [[word for word in re.split(r"[,\s]+", line) if word] for line in lines if line]
    if not rows:
        raise DataError(f"{what}: holds no numbers; give rows such as 1 2 3; 4 5 6; 7 8 9")
    for place, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{what}: row {place} has {len(row)} numbers and row 1 has {len(rows[0])}; make them equally long"
            )
    values = [[_number(word, what) for word in row] for row in rows]
    try:
        whole = all(isinstance(value, int) for row in values for value in row)
        return np.array(values, dtype=np.int64 if whole else np.float64)
    except OverflowError as error:
        raise DataError(f"{what}: a number does not fit into 64 bits; write it with a decimal point") from error


def _number(word: str, what: str) -> int | float:
    try:
        if re.fullmatch(r"[+-]?\d+", word):
            return int(word)
        above, slash, below = word.partition("/")
        value = float(above) / float(below) if slash else float(word)
    except (ValueError, ZeroDivisionError) as error:
        raise DataError(f"{what}: {word} is no number; give rows such as 1 2 3; 4 5 6; 7 8 9") from error
    if not math.isfinite(value):
        raise DataError(f"{what}: {word} is not finite; replace it")
    return value


def read_kernel(text: str, *, odd: bool = False) -> Kernel:
    """The kernel that a word on the command line means: a file, numbers typed out, or a name of the gallery.

    Raises:
        DataError: a file or numbers that are no kernel. GeometryError: an even one where `odd` asks for a middle.
        RecipeError: a name that the gallery does not know.
    """
    path = Path(text)
    if "\n" not in text and len(text) < 4096 and path.suffix and path.is_file():
        weights = _read_file(path)
        return Kernel(path.name, check_kernel(weights, odd=odd), "a kernel of your own", str(path))
    if re.fullmatch(r"[\d\s.,;+\-/eE]+", text) and re.search(r"\d", text):
        weights = parse_grid(text, f'kernel "{text}"')
        return Kernel("typed", check_kernel(weights, odd=odd), "a kernel of your own", "typed")
    if path.suffix in (".txt", ".csv", ".npy"):
        raise DataError(f"{text}: no such kernel file; check the path")
    kernel = named_kernel(text)
    check_kernel(kernel.weights, odd=odd)
    return kernel


def _read_file(path: Path) -> Array:
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
        return parse_grid(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError, ValueError, EOFError) as error:
        raise DataError(f"{path}: is no kernel file ({type(error).__name__}); give text, CSV or .npy") from error
