"""Convolution as pages that work without a network: a trace to play, and the talk's whole way to a photograph."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from alexnet.convolution.apply import Filtered, apply_kernel
from alexnet.convolution.gallery import read_kernel
from alexnet.convolution.layout import Array
from alexnet.convolution.trace import Trace, demo_trace
from alexnet.errors import GeometryError, RunError
from alexnet.files import disk_errors, write_whole

__all__ = ["write_teaching_page", "write_trace_page"]

MOST_STEPS = 1024
"""Steps that a page holds."""

MOST_CELLS = 40
"""Rows or columns of an image that a page draws as cells."""

GALLERY_SHOWN = ("gauss:2", "sharpen", "sobel-x", "sobel-magnitude", "laplace-8", "log:2", "emboss", "gabor:45:0.12")

SHOWN_PX = 420
"""Longer side of an image on the teaching page."""


def write_trace_page(trace: Trace, path: Path, *, title: str) -> Path:
    """Write a trace as a page with play, pause and a slider.

    Raises:
        GeometryError: the image or the number of steps is too large to be drawn cell by cell.
        RunError: the path cannot be written.
    """
    values = {"title": title, "trace": _trace_data(trace), "say": _said(trace)}
    return _write(path, "convolution_trace.html.j2", values)


def write_teaching_page(path: Path, image: Array, *, source: str) -> Path:
    """Write the talk's sequence, from the definition to a photograph, with the flip to switch on and off.

    image: uint8, [H, W] or [H, W, 3]. source: what it is, to be said on the page.

    Raises:
        RunError: the path cannot be written.
    """
    small = _shrink(image)
    grey = small if small.ndim == 2 else np.asarray(Image.fromarray(small).convert("L"))
    convolved = apply_kernel(grey, "sobel-y")
    correlated = apply_kernel(grey, "sobel-y", operation="correlation")
    limit = max(convolved.scale[1], correlated.scale[1])
    traces = {"convolution": demo_trace(), "correlation": demo_trace("correlation")}
    values = {
        "title": "Convolution, from its definition to a photograph",
        "traces": {name: _trace_data(trace) for name, trace in traces.items()},
        "changed": _changed(traces["convolution"], traces["correlation"]),
        "image": _uri(grey),
        "source": source,
        "size": f"{grey.shape[1]} × {grey.shape[0]} px",
        "sobel": {"convolution": _uri(convolved.to_pixels()), "correlation": _uri(correlated.to_pixels())},
        "sobel_limit": f"{limit:.0f}",
        "sobel_changed": int((convolved.values != correlated.values).sum()),
        "sobel_pixels": int(convolved.values.size),
        "sobel_kernel": convolved.kernel.weights.tolist(),
        "sobel_slid": convolved.kernel.weights[::-1, ::-1].tolist(),
        "gallery": [_gallery_entry(apply_kernel(grey, name)) for name in GALLERY_SHOWN],
    }
    return _write(path, "convolution_teach.html.j2", values)


def _said(trace: Trace) -> str:
    flipped = "the kernel is flipped" if trace.operation == "convolution" else "the kernel is not flipped"
    border = "" if trace.size == "valid" else f", border {trace.border}"
    stride = "" if trace.stride == (1, 1) else f", stride {trace.stride[0]} × {trace.stride[1]}"
    return f"{trace.operation} ({flipped}), size {trace.size}{border}{stride}"


def _trace_data(trace: Trace) -> dict[str, Any]:
    """Every number that the page draws."""
    if len(trace) > MOST_STEPS or max(trace.image.shape) > MOST_CELLS:
        raise GeometryError(
            f"a page draws images up to {MOST_CELLS} x {MOST_CELLS} px and {MOST_STEPS} steps, this has "
            f"{len(trace)} steps: draw one with --step, or cut the image"
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
    """Places where two traces end in different values."""
    return [list(a.place) for a, b in zip(one, other, strict=True) if a.value != b.value]


def _gallery_entry(filtered: Filtered) -> dict[str, Any]:
    kernel = read_kernel(filtered.kernel.name)
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
    if path.suffix.lower() not in (".html", ".htm"):
        raise RunError(f"{path}: a page ends in .html")
    loader = jinja2.PackageLoader("alexnet.report")
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    text = pages.get_template(template).render(values)
    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path
