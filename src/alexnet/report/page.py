"""The page of a run, and the page of a comparison: one file each, no network."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from PIL import Image

from alexnet.data.decode import Pixels
from alexnet.errors import DataError, RunError
from alexnet.evaluation.mistakes import class_pairs
from alexnet.figures.canvas import png_bytes, save_figure, svg_text
from alexnet.files import disk_errors, write_whole
from alexnet.model.summary import summarize_spec
from alexnet.published import ILSVRC_CLASSES, PUBLISHED_VARIANTS
from alexnet.records import Prediction
from alexnet.runs.compare import Published, compare_runs, draw_columns, published_beside
from alexnet.runs.run import Run, images_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_comparison", "write_report"]

MOST_MISTAKES = 240
"""Wrongly classified images that the page holds; predictions.csv names all."""

NUM_GALLERY = 24
"""Wrongly classified images on the figure for slides."""


def write_report(run: Run) -> Path:
    """Write a finished run's figures and its report.html; returns the page's path.

    Raises:
        RunError: the run is not finished, or its folder cannot be written.
    """
    mistakes = run.mistakes()[:MOST_MISTAKES]
    images = _images(run, [*mistakes, *run.predictions[:1]])
    figures = _draw_all(run, mistakes, images)
    for name, figure in figures.items():
        save_figure(figure, run.folder.figures_dir / f"{name}.png")
    recipe = run.recipe
    evaluation = run.evaluation
    values = {
        "title": run.path.resolve().name,
        "recipe": recipe,
        "settings": recipe.model_dump(),
        "about": run.folder.about,
        "summary": run.summary(),
        "evaluation": evaluation,
        "pairs": class_pairs(run.mistakes())[:12],
        "curves": svg_text(figures["curves"]),
        "confusion": svg_text(figures["confusion"]),
        "num_missing": sum(p.file not in images for p in mistakes),
        "mistakes": [p.to_dict() | {"image": _image_uri(images[p.file])} for p in mistakes if p.file in images],
        "kernels": {
            "conv1": _figure_uri(figures["kernels-conv1"]),
            "own": _figure_uri(figures["kernels-conv1-own-scale"]),
            "others": {
                name.removeprefix("kernels-"): _figure_uri(figure)
                for name, figure in figures.items()
                if name.startswith("kernels-conv") and not name.startswith("kernels-conv1")
            },
        },
        "maps": [
            {"layer": name.removeprefix("maps-"), "image": _figure_uri(figure)}
            for name, figure in figures.items()
            if name.startswith("maps-")
        ],
        "network": summarize_spec(run.model.network.spec, size=recipe.size, num_classes=len(evaluation.classes)),
        "published": _published_for(run),
    }
    return _write_page(run.folder.report_path, "run.html.j2", values)


def _published_for(run: Run) -> Published | None:
    """The paper's figures for a run that is of their kind: their network and their number of classes."""
    of_their_kind = run.recipe.variant in PUBLISHED_VARIANTS and len(run.evaluation.classes) == ILSVRC_CLASSES
    return published_beside([run]) if of_their_kind else None


def _images(run: Run, predictions: Sequence[Prediction]) -> dict[str, Pixels]:
    """The images that the page shows; those that are no longer at their place are missing."""
    try:
        return images_of(run, [p.file for p in predictions], missing_ok=True)
    except DataError:  # not even the folder is there
        return {}


def _draw_all(run: Run, mistakes: Sequence[Prediction], images: dict[str, Pixels]) -> "dict[str, Figure]":
    """Every figure of the run by name."""
    figures = {"curves": run.curves(), "confusion": run.confusion_matrix()}
    if images:
        figures["mistakes"] = run.draw_mistakes(images, most=NUM_GALLERY)
    figures["kernels-conv1"] = run.draw_kernels("conv1")
    figures["kernels-conv1-own-scale"] = run.draw_kernels("conv1", scale="own")
    convs = [name for name in run.model.network.layer_names if name.startswith("conv")]
    for layer in convs[1:]:
        figures[f"kernels-{layer}"] = run.draw_kernels(layer)
    shown = next((images[p.file] for p in (*mistakes, *run.predictions[:1]) if p.file in images), None)
    if shown is not None:
        for layer in convs:
            figures[f"maps-{layer}"] = run.draw_feature_maps(shown, layer)
    return figures


def write_comparison(runs: Sequence[Run], path: Path, *, published: bool = False) -> Path:
    """Write the comparison of runs as a page (`.html`) or its columns as an image (any other ending).

    Args:
        published: put the paper's figures on the page.

    Raises:
        RunError: fewer than two runs, one that is not finished, or a path that cannot be written.
    """
    comparison = compare_runs(runs, published=published)
    columns = draw_columns(runs)
    if path.suffix.lower() not in (".html", ".htm"):
        return save_figure(columns, path)
    values = {
        "title": "Runs compared",
        "comparison": comparison,
        "columns": svg_text(columns),
        "kernels": [(run.path.name, _figure_uri(run.draw_kernels("conv1"))) for run in runs],
    }
    return _write_page(path, "comparison.html.j2", values)


def _write_page(path: Path, template: str, values: dict[str, Any]) -> Path:
    loader = jinja2.PackageLoader("alexnet.report")
    page = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    text = page.get_template(template).render(values)
    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path


def _figure_uri(figure: "Figure") -> str:
    return _uri(png_bytes(figure), "png")


def _image_uri(pixels: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=88)
    return _uri(buffer.getvalue(), "jpeg")


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
