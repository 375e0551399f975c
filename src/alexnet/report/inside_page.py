"""One image on its way through a network as a page, a section for each layer."""

import shlex
from pathlib import Path
from typing import Any

from markupsafe import Markup

from alexnet.figures.path_drawing import draw_decision, draw_stage
from alexnet.files import shown_name
from alexnet.report.image_sources import figure_uri, image_uri
from alexnet.report.write_page import write_page
from alexnet.runs.inside import InsideView
from alexnet.web import style

__all__ = ["decision_uri", "stage_sections", "write_inside_page"]

ABOUT = {
    "convolution": "The strongest maps after the activation, each with the patches that excite its unit most.",
    "normalization": "The strongest maps before and after normalization: neighboring maps damp each other.",
    "pooling": "The strongest maps before and after pooling: each output is the largest of its window.",
    "average pooling": "The strongest maps before and after pooling: each output is the mean of its window.",
}


def write_inside_page(view: InsideView, path: Path | str, *, run: Path | str = "RUN") -> Path:
    """Write a page that follows one image through a network; returns its path.

    Args:
        view: what `inside` returns.
        path: of the page, `.html`.
        run: the run's folder, as the commands on the page name it.

    Raises:
        RunError: the page cannot be written.

    >>> write_inside_page(alexnet.inside("runs/first", "photo.jpg"), "inside.html").name
    'inside.html'
    """
    run = shlex.quote(shown_name(run))
    values = {
        "run": run,
        "title": view.title,
        "style": style(),
        "image": image_uri(view.path.image),
        "file": view.file,
        "notes": view.notes,
        "sections": stage_sections(view),
        "decision": view.path.decision,
        "decision_figure": decision_uri(view),
        "command": f"alexnet inside {run} {shlex.quote(str(view.file))} -o inside.html",
    }
    return write_page(Path(path), "inside.html.j2", values)


def stage_sections(view: InsideView) -> list[dict[str, Any]]:
    """Each layer of maps as a page shows it, with its figure."""
    return [
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


def decision_uri(view: InsideView) -> Markup:
    """The figure of the decision."""
    return figure_uri(draw_decision(view.decision(), view.path.image))
