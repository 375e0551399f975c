"""The film of a run's first layer: its kernels at the start and after every epoch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.figures.kernel_change import film_frames
from alexnet.figures.kernel_frame import kernel_frame
from alexnet.figures.trace_steps import write_animation
from alexnet.inspection.kernel_history import KernelHistory
from alexnet.report.image_sources import figure_uri, png_uri
from alexnet.report.write_page import write_page
from alexnet.runs.first_kernels import kernel_history
from alexnet.runs.run import RunLike, as_run

__all__ = ["film_data", "moment_lines", "write_kernel_film"]

SECONDS = 0.6
"""How long an epoch is shown."""

MOST_MOMENTS = 8
"""Moments of a film that is part of another page: bounds its size."""


def write_kernel_film(run: RunLike, path: Path | str, *, chosen: Sequence[int] | None = None) -> Path:
    """Write the film of a run's first-layer kernels: a page with a slider (.html), or an animation (.gif, .apng).

    Args:
        run: a run, or the path of its folder.
        path: of the page or animation.
        chosen: numbers of the kernels to show; all by default.

    Raises:
        GeometryError: there is no such kernel.
        RunError: the run holds no kernels of single epochs, or the path has another suffix or cannot be written.

    >>> alexnet.write_kernel_film("runs/first", "film.html").name
    'film.html'
    """
    run, path = as_run(run), Path(path)
    history = kernel_history(run)
    name = f"{history.layer} of {run.name}"
    frames = film_frames(history.weights, history.epochs, title=name, chosen=chosen)
    if path.suffix.lower() not in (".html", ".htm"):
        return write_animation(frames, path, seconds=SECONDS)
    lines = moment_lines(history)
    moments = [
        {"image": figure_uri(frame), "name": _moment(epoch), "numbers": lines[epoch]}
        for frame, epoch in zip(frames, history.epochs, strict=True)
    ]
    values = {"title": f"{name}, from its start to its end", "moments": moments, "summary": str(history.summary())}
    return write_page(path, "kernel_film.html.j2", values)


def film_data(run: RunLike) -> dict[str, Any]:
    """The data of `<kernel-film>`, see there: of a long training not every epoch, but its start and its end.

    Raises:
        RunError: the run holds no kernels of single epochs.
    """
    history = kernel_history(run)
    places = np.linspace(0, len(history.epochs) - 1, min(MOST_MOMENTS, len(history.epochs))).round().astype(int)
    lines, largest = moment_lines(history), float(np.abs(history.weights[places]).max())
    epochs = [history.epochs[place] for place in places]
    return {
        "epochs": epochs,
        "own": [png_uri(kernel_frame(history.weights[place])) for place in places],
        "common": [png_uri(kernel_frame(history.weights[place], largest)) for place in places],
        "numbers": {epoch: lines[epoch] for epoch in epochs},
    }


def moment_lines(history: KernelHistory) -> dict[int, str]:
    """What is known of the kernels after each number of epochs, in words."""
    measures: Any = history.to_dict()
    rows = zip(history.epochs, measures["cosine_to_start"], measures["structure"], measures["norm"], strict=True)
    return {
        epoch: f"median cosine to the start {cosine:.2f}, structure {structure:.2f}, norm {norm:.3g}"
        for epoch, cosine, structure, norm in rows
    }


def _moment(epoch: int) -> str:
    return "before training" if epoch == 0 else f"after epoch {epoch}"
