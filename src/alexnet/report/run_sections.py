"""Parts of a run's page that look at the run's own images; what cannot be shown without them is left out."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

import numpy as np
from PIL import Image

from alexnet.errors import AlexNetError
from alexnet.evaluation.calibration import NUM_BINS
from alexnet.figures.canvas import svg_text
from alexnet.figures.tiles import kernel_image
from alexnet.files import shown_name
from alexnet.inspection.top_patches import Patch, Strip
from alexnet.progress_callback import Progress
from alexnet.report.browser_data import browser_data
from alexnet.report.image_sources import image_uri, kernel_uri
from alexnet.report.map_page import map_data
from alexnet.report.one_image import edited_image, followed_image
from alexnet.runs.calibrate import calibrate
from alexnet.runs.characteristic_units import characteristic_units, look_at_training_images
from alexnet.runs.inspect_run import kernels
from alexnet.runs.kept_ablations import kept_ablations
from alexnet.runs.map_images import map_images
from alexnet.runs.mistake_details import LAYER, explain_mistakes
from alexnet.runs.run import Run
from alexnet.runs.unit import UnitView
from alexnet.web import page_data

__all__ = ["kernel_sheet", "patch_data", "run_sections", "unit_kernel_source"]

MOST_MISTAKES = 240
"""Wrongly classified images on the page; predictions.csv names all."""

NUM_TESTED = 12
"""Heat maps that are tested, of the mistakes that the network was most certain of."""

UNITS_OF_LAYER = 4
NUM_PATCHES, NUM_WEAKER = 8, 4
"""Patches of a unit: the strongest, and those at 90, 50 and 10 % of the largest activation."""

PATCH_SIDE = 96
"""Side of a patch on the page, px, at most: bounds the size of the page."""

MAP_PIXELS = 4_000_000
"""Pixels of the sheet of thumbnails under the map of images."""


def run_sections(
    run: Run, *, everything: bool, shown: str | None, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Values of the parts, None where one is left out, and `notes` that say why.

    Args:
        everything: also what computes for more than a few seconds.
        shown: the test image that is followed and edited, by its name; None where none is there.
        on_progress: called with (images done, images in all) by each part.
    """
    if everything:
        with suppress(AlexNetError):  # the parts themselves say what is missing
            look_at_training_images(run, LAYER, on_progress=on_progress)
    details = explain_mistakes(
        run, most=MOST_MISTAKES, num_heat_maps=None if everything else 0, num_tested=NUM_TESTED,
        with_neighbors=everything, on_progress=on_progress,
    )  # fmt: skip
    data = browser_data(details, lambda pixels: str(image_uri(pixels)), run=run)
    notes = list(details.notes)
    values: dict[str, Any] = {"mistakes": page_data(json.dumps(data)) if details.details else None}
    parts: dict[str, Callable[[], Any]] = {
        "units": lambda: _units(run, on_progress),
        "image_map": lambda: _image_map(run, on_progress),
        "calibration": lambda: _calibration(run, on_progress),
        "followed_image": lambda: shown and followed_image(run, shown, on_progress),
        "edited_image": lambda: shown and edited_image(run, shown),
    }
    for name, make in parts.items():
        values[name] = None
        if everything:
            try:
                values[name] = make()
            except AlexNetError as error:
                notes.append(f"Without {name.replace('_', ' ')}: {error}")
    return values | {"ablations": _ablations(run), "notes": list(dict.fromkeys(notes))}


def kernel_sheet(run: Run) -> list[dict[str, Any]]:
    """Every kernel of the first layer as an image, on the common scale and on its own."""
    weights = kernels(run.model, "conv1").weights
    limit = float(np.quantile(np.abs(weights), 0.999))
    return [
        {"number": number, "common": _kernel_source(one, limit), "own": _kernel_source(one, float(np.abs(one).max()))}
        for number, one in enumerate(weights)
    ]


def unit_kernel_source(view: UnitView) -> str | None:
    """The kernel of a unit on its own scale; by its mean over the input maps, unless these are colors."""
    if view.kernel is None:
        return None
    shown = view.kernel if len(view.kernel) == 3 else view.kernel.mean(0)
    return str(kernel_uri(kernel_image(shown, float(np.abs(shown).max()))))


