"""The convolution lab: a page on which image, kernel and settings are edited and every output is explained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from alexnet.convolution.gallery import Kernel, list_kernels, named_kernel
from alexnet.convolution.layout import Array
from alexnet.convolution.trace import DEMO_IMAGE, DEMO_KERNEL
from alexnet.errors import RunError
from alexnet.files import shown_name
from alexnet.report.component_page import write_component_page
from alexnet.report.convolution_page import teaching_image
from alexnet.runs.inspect_run import kernels
from alexnet.runs.run import RunLike, as_run

__all__ = ["lab_data", "write_convolution_lab"]

SMALLER = ("gabor:0:0.2:1.5", "gabor:45:0.2:1.5", "gabor:90:0.2:1.5", "log:0.8", "motion:7:0", "motion:7:45")
"""Kernels that are too large for their numbers to be read with their default settings, with others as well."""

PHOTO_SIDE = 160
"""Longer side of the photograph, px: few enough that a browser convolves it while a number is typed."""

DIGITS = 6
"""Decimals of a learned weight on the page: of 363 products with pixels, all roundings together are below 0.05."""


def write_convolution_lab(
    path: Path | str, image: npt.ArrayLike | Path | str | None = None, *, run: RunLike | None = None
) -> Path:
    """Write a page for trying out convolutions by hand; returns its path.

    Args:
        path: of the page, `.html`.
        image: a photograph, uint8, [H, W] or [H, W, 3], or a file; by default one drawn by this program.
        run: a run, or the path of its folder, whose learned kernels are offered beside the named ones.

    Raises:
        DataError: the image cannot be read, or does not have 8 bits.
        RunError: another suffix, or the page cannot be written.

    >>> write_convolution_lab("lab.html").name
    'lab.html'
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise RunError(f"{shown_name(path)}: unknown suffix; a page ends in .html")
    return write_component_page(
        path,
        "convolution-lab",
        lab_data(image, run=run),
        title="Convolution lab",
        summary="Edit a cell of the image or of the kernel; point at an output, or move there with the arrow keys, "
        "to see what it is the sum of. Without the flip it is correlation, which is what networks compute.",
        command="alexnet convolve lab",
    )


def lab_data(image: npt.ArrayLike | Path | str | None = None, *, run: RunLike | None = None) -> dict[str, Any]:
    """The data of `<convolution-lab>`, see there; the lab begins with an image that is given."""
    learned = [] if run is None else _learned(run)
    photograph = _photograph(image)
    first = {} if image is None else {"image": photograph["name"]}
    return {"images": [*_small_images(), photograph], "kernels": [*_demo(), *_gallery(), *learned]} | first


def _small_images() -> list[dict[str, Any]]:
    edge = np.repeat([[0, 0, 0, 0, 9, 9, 9, 9]], 8, axis=0)
    corner = np.zeros((8, 8), np.int64)
    corner[3:, 3:] = 9
    ramp = np.add.outer(np.zeros(8, np.int64), np.arange(8))
    images = (
        ("a single 1", DEMO_IMAGE),
        ("edge", edge),
        ("corner", corner),
        ("diagonal line", 9 * np.eye(8, dtype=np.int64)),
        ("ramp", ramp),
        ("random digits", np.random.default_rng(0).integers(0, 10, (8, 8))),
    )
    return [{"name": name, "rows": rows.tolist()} for name, rows in images]


def _photograph(image: npt.ArrayLike | Path | str | None) -> dict[str, Any]:
    pixels, source = teaching_image(image)
    opened = Image.fromarray(pixels).convert("RGB")
    gray = opened.convert("L")
    for each in (opened, gray):
        each.thumbnail((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.LANCZOS)
    name = "drawn photograph" if image is None else source
    values: dict[str, Any] = {"name": name, "rows": np.asarray(gray).tolist()}
    channels = np.asarray(opened).transpose(2, 0, 1)
    return values if (channels == channels[0]).all() else values | {"color": channels.tolist()}


def _demo() -> list[dict[str, Any]]:
    return [_entry("1 to 9", "from the talk", DEMO_KERNEL, "an image of a single 1 shows the kernel itself")]


def _gallery() -> list[dict[str, Any]]:
    named: Sequence[Kernel] = [*list_kernels(), *map(named_kernel, SMALLER)]
    return [_entry(kernel.name, "with a name", kernel.weights, kernel.shows) | _pair(kernel) for kernel in named]


def _pair(kernel: Kernel) -> dict[str, Any]:
    if kernel.partner is None:
        return {}
    return {"partner": kernel.partner.tolist(), "combine": kernel.combine}


def _learned(run: RunLike) -> list[dict[str, Any]]:
    run = as_run(run)
    weights = kernels(run, "conv1").weights.astype(np.float64)
    shows = "learned; in color the sum of what it makes of red, green and blue, else their mean on gray values"
    group = f"conv1 of {run.name}"
    return [
        _entry(f"conv1/{number}", group, one.mean(0).round(DIGITS), shows) | {"channels": one.round(DIGITS).tolist()}
        for number, one in enumerate(weights)
    ]


def _entry(name: str, group: str, weights: Array, shows: str) -> dict[str, Any]:
    rows = weights if weights.dtype.kind in "iu" else weights.astype(np.float64)
    rounded = rows if rows.dtype.kind in "iu" else rows.round(12)
    return {"name": name, "group": group, "rows": rounded.tolist(), "shows": shows}
