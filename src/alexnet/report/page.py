"""The page of a run, and the page of a comparison: one file each, which needs no network."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from alexnet.data.decode import Pixels
from alexnet.errors import DataError
from alexnet.figures.canvas import save_figure, svg_text
from alexnet.model.summary import summarize_spec
from alexnet.progress_callback import Progress
from alexnet.published import ILSVRC_CLASSES, PUBLISHED_VARIANTS
from alexnet.records import Prediction
from alexnet.report.image_sources import figure_uri, file_uri
from alexnet.report.kernel_film import film_data
from alexnet.report.run_sections import kernel_sheet, run_sections
from alexnet.report.shell_words import image_words, run_words
from alexnet.report.write_page import write_page
from alexnet.runs.compare import Published, compare_runs, draw_comparison, published_beside
from alexnet.runs.first_kernels import draw_first_layer, draw_kernel_change, draw_kernel_pairs, draw_orientations
from alexnet.runs.matched_kernels import match_first_layers
from alexnet.runs.mistakes import Mistakes
from alexnet.runs.own_images import decode_own_images
from alexnet.runs.run import Run, RunLike, as_run
from alexnet.web import component, page_data, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_comparison", "write_report"]

NUM_GALLERY = 24
"""Wrongly classified images on the figure for slides."""

NUM_PAIRS = 12
"""Most confused pairs on the page."""

Images = dict[str, Pixels]
Figures = dict[str, "Figure"]


def write_report(
    run: RunLike,
    *,
    everything: bool = False,
    data: Path | str | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Write the figures of a finished run and its report.html into the run folder; returns the page's path.

    Args:
        run: a run, or the path of its folder.
        everything: also heat maps of the mistakes with their tests, the nearest training images, patches of units,
            the map of images, calibration, and one image followed through the network and edited, which takes about a
            minute for some thousand images the first time.
        data: where the run's images are now, if they were moved.
        on_progress: called with (images done, images in all) by each part that looks at images.

    Raises:
        DataError: `data` does not hold the run's images.
        RunError: the run is not finished or damaged, or its folder cannot be written.

    >>> alexnet.write_report("runs/first").name
    'report.html'
    """
    run = as_run(run)
    if data is not None:
        run = Run(run.folder, data=data)
        decode_own_images(run, on_progress=on_progress)
    mistakes, first = run.mistakes(), run.predictions[:1]
    images = _read_images(run, [*mistakes[:NUM_GALLERY], *first])
    figures, map_file = _draw_all(run, mistakes, images, first, everything=everything)
    files = {name: save_figure(figure, run.folder.figure_path(f"{name}.png")) for name, figure in figures.items()}
    sections = run_sections(run, everything=everything, shown=map_file, on_progress=on_progress)
    has_film = len(run.folder.kernel_snapshots()) > 1  # an earlier version of this program kept none
    values = {
        **_run_values(run),
        **_figure_values(figures, files),
        **sections,
        "pairs": mistakes.pairs[:NUM_PAIRS],
        "everything": everything,
        "film": page_data(json.dumps(film_data(run))) if has_film else None,
        "map_file": map_file,
        "map_image": None if map_file is None else image_words(run, map_file),
        "style": Markup("\n").join((style(), style("report"))),
        "components": [component(name) for name in _components(sections, has_film=has_film)],
    }
    values["kernels"]["first"] = kernel_sheet(run)
    values["contents"] = _contents(values)
    return write_page(run.folder.report_path, "run.html.j2", values)


def _components(sections: dict[str, Any], *, has_film: bool) -> list[str]:
    """The web components that the page needs."""
    browser = ["confusion-matrix", "mistake-detail", "mistakes-browser"] if sections["mistakes"] else []
    return browser + ["kernel-film"] * has_film + (["image-map"] if sections["image_map"] else [])


