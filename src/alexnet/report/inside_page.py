"""One image on its way through a network as a page, a section for each layer."""

from pathlib import Path

from alexnet.figures.path_drawing import draw_decision, draw_stage
from alexnet.report.image_sources import figure_uri, image_uri
from alexnet.report.write_page import write_page
from alexnet.runs.inside import InsideView
from alexnet.web import style

__all__ = ["write_inside_page"]

ABOUT = {
    "convolution": "The strongest maps after the activation, each with the patches that excite its unit most.",
    "normalization": "The strongest maps before and after normalization: neighboring maps damp each other.",
    "pooling": "The strongest maps before and after pooling: each output is the largest of its window.",
    "average pooling": "The strongest maps before and after pooling: each output is the mean of its window.",
}


def write_inside_page(view: InsideView, path: Path | str) -> Path:
    """Write a page that follows one image through a network; returns its path.

    Args:
        view: what `inside` returns.
        path: of the page, `.html`.

    Raises:
        RunError: the page cannot be written.

    >>> write_inside_page(alexnet.inside("runs/first", "photo.jpg"), "inside.html").name
    'inside.html'
    """
    sections = [
        {
            "layer": stage.layer,
            "kind": stage.kind,
            "num_maps": stage.num_maps,
            "about": ABOUT[stage.kind],
            "units": [one.unit for one in stage.maps],
            "figure": figure_uri(draw_stage(stage)),
        }
        for stage in view.stages()
    ]
    values = {
        "title": view.title,
        "style": style(),
        "image": image_uri(view.path.image),
        "file": view.file,
        "notes": view.notes,
        "sections": sections,
        "decision": view.path.decision,
        "decision_figure": figure_uri(draw_decision(view.decision(), view.path.image)),
        "command": "alexnet inside RUN IMAGE -o inside.html",
    }
    return write_page(Path(path), "inside.html.j2", values)