def _kernel_source(weights: np.ndarray, limit: float) -> str:
    shown = weights if len(weights) == 3 else weights.mean(0)
    return kernel_uri(kernel_image(shown, limit))


def _units(run: Run, on_progress: Progress | None) -> list[tuple[str, list[dict[str, Any]]]]:
    views = characteristic_units(run, num_units=UNITS_OF_LAYER, num_patches=NUM_PATCHES, on_progress=on_progress)
    return [
        (layer, [_unit(view) for view in group]) for layer, group in groupby(views, lambda view: view.address.layer)
    ]


def _unit(view: UnitView) -> dict[str, Any]:
    favorite = view.classes[0]
    name = str(view.address).replace("/", "-")
    return {
        "unit": str(view.address),
        "anchor": f"unit-{name}" if view.address.layer == "conv1" else name,  # the sheet of kernels has conv1-N
        "words": f"{100 * favorite.fraction:.0f} % of its strongest images are {shown_name(favorite.name)} "
        f"({100 * favorite.fraction_of_all:.0f} % of all); sees {view.field[0]} × {view.field[1]} px",
        "strips": [
            {
                "level": "strongest" if strip.level == 1.0 else f"nearest to {100 * strip.level:.0f} %",
                "patches": [patch_data(patch, most=PATCH_SIDE) for patch in _some_patches(strip)],
            }
            for strip in view.strips
        ],
    }


def _some_patches(strip: Strip) -> Sequence[Patch]:
    """All of the strongest patches, and of the weaker ones those in the middle, nearest to their level."""
    if strip.level == 1.0:
        return strip.patches
    start = max(0, (len(strip.patches) - NUM_WEAKER) // 2)
    return strip.patches[start : start + NUM_WEAKER]


def patch_data(patch: Patch, *, most: int | None = None) -> dict[str, Any]:
    """A patch as a page shows it: the source of its image, file, class and activation.

    most: px of the longer side, at most; None leaves it as it is.
    """
    pixels = np.where(patch.inside[..., None], patch.pixels, 128).astype(np.uint8)  # gray is padding
    if most is not None:
        image = Image.fromarray(pixels)
        image.thumbnail((most, most))
        pixels = np.asarray(image)
    return {
        "source": image_uri(pixels),
        "file": patch.file,
        "label": patch.label,
        "activation": patch.activation,
    }


def _ablations(run: Run) -> list[dict[str, Any]]:
    """The sweeps that `alexnet ablate` kept, each as a figure with the unit that matters most."""
    shown = []
    for sweep in kept_ablations(run):
        first = max(sweep.units, key=lambda unit: unit.difference)
        words = f"{100 * first.difference:+.1f} percentage points without {first.unit}, the largest change"
        counts = [(len(sweep.dead), "dead"), (len(sweep.duplicates), "pairs of duplicate kernels")]
        words += "".join(f"; {count} {word}" for count, word in counts if count)
        values = {"layer": sweep.layer, "num_images": sweep.num_images, "views": sweep.views}
        shown.append(values | {"words": words, "figure": svg_text(sweep.draw())})
    return shown


def _image_map(run: Run, on_progress: Progress | None) -> dict[str, Any]:
    image_map = map_images(run, method="pca", on_progress=on_progress)
    return {
        "layer": image_map.layer,
        "words": f"{image_map.title}.",
        "data": page_data(json.dumps(map_data([image_map], sheet_pixels=MAP_PIXELS))),
    }


def _calibration(run: Run, on_progress: Progress | None) -> dict[str, Any]:
    measured = calibrate(run, on_progress=on_progress)
    words = f"Expected calibration error {100 * measured.before.expected_error:.1f} %"
    if measured.after is not None:
        words += (
            f"; {100 * measured.after.expected_error:.1f} % once the logits are divided by {measured.temperature:.2f}"
        )
    return {"figure": svg_text(measured.draw()), "words": f"{words}.", "num_bins": NUM_BINS}
