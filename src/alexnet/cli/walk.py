"""`alexnet convolve --trace`: the walk as text, drawings, an animation, slides, or a page."""

from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.cli.show import screen
from alexnet.cli.wish import Wish, read_numbers
from alexnet.errors import DataError, RecipeError

if TYPE_CHECKING:
    from alexnet.convolution.trace import Step, Trace
    from alexnet.figures.trace_steps import StepDrawing

__all__ = ["walk"]

MOST_LINES = 64
"""Steps that are printed where none is chosen."""

MOST_FRAMES = 400
"""Steps of an animation or of a PDF."""


def _make_trace(wish: Wish) -> "Trace":
    from alexnet.convolution.gallery import read_kernel
    from alexnet.convolution.trace import DEMO_IMAGE, DEMO_KERNEL, trace_convolution

    image = DEMO_IMAGE if wish.trace == "demo" else read_numbers(Path(wish.trace or ""), grey=True)
    kernel = read_kernel(wish.kernel).weights if wish.kernel else DEMO_KERNEL
    return trace_convolution(
        image,
        kernel,
        size=wish.size or "valid",
        border=wish.border or "zero",
        operation=wish.operation,
        stride=wish.stride,
    )


def walk(wish: Wish) -> None:
    """Show a trace: as text, or in the form that the ending of --out names."""
    trace = _make_trace(wish)
    if wish.step is not None and wish.step > len(trace):
        raise RecipeError(f"--step {wish.step}: the trace has {len(trace)} steps")
    if wish.out is not None:
        path = _write_trace(wish, trace, wish.out)
        screen.say(f"written: {path}")
        return screen.give({"steps": len(trace), "figure": str(path)})
    if wish.step is not None:
        _print_step(trace, trace[wish.step - 1])
    elif wish.every or len(trace) <= MOST_LINES:
        for found in trace:
            screen.say(found.equation)
        _print_step(trace, trace[len(trace) - 1])
    else:
        for found in trace[:8]:
            screen.say(found.equation)
        screen.say(f"and {len(trace) - 8} more steps: choose one with --step N, or print them with --all")
    chosen = [trace[wish.step - 1]] if wish.step else trace if len(trace) <= MOST_LINES else trace[:8]
    steps = (
        [{"place": list(s.place), "equation": s.equation, "value": s.value} for s in chosen] if screen.as_json else []
    )
    return screen.give({"steps": len(trace), "operation": trace.operation, "shown": steps})


def _print_step(trace: "Trace", step: "Step") -> None:
    """The step as text: the image with the kernel's place in brackets, the output so far, the line of products."""
    window = trace.window(step, most=16)
    rows, columns = trace.kernel.shape
    top, left = step.corner[0] - window.top, step.corner[1] - window.left
    width = max(
        len(f"{value:.4g}") for value in (*window.image.ravel(), *window.output.ravel(), 0.0) if value == value
    )
    screen.say("")
    for i, (line, done) in enumerate(zip(window.image, window.output, strict=True)):
        marked = top <= i < top + rows
        image = "".join(
            ("[" if marked and j == left else "]" if marked and j == left + columns else " ")
            + f"{value:.4g}".rjust(width)
            for j, value in enumerate(line)
        )
        end = "]" if marked and left + columns == len(line) else " "
        output = " ".join(("·" if value != value else f"{value:.4g}").rjust(width) for value in done)
        middle = "  →  " if i == len(window.image) // 2 else "     "
        screen.say(f"{image}{end}{middle}{output}")
    screen.say("")
    screen.say(f"step {step.number + 1} of {len(trace)}: {step.equation}")


def _write_trace(wish: Wish, trace: "Trace", out: Path) -> Path:
    from alexnet.figures.canvas import save_figure
    from alexnet.figures.trace_steps import draw_step, write_animation, write_pages

    kind = out.suffix.lower()
    if kind in (".html", ".htm"):
        from alexnet.report.convolution_page import write_trace_page

        title = "Convolution step by step" if trace.operation == "convolution" else "Correlation step by step"
        return write_trace_page(trace, out, title=title)
    moving = kind in (".gif", ".apng") or (kind == ".png" and wish.every)
    if wish.step is None and (moving or kind == ".pdf"):
        if len(trace) > MOST_FRAMES:
            raise DataError(
                f"{out}: the trace has {len(trace)} steps, more than {MOST_FRAMES}; choose one with --step N"
            )
        figures = (draw_step(_drawing(trace, step)) for step in trace)
        return write_animation(figures, out) if moving else write_pages(figures, out)
    if wish.every:
        raise RecipeError(f"{out}: --all needs an ending that holds several: .html, .gif, .apng, .png, .pdf")
    return save_figure(draw_step(_drawing(trace, trace[(wish.step or len(trace)) - 1])), out)


def _drawing(trace: "Trace", step: "Step") -> "StepDrawing":
    from alexnet.figures.trace_steps import StepDrawing

    window = trace.window(step, most=12)
    flipped = "kernel flipped" if trace.operation == "convolution" else "kernel not flipped"
    border = "" if trace.size == "valid" else f", border {trace.border}"
    return StepDrawing(
        window.image,
        window.inside,
        window.output,
        (window.top, window.left),
        step.slid,
        (step.corner[0] - window.top, step.corner[1] - window.left),
        (step.place[0] - window.top, step.place[1] - window.left),
        step.equation,
        f"Step {step.number + 1} of {len(trace)}: {trace.operation} ({flipped}), {trace.size}{border}",
    )
