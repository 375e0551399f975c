"""The film of a run's first layer: its kernels at the start and after every epoch."""

import base64
from pathlib import Path

from markupsafe import Markup

from alexnet.figures.canvas import png_bytes
from alexnet.figures.kernel_change import film_frames
from alexnet.figures.trace_steps import write_animation
from alexnet.files import shown_name
from alexnet.report.write_page import write_page
from alexnet.runs.first_kernels import kernel_history
from alexnet.runs.run import RunLike, as_run

__all__ = ["write_kernel_film"]

SECONDS = 0.6
"""How long an epoch is shown."""


def write_kernel_film(run: RunLike, path: Path | str) -> Path:
    """Write the film of a run's first-layer kernels: a page with a slider (.html), or an animation (.gif, .apng).

    Args:
        run: a run, or the path of its folder.
        path: of the page or animation.

    Raises:
        RunError: the run holds no kernels of single epochs, or the path has another suffix or cannot be written.

    >>> alexnet.write_kernel_film("runs/first", "film.html").name
    'film.html'
    """
    run, path = as_run(run), Path(path)
    history = kernel_history(run)
    frames = film_frames(history.weights, history.epochs, title=f"{history.layer} of {shown_name(run.path.name)}")
    if path.suffix.lower() not in (".html", ".htm"):
        return write_animation(frames, path, seconds=SECONDS)
    measures = history.to_dict()
    rows = zip(history.epochs, measures["cosine_to_start"], measures["structure"], measures["norm"], strict=True)  # type: ignore[call-overload]
    moments = [
        {
            "image": Markup(f"data:image/png;base64,{base64.b64encode(png_bytes(frame)).decode('ascii')}"),
            "name": "before training" if epoch == 0 else f"after epoch {epoch}",
            "numbers": f"median cosine to the start {cosine:.2f}, structure {structure:.2f}, norm {norm:.3g}",
        }
        for frame, (epoch, cosine, structure, norm) in zip(frames, rows, strict=True)
    ]
    title = f"{history.layer} of {shown_name(run.path.name)}, from its start to its end"
    values = {"title": title, "moments": moments, "summary": str(history.summary())}
    return write_page(path, "kernel_film.html.j2", values)
