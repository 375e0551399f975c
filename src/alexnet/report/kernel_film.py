"""The film of a run's first layer: its kernels at the start and after every epoch."""

import base64
from pathlib import Path

import jinja2

from alexnet.errors import RunError
from alexnet.figures.canvas import png_bytes
from alexnet.figures.kernel_change import film_frames
from alexnet.figures.trace_steps import write_animation
from alexnet.files import disk_errors, write_whole
from alexnet.runs.first_kernels import kernel_history
from alexnet.runs.run import Run, open_run

__all__ = ["write_kernel_film"]

SECONDS = 0.6
"""How long an epoch is shown."""


def write_kernel_film(run: Run | Path | str, path: Path | str) -> Path:
    """Write the film of a run's first-layer kernels: a page with a slider (.html), or an animation (.gif, .apng).

    Raises:
        RunError: the run holds no kernels of single epochs, another ending, or the path cannot be written.
    """
    run, path = run if isinstance(run, Run) else open_run(run), Path(path)
    history = kernel_history(run)
    frames = film_frames(history.weights, history.epochs, title=f"{history.layer} of {run.path.name}")
    if path.suffix.lower() not in (".html", ".htm"):
        return write_animation(frames, path, seconds=SECONDS)
    values = history.to_dict()
    rows = zip(history.epochs, values["cosine_to_start"], values["structure"], values["norm"], strict=True)  # type: ignore[call-overload]
    moments = [
        {
            "image": f"data:image/png;base64,{base64.b64encode(png_bytes(frame)).decode('ascii')}",
            "name": "before training" if epoch == 0 else f"after epoch {epoch}",
            "numbers": f"median cosine to the start {cosine:.2f}, structure {structure:.2f}, norm {norm:.3g}",
        }
        for frame, (epoch, cosine, structure, norm) in zip(frames, rows, strict=True)
    ]
    title = f"{history.layer} of {run.path.name}, from its start to its end"
    return _write(path, {"title": title, "moments": moments, "summary": str(history.summary())})


def _write(path: Path, values: dict[str, object]) -> Path:
    loader = jinja2.PackageLoader("alexnet.report")
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    text = pages.get_template("kernel_film.html.j2").render(values)
    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path
