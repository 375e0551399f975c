"""A step of a trace as text and as a figure."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.convolution.trace import Step, Trace

__all__ = ["draw_trace_step", "step_text"]

DRAWN = 12
"""Rows and columns of the image in a figure, at most."""


def step_text(trace: "Trace", step: "Step", most: int) -> str:
    """See `Trace.text`."""
    window = trace.window(step, most=most)
    rows, columns = trace.kernel.shape
    top, left = step.corner[0] - window.top, step.corner[1] - window.left
    numbers = [value for value in (*window.image.ravel(), *window.output.ravel(), 0.0) if not np.isnan(value)]
    width = max(len(f"{value:.4g}") for value in numbers)
    lines = []
    for i, (values, outputs) in enumerate(zip(window.image, window.output, strict=True)):
        is_in_patch = top <= i < top + rows
        image = "".join(
            ("[" if is_in_patch and j == left else "]" if is_in_patch and j == left + columns else " ")
            + f"{value:.4g}".rjust(width)
            for j, value in enumerate(values)
        )
        end = "]" if is_in_patch and left + columns == len(values) else " "
        output = " ".join(("·" if np.isnan(value) else f"{value:.4g}").rjust(width) for value in outputs)
        middle = "  →  " if i == len(window.image) // 2 else "     "
        lines.append(f"{image}{end}{middle}{output}")
    return "\n".join([*lines, "", f"step {step.number + 1} of {len(trace)}: {step.equation}"])


def draw_trace_step(trace: "Trace", step: "Step") -> "Figure":
    """See `Trace.draw`."""
    from alexnet.figures.trace_steps import StepDrawing, draw_step

    window = trace.window(step, most=DRAWN)
    drawing = StepDrawing(
        image=window.image,
        inside=window.inside,
        output=window.output,
        first=(window.top, window.left),
        slid=step.slid,
        corner=(step.corner[0] - window.top, step.corner[1] - window.left),
        place=(step.place[0] - window.top, step.place[1] - window.left),
        equation=step.equation,
        title=f"Step {step.number + 1} of {len(trace)}: {trace.describe()}",
    )
    return draw_step(drawing)
