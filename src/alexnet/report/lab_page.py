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

LARGEST_SHOWN = 11
"""Side of a kernel of the gallery that the lab lists, px, at most."""

SMALLER = ("gabor:0:0.2:1.5", "gabor:45:0.2:1.5", "gabor:90:0.2:1.5", "log:0.8", "motion:7:0", "motion:7:45")
"""Kernels that are larger than that with their default settings, with others."""

PHOTO_SIDE = 160
"""Longer side of the photograph, px: few enough that a browser convolves it while a number is typed."""

DIGITS = 4
"""Decimals of a learned weight on the page."""


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
    opened = Image.fromarray(pixels).convert("L")
    opened.thumbnail((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.LANCZOS)
    name = "drawn photograph" if image is None else source
    return {"name": name, "rows": np.asarray(opened).tolist()}


def _demo() -> list[dict[str, Any]]:
    return [_entry("1 to 9", "from the talk", DEMO_KERNEL, "an image of a single 1 shows the kernel itself")]


def _gallery() -> list[dict[str, Any]]:
    named: Sequence[Kernel] = [*list_kernels(), *map(named_kernel, SMALLER)]
    single = [kernel for kernel in named if not kernel.combine and max(kernel.weights.shape) <= LARGEST_SHOWN]
    return [_entry(kernel.name, "with a name", kernel.weights, kernel.shows) for kernel in single]


def _learned(run: RunLike) -> list[dict[str, Any]]:
    run = as_run(run)
    weights = kernels(run, "conv1").weights.mean(1).round(DIGITS)
    shows = "learned; the mean of what it does to red, green and blue"
    group = f"conv1 of {shown_name(run.path.resolve().name)}"
    return [_entry(f"conv1/{number}", group, one, shows) for number, one in enumerate(weights)]


def _entry(name: str, group: str, weights: Array, shows: str) -> dict[str, Any]:
    rows = weights if weights.dtype.kind in "iu" else weights.astype(np.float64)
    rounded = rows if rows.dtype.kind in "iu" else rows.round(12)
    return {"name": name, "group": group, "rows": rounded.tolist(), "shows": shows}