def _contents(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Anchor and words of every part that the page has."""
    parts = [
        ("mistakes", "Mistakes", True),
        ("classes", "Classes", True),
        ("curves", "Accuracy and loss", True),
        ("published", "Published results", values["published"]),
        ("calibration", "Calibration", values["calibration"]),
        ("conv1", "Kernels of conv1", True),
        ("kernels", "Later kernels", True),
        ("units", "What units look for", values["units"]),
        ("map", "Map of images", values["image_map"]),
        ("maps", "Feature maps", values["maps"]),
        ("inside", "One image on its way", values["followed_image"]),
        ("edited", "The image edited", values["edited_image"]),
        ("without", "Without a kernel", True),
        ("network", "Network", True),
        ("settings", "Settings", True),
    ]
    return [(anchor, words) for anchor, words, is_there in parts if is_there]


def _run_values(run: Run) -> dict[str, Any]:
    recipe, evaluation = run.recipe, run.evaluation
    return {
        "title": run.name,
        "run": run_words(run),
        "recipe": recipe,
        "settings": recipe.model_dump(),
        "about": run.about.to_dict(),
        "summary": run.summary(),
        "evaluation": evaluation,
        "network": summarize_spec(run.model.network.spec, size=recipe.size, num_classes=len(evaluation.classes)),
        "published": _published_for(run),
    }


def _figure_values(figures: Figures, files: dict[str, Path]) -> dict[str, Any]:
    """The figures as the page holds them: lines as SVG, pixels as the PNG files that were written."""
    later_kernels = [name for name in figures if name.startswith("kernels-") and "conv1" not in name]
    maps = [name for name in figures if name.startswith("maps-")]

    def source_of(name: str) -> Markup | None:
        return file_uri(files[name]) if name in files else None

    return {
        "curves": svg_text(figures["curves"]),
        "confusion": svg_text(figures["confusion"]),
        "kernels": {
            "change": source_of("kernels-conv1-change"),
            "kinds": source_of("kernels-conv1-kinds"),
            "orientations": source_of("kernels-conv1-orientations"),
            "others": {name.removeprefix("kernels-"): file_uri(files[name]) for name in later_kernels},
        },
        "maps": [{"layer": name.removeprefix("maps-"), "image": file_uri(files[name])} for name in maps],
    }


def _published_for(run: Run) -> Published | None:
    """Published results, for a run that has their network and their number of classes."""
    is_comparable = run.recipe.variant in PUBLISHED_VARIANTS and len(run.evaluation.classes) == ILSVRC_CLASSES
    return published_beside([run]) if is_comparable else None


def _read_images(run: Run, predictions: Sequence[Prediction]) -> Images:
    """The images of the page, without those that are no longer there."""
    try:
        return run.images_of([p.file for p in predictions], missing_ok=True)
    except DataError:  # not even the folder is there
        return {}


def _draw_all(
    run: Run, mistakes: Mistakes, images: Images, first: Sequence[Prediction], *, everything: bool
) -> tuple[Figures, str | None]:
    """Every figure of the run by name, and the image whose feature maps they show: the first mistake, if any."""
    figures = {"curves": run.curves(), "confusion": run.confusion_matrix()}
    if images:
        figures["mistakes"] = mistakes.draw(NUM_GALLERY, images=images)
    figures["kernels-conv1"] = run.draw_kernels("conv1")
    figures["kernels-conv1-own-scale"] = run.draw_kernels("conv1", scale="own")
    if run.folder.kernel_snapshots():
        figures["kernels-conv1-change"] = draw_kernel_change(run)
    if everything:
        figures["kernels-conv1-kinds"] = draw_first_layer(run)
        figures["kernels-conv1-orientations"] = draw_orientations(run)
    convs = [name for name in run.model.network.layer_names if name.startswith("conv")]
    for layer in convs[1:]:
        figures[f"kernels-{layer}"] = run.draw_kernels(layer)
    shown = next((p.file for p in (*mistakes, *first) if p.file in images), None)
    if shown is not None:
        for layer in convs:
            figures[f"maps-{layer}"] = run.draw_feature_maps(images[shown], layer)
    return figures, shown


def write_comparison(runs: Sequence[RunLike], path: Path | str, *, published: bool = False) -> Path:
    """Write a comparison of finished runs: a page (`.html`), or the curves as a figure (any other ending).

    Args:
        runs: at least two, opened, or as paths of their folders.
        path: where to write.
        published: add the published results of the paper, Caffe and torchvision to the page.

    Raises:
        RunError: fewer than two runs, one that is not finished or damaged, or a path that cannot be written.

    >>> alexnet.write_comparison(["runs/first", "runs/first"], "comparison.html").name
    'comparison.html'
    """
    path, figure = Path(path), draw_comparison(runs)
    if path.suffix.lower() not in (".html", ".htm"):
        return save_figure(figure, path)
    opened = [as_run(run) for run in runs]
    values = {
        "title": "Comparison of runs",
        "style": Markup("\n").join((style(), style("report"))),
        "comparison": compare_runs(opened, published=published),
        "curves": svg_text(figure),
        "kernels": [(run.name, figure_uri(run.draw_kernels("conv1"))) for run in opened],
        "kernel_pairs": [_kernel_pairs(first, second) for first, second in pairwise(opened)],
    }
    return write_page(path, "comparison.html.j2", values)


def _kernel_pairs(first: Run, second: Run) -> tuple[str | None, str]:
    """The kernels of two runs matched by correlation, None where they cannot be; and the match in words."""
    matched = match_first_layers(first, second)
    return figure_uri(draw_kernel_pairs(first, second)) if matched.pairs else None, str(matched)
