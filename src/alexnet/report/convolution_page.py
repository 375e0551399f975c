"""A trace of a convolution as a file, and the page that leads from the definition to a photograph."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from PIL import Image

from alexnet.convolution.apply import Filtered, apply_kernel
from alexnet.convolution.layout import Array, check_image, without_single_axis
from alexnet.convolution.read_image import read_image
from alexnet.convolution.trace import Trace, demo_trace
from alexnet.errors import DataError, GeometryError, RunError
from alexnet.figures.canvas import save_figure
from alexnet.figures.trace_steps import write_animation, write_pages
from alexnet.files import disk_errors, shown_name, write_whole

__all__ = ["teaching_image", "write_teaching_page", "write_trace"]

PAGES = (".html", ".htm")

MOST_STEPS = 1024
"""Steps of a trace on a page, at most."""

MOST_FRAMES = 400
"""Steps of a trace in an animation or a PDF, at most."""

MOST_CELLS = 40
"""Rows or columns of an image that a page draws as cells, at most."""

GALLERY_SHOWN = ("gauss:2", "sharpen", "sobel-x", "sobel-magnitude", "laplace-8", "log:2", "emboss", "gabor:45:0.12")

SHOWN_PX = 420
"""Longer side of an image on the teaching page."""


def write_trace(trace: Trace, path: Path | str, *, number: int | None = None, every: bool = False) -> Path:
    """Write a trace in the form that the suffix of the path names; returns the path.

    `.html` is a page with play, pause and a slider; `.gif` and `.apng` are animations; `.pdf` has a page for each
    step; `.png` and `.svg` hold the last step. With a number, `.png`, `.svg` and `.pdf` hold that step.

    Args:
        trace: the steps, see `trace_convolution`.
        path: of the page, animation or figure.
        number: of a single step, from 0.
        every: write every step; a `.png` is then animated.

    Raises:
        DataError: the trace has too many steps for an animation, or a single step was asked for on a page.
        GeometryError: the image or the number of steps is too large for a page.
        RunError: another suffix, or the file cannot be written.

    >>> write_trace(demo_trace(), "walk.html").name
    'walk.html'
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind in PAGES:
        if number is not None:
            raise DataError(f"{shown_name(path)}: a page holds all steps; with --step, choose .png, .svg or .pdf")
        title = f"{trace.operation.capitalize()} step by step"
        values = {"title": title, "trace": _trace_data(trace), "settings": trace.describe()}
        return _write(path, "convolution_trace.html.j2", values)
    is_moving = kind in (".gif", ".apng") or (kind == ".png" and every)
    if number is None and (is_moving or kind == ".pdf"):
        if len(trace) > MOST_FRAMES:
            raise DataError(
                f"{shown_name(path)}: has room for {MOST_FRAMES} steps, not {len(trace)}; choose one with --step"
            )
        return write_animation(trace.draw_all(), path) if is_moving else write_pages(trace.draw_all(), path)
    if every:
        raise RunError(f"{shown_name(path)}: holds one step; with --all, choose .html, .gif, .apng, .png or .pdf")
    return save_figure(trace.draw(-1 if number is None else number), path)


def write_teaching_page(path: Path | str, image: npt.ArrayLike | Path | str | None = None) -> Path:
    """Write a page that explains convolution, from its definition to a photograph; returns its path.

    Args:
        path: of the page, `.html`.
        image: uint8, [H, W] or [H, W, 3], or a file; by default one drawn by this program.

    Raises:
        DataError: the image cannot be read, or does not have 8 bits.
        RunError: another suffix, or the page cannot be written.

    >>> write_teaching_page("convolution.html").name
    'convolution.html'
    """
    pixels, source = teaching_image(image)
    small = _shrink(pixels)
    gray = small if small.ndim == 2 else np.asarray(Image.fromarray(small).convert("L"))
    convolved = apply_kernel(gray, "sobel-y")
    correlated = apply_kernel(gray, "sobel-y", operation="correlation")
    limit = max(convolved.scale[1], correlated.scale[1])
    traces = {"convolution": demo_trace(), "correlation": demo_trace("correlation")}
    values = {
        "title": "Convolution, from its definition to a photograph",
        "traces": {name: _trace_data(trace) for name, trace in traces.items()},
        "changed": _changed(traces["convolution"], traces["correlation"]),
        "image": _uri(gray),
        "source": source,
        "size": f"{gray.shape[1]} × {gray.shape[0]} px",
        "sobel": {"convolution": _uri(convolved.to_pixels()), "correlation": _uri(correlated.to_pixels())},
        "sobel_limit": f"{limit:.0f}",
        "sobel_changed": int((convolved.values != correlated.values).sum()),
        "sobel_pixels": int(convolved.values.size),
        "sobel_kernel": convolved.kernel.weights.tolist(),
        "sobel_slid": convolved.kernel.weights[::-1, ::-1].tolist(),
        "gallery": [_gallery_entry(apply_kernel(gray, name)) for name in GALLERY_SHOWN],
    }
    return _write(Path(path), "convolution_teach.html.j2", values)


def teaching_image(image: npt.ArrayLike | Path | str | None) -> tuple[Array, str]:
    """The image, and in words where it comes from."""
    if image is None:
        from alexnet.practice.soccer import draw_soccer_image

        drawn = draw_soccer_image("ball", np.random.default_rng(3), size=256)
        return np.asarray(drawn), "drawn by this program; give a photograph of your own"
    is_file = isinstance(image, Path | str)
    pixels = without_single_axis(read_image(image) if is_file else check_image(image))  # type: ignore[arg-type]
    source = shown_name(Path(image).name) if is_file else "an array"  # type: ignore[arg-type]
    if pixels.dtype != np.uint8:
        raise DataError(f"{source}: has {pixels.dtype} values; the page shows images of 8 bits, such as JPEG or PNG")
    return pixels, source


def _trace_data(trace: Trace) -> dict[str, Any]:
    """Every number that a page draws."""
    if len(trace) > MOST_STEPS or max(trace.image.shape) > MOST_CELLS:
        raise GeometryError(
            f"a page holds images up to {MOST_CELLS} x {MOST_CELLS} px and {MOST_STEPS} steps, not "
            f"{trace.image.shape[1]} x {trace.image.shape[0]} px and {len(trace)} steps; "
            "draw one step with --step into .png, .svg or .pdf, or crop the image"
        )
    steps: Sequence[Any] = list(trace)
    window = trace.window(steps[-1], most=MOST_CELLS + 2 * max(trace.kernel.shape))
    return {
        "image": window.image.tolist(),
        "inside": window.inside.tolist(),
        "first": [window.top, window.left],
        "kernel": trace.kernel.tolist(),
        "slid": trace.slid.tolist(),
        "operation": trace.operation,
        "steps": [
            {
                "place": list(step.place),
                "corner": list(step.corner),
                "value": step.value,
                "products": step.products.tolist(),
                "running": step.running.tolist(),
                "equation": step.equation,
            }
            for step in steps
        ],
    }


def _changed(one: Trace, other: Trace) -> list[list[int]]:
    """Indices at which two traces have different outputs."""
    return [list(a.place) for a, b in zip(one, other, strict=True) if a.value != b.value]


def _gallery_entry(filtered: Filtered) -> dict[str, Any]:
    kernel = filtered.kernel
    return {
        "name": kernel.name,
        "shows": kernel.shows,
        "facts": kernel.facts(),
        "scale": filtered.scale[2],
        "image": _uri(filtered.to_pixels()),
    }


def _shrink(image: Array) -> Array:
    opened = Image.fromarray(image)
    opened.thumbnail((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
    return np.asarray(opened)


def _uri(pixels: Array) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _write(path: Path, template: str, values: dict[str, Any]) -> Path:
    if path.suffix.lower() not in PAGES:
        raise RunError(f"{shown_name(path)}: unknown suffix; a page ends in .html")
    loader = jinja2.PackageLoader("alexnet.report")
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    text = pages.get_template(template).render(values)
    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path
