"""The command `alexnet convolve`: a kernel on a picture, a walk step by step, and the talk's page."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alexnet.cli.options import Json
from alexnet.cli.show import screen
from alexnet.errors import DataError, RecipeError

if TYPE_CHECKING:
    from alexnet.convolution.apply import Filtered
    from alexnet.convolution.layout import Array
    from alexnet.convolution.trace import Step, Trace
    from alexnet.figures.trace import StepDrawing
    from alexnet.inspection.layer_trace import LayerStep
    from alexnet.results import Run

__all__ = ["convolve"]

MOST_LINES = 64
"""Steps that are printed where none is chosen."""

MOST_FRAMES = 400
"""Steps of an animation or of a PDF."""


@dataclass(frozen=True)
class _Wish:
    """What was asked for on the command line."""

    picture: Path | None
    kernel: str | None
    out: Path | None
    raw: Path | None
    size: Any
    border: Any
    operation: Any
    trace: str | None
    step: int | None
    every: bool
    stride: int
    at: str | None
    grey: bool
    like: str | None


def convolve(
    picture: Annotated[Path | None, typer.Argument(metavar="[PICTURE]", help="A picture, an .npy array or a text grid.", show_default=False)] = None,
    kernel: Annotated[str | None, typer.Option("--kernel", "-k", help='A name (see --list), numbers "1 2 3; 4 5 6; 7 8 9", a text, CSV or .npy file, or RUN:conv1:37.', show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Figure to write: .png, .svg, .pdf; of a trace also .gif, .apng, .html.", show_default=False)] = None,
    raw: Annotated[Path | None, typer.Option(help="Write only the numbers: .png (8 or 16 bits), .tif (floats), .npy.", show_default=False)] = None,
    size: Annotated[str | None, typer.Option(help="`valid`, `same` or `full`; a picture is `same`, a trace `valid`.", show_default=False)] = None,
    border: Annotated[str | None, typer.Option(help="`zero`, `reflect`, `replicate` or `circular`; a picture is reflected, a trace sees zeros.", show_default=False)] = None,
    correlate: Annotated[bool, typer.Option("--correlate", help="Do not flip the kernel.")] = False,
    grey: Annotated[bool, typer.Option("--grey", help="Make a colour picture grey first.")] = False,
    trace: Annotated[str | None, typer.Option(metavar="IMAGE|demo", help="Walk over an image, or the talk's own, step by step.", show_default=False)] = None,
    step: Annotated[int | None, typer.Option(min=1, help="Only this step of the trace, from 1.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every step of the trace.")] = False,
    stride: Annotated[int, typer.Option(min=1, help="px from one output of the trace to the next.")] = 1,
    at: Annotated[str | None, typer.Option(metavar="ROW,COL", help="Trace this output of a learned kernel, e.g. RUN:conv2:5.", show_default=False)] = None,
    like: Annotated[str | None, typer.Option(metavar="RUN[:LAYER]", help="Find the learned kernels most like the named one.", show_default=False)] = None,
    teach: Annotated[bool, typer.Option("--teach", help="Write the talk's way from the definition to a photograph as one page.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the kernels of the gallery.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Convolve a picture with a kernel, walk through it step by step, or meet the kernels that a network learned."""
    operation = "correlation" if correlate else "convolution"
    wish = _Wish(picture, kernel, out, raw, size, border, operation, trace, step, every, stride, at, grey, like)
    _check_words(wish)
    if listed:
        return _list_kernels()
    if teach:
        return _teach(wish)
    if trace is not None:
        return _trace_layer(wish) if at is not None or _run_of(kernel) else _trace(wish)
    if like is not None:
        return _find_alike(wish)
    return _apply(wish)


def _check_words(wish: _Wish) -> None:
    from alexnet.convolution.layout import check_choice

    for what, value in (("size", wish.size), ("border", wish.border)):
        if value is not None:
            check_choice(what, value)
    if wish.trace is None and (wish.step is not None or wish.every):
        raise RecipeError("--step and --all belong to a trace: add --trace demo or --trace IMAGE")
    if wish.step is not None and wish.every:
        raise RecipeError("--step and --all: choose one of them")


def _list_kernels() -> None:
    from alexnet.convolution.kernels import GALLERY, named_kernel

    found = [(named_kernel(name), recipe) for name, recipe in GALLERY.items()]
    rows = [(name.name + "".join(f":{v:g}" for v in recipe.settings.values()), name.facts(), name.shows, name.source) for name, recipe in found]  # fmt: skip
    screen.table(["kernel", "size, rank, gain", "shows", "source"], rows)
    kernels = [
        {"name": k.name, "weights": k.weights.tolist(), "shows": k.shows, "separable": k.is_separable, "gain": k.gain,
         "source": k.source, "settings": dict(recipe.settings)}
        for k, recipe in found
    ]  # fmt: skip
    screen.give({"kernels": kernels})


# --- a picture
def _read(path: Path | None, *, grey: bool) -> "Array":
    from alexnet.convolution.picture_io import read_image

    if path is None:
        raise RecipeError("convolve needs a PICTURE: give a file, or --trace demo, --teach or --list")
    return read_image(path, grey=grey)


def _apply(wish: _Wish) -> None:
    if wish.kernel is None:
        raise RecipeError("convolve needs a kernel: add --kernel sobel-y; --list names them all")
    if _run_of(wish.kernel):
        return _apply_learned(wish)
    from alexnet.convolution.apply import apply_kernel
    from alexnet.convolution.kernels import read_kernel

    kernel = read_kernel(wish.kernel)
    values = _read(wish.picture, grey=wish.grey)
    filtered = apply_kernel(
        values, kernel, size=wish.size or "same", border=wish.border or "reflect", operation=wish.operation
    )
    low, high = filtered.span
    screen.say(f"{kernel.name}: {kernel.shows} ({kernel.facts()}); {kernel.source}")
    screen.say(f"{wish.operation}, {filtered.size}, {_border_said(filtered)}; values from {low:.6g} to {high:.6g}, {filtered.values.dtype}")  # fmt: skip
    given: dict[str, Any] = {
        "kernel": kernel.name, "operation": wish.operation, "size": filtered.size, "border": filtered.border,
        "shape": list(filtered.values.shape), "dtype": str(filtered.values.dtype), "smallest": low, "largest": high,
    }  # fmt: skip
    if wish.raw is not None:
        given["raw"] = _write_raw(filtered.values, wish.raw)
    if wish.out is not None or wish.raw is None:
        from alexnet.figures.canvas import save_figure
        from alexnet.figures.convolution import draw_panels

        name = wish.picture.stem if wish.picture else "picture"
        default = Path(f"{name}-{kernel.name.replace(':', '-').replace('=', '').split('.')[0]}.png")
        given["figure"] = str(save_figure(draw_panels(_panels(filtered, name)), wish.out or default))
        screen.say(f"written: {given['figure']}")
    screen.give(given)


def _border_said(filtered: "Filtered") -> str:
    return "no border" if filtered.size == "valid" else f"border {filtered.border}"


def _write_raw(values: "Array", path: Path) -> str:
    from alexnet.convolution.picture_io import write_raw

    changed = write_raw(values, path)
    screen.say(f"written: {path}{', ' + changed if changed else ''}")
    return str(path)


def _panels(filtered: "Filtered", name: str) -> Any:
    import numpy as np

    from alexnet.figures.convolution import Panels

    image, kernel = filtered.image, filtered.kernel
    span = (0.0, 255.0) if image.dtype == np.uint8 else (float(image.min()), float(image.max()))
    low, high, said = filtered.scale
    colour = filtered.values.ndim == 3
    signed = low < 0 and kernel.combine != "angle"
    if signed:
        said = said.replace("grey is 0", "grey is 0" if colour else "white is 0, blue below, red above")
    flipped = "kernel flipped" if filtered.operation == "convolution" else "kernel not flipped"
    title = f"{kernel.name} of {name}: {filtered.operation} ({flipped}), size {filtered.size}, {_border_said(filtered)}"
    return Panels(
        image, span, kernel.weights, filtered.values, (low, high), title, kernel.facts(), said,
        signed=signed, cyclic=kernel.combine == "angle", partner=kernel.partner,
    )  # fmt: skip


# --- learned kernels
def _run_of(kernel: str | None) -> bool:
    """Whether the text means a kernel of a run, RUN:LAYER:NUMBER."""
    return kernel is not None and len(kernel.rsplit(":", 2)) == 3 and Path(kernel.rsplit(":", 2)[0]).is_dir()


def _open_kernel(text: str | None) -> "tuple[Run, str, int]":
    from alexnet.results import open_run

    parts = (text or "").rsplit(":", 2)
    if len(parts) != 3 or not parts[2].isdigit():
        raise RecipeError(f"kernel {text}: name a learned one as RUN:conv1:37")
    return open_run(parts[0]), parts[1], int(parts[2])


def _picture_of(wish: _Wish, run: "Run", path: Path | None) -> Any:
    from alexnet.prediction import read_picture

    if path is None:
        raise RecipeError("convolve needs a PICTURE: give a picture file")
    if wish.size or wish.border or wish.operation == "correlation":
        raise RecipeError("a learned kernel is applied as its layer does it: leave out --size, --border and --correlate")
    return read_picture(path, run.model)


def _apply_learned(wish: _Wish) -> None:
    import numpy as np

    from alexnet.figures.canvas import save_figure
    from alexnet.figures.convolution import Panels, draw_panels
    from alexnet.inspection.kernel_matching import apply_learned_kernel

    run, layer, number = _open_kernel(wish.kernel)
    found = apply_learned_kernel(run.model, _picture_of(wish, run, wish.picture), layer, number)
    difference = float(np.abs(found.summed - found.layer_map).max())
    limit = float(max(np.abs(found.summed).max(), np.abs(found.channel_maps[:6]).max())) or 1.0
    colour = len(found.weights) == 3
    strongest = np.argsort(-np.abs(found.channel_maps).max((1, 2)), kind="stable")[: 3 if colour else 6]
    shown = sorted(int(c) for c in strongest)
    names = ("red", "green", "blue") if colour else [f"input map {c}" for c in shown]
    kernel = found.weights.transpose(1, 2, 0) if colour else found.weights.mean(0)
    side = found.weights.shape[1]
    name = wish.picture.stem if wish.picture else "picture"
    title = f"{layer} kernel {number} of {run.path.name} on {name}: correlation (kernel not flipped), as the layer computes it"  # fmt: skip
    panels = Panels(
        found.picture, (0.0, 255.0), kernel, found.summed, (-limit, limit), title,
        f"{side} × {side} × {len(found.weights)}, stride {found.stride}" + ("" if colour else ", mean shown"),
        f"sum of {len(found.weights)} channels + bias {found.bias:.3g}, scale ±{limit:.3g}, white is 0", signed=True,
        extra=tuple(found.channel_maps[c] for c in shown), extra_said=tuple(f"{n} alone" for n in names),
    )  # fmt: skip
    given: dict[str, Any] = {
        "layer": layer, "kernel": number, "bias": found.bias, "shape": list(found.summed.shape),
        "difference_from_layer": difference,
    }  # fmt: skip
    screen.say(f"sum over {len(found.weights)} channels; at most {difference:.2g} from what the layer gives")
    if wish.raw is not None:
        given["raw"] = _write_raw(found.summed, wish.raw)
    if wish.out is not None or wish.raw is None:
        given["figure"] = str(save_figure(draw_panels(panels), wish.out or Path(f"{name}-{layer}-{number}.png")))
        screen.say(f"written: {given['figure']}")
    screen.give(given)


def _find_alike(wish: _Wish) -> None:
    from alexnet.convolution.kernels import read_kernel
    from alexnet.figures.canvas import save_figure
    from alexnet.figures.convolution import MatchTile, draw_matches
    from alexnet.inspection.kernel_matching import match_kernels
    from alexnet.results import kernels_of, open_run

    path, layer = wish.like or "", "conv1"
    if not Path(path).is_dir() and ":" in path:
        path, layer = path.rsplit(":", 1)
    run, kernel = open_run(path), read_kernel(wish.kernel or "sobel-y")
    weights = kernels_of(run, layer).weights
    matches = match_kernels(weights, kernel.weights)
    rows = [(m.number, f"{m.correlation:+.3f}", f"{m.shift[0]:+d}, {m.shift[1]:+d}", f"{m.scale}x") for m in matches]
    screen.table(["kernel", "correlation", "shift down, right", "enlarged"], rows, right=(0, 1))
    best = matches[0]
    screen.say(f"your {kernel.name} is most like {layer} kernel {best.number} of {run.path.name} (r = {best.correlation:+.2f})")  # fmt: skip
    given: dict[str, Any] = {"kernel": kernel.name, "layer": layer, "matches": [m.to_dict() for m in matches]}
    if wish.out is not None:
        colour = weights.shape[1] == 3
        tiles = [
            MatchTile(m.number, weights[m.number] if colour else weights[m.number].mean(0), m.laid, m.correlation,
                      f"{m.scale}x, {m.shift[0]:+d}, {m.shift[1]:+d}")
            for m in matches
        ]  # fmt: skip
        title = f"{layer} kernels of {run.path.name} most like {kernel.name} (flipped, as networks correlate)"
        given["figure"] = str(save_figure(draw_matches(tiles, title=title), wish.out))
        screen.say(f"written: {given['figure']}")
    screen.give(given)


# --- traces
def _trace_layer(wish: _Wish) -> None:
    from alexnet.inspection.layer_trace import trace_layer

    run, layer, number = _open_kernel(wish.kernel)
    try:
        row, column = (int(word) for word in (wish.at or "0,0").split(","))
    except ValueError as error:
        raise RecipeError(f"--at {wish.at}: give a row and a column, e.g. --at 3,4") from error
    pixels = _picture_of(wish, run, Path(wish.trace or ""))
    found: LayerStep = trace_layer(run.model, pixels, layer, map=number, row=row, column=column)
    screen.say(f"{layer}, map {number}, row {row}, column {column}: {found.kind}")
    screen.say(f"reads rows from {found.corner[0]}, columns from {found.corner[1]}, channels {found.channels[0]} to {found.channels[1]}")  # fmt: skip
    screen.say(found.equation)
    screen.say(f"by this arithmetic {found.value:.7g}, by the layer {found.layer_value:.7g}")
    screen.give(found.to_dict())


def _make_trace(wish: _Wish) -> "Trace":
    from alexnet.convolution.kernels import read_kernel
    from alexnet.convolution.trace import DEMO_IMAGE, DEMO_KERNEL, trace_convolution

    image = DEMO_IMAGE if wish.trace == "demo" else _read(Path(wish.trace or ""), grey=True)
    kernel = read_kernel(wish.kernel).weights if wish.kernel else DEMO_KERNEL
    return trace_convolution(
        image, kernel, size=wish.size or "valid", border=wish.border or "zero", operation=wish.operation,
        stride=wish.stride,
    )  # fmt: skip


def _trace(wish: _Wish) -> None:
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
    steps = [{"place": list(s.place), "equation": s.equation, "value": s.value} for s in chosen] if screen.as_json else []  # fmt: skip
    return screen.give({"steps": len(trace), "operation": trace.operation, "shown": steps})


def _print_step(trace: "Trace", step: "Step") -> None:
    """The step as text: the picture with the kernel's place in brackets, the output so far, the line of products."""
    window = trace.window(step, most=16)
    rows, columns = trace.kernel.shape
    top, left = step.corner[0] - window.top, step.corner[1] - window.left
    width = max(len(f"{value:.4g}") for value in (*window.image.ravel(), *window.output.ravel(), 0.0) if value == value)
    screen.say("")
    for i, (line, done) in enumerate(zip(window.image, window.output, strict=True)):
        marked = top <= i < top + rows
        picture = "".join(
            ("[" if marked and j == left else "]" if marked and j == left + columns else " ") + f"{value:.4g}".rjust(width)
            for j, value in enumerate(line)
        )  # fmt: skip
        end = "]" if marked and left + columns == len(line) else " "
        output = " ".join(("·" if value != value else f"{value:.4g}").rjust(width) for value in done)
        middle = "  →  " if i == len(window.image) // 2 else "     "
        screen.say(f"{picture}{end}{middle}{output}")
    screen.say("")
    screen.say(f"step {step.number + 1} of {len(trace)}: {step.equation}")


def _write_trace(wish: _Wish, trace: "Trace", out: Path) -> Path:
    from alexnet.figures.canvas import save_figure
    from alexnet.figures.trace import draw_step, write_animation, write_pages

    kind = out.suffix.lower()
    if kind in (".html", ".htm"):
        from alexnet.report.convolution_page import write_trace_page

        title = "Convolution step by step" if trace.operation == "convolution" else "Correlation step by step"
        return write_trace_page(trace, out, title=title)
    moving = kind in (".gif", ".apng") or (kind == ".png" and wish.every)
    if wish.step is None and (moving or kind == ".pdf"):
        if len(trace) > MOST_FRAMES:
            raise DataError(f"{out}: the trace has {len(trace)} steps, more than {MOST_FRAMES}; choose one with --step N")
        figures = (draw_step(_drawing(trace, step)) for step in trace)
        return write_animation(figures, out) if moving else write_pages(figures, out)
    if wish.every:
        raise RecipeError(f"{out}: --all needs an ending that holds several: .html, .gif, .apng, .png, .pdf")
    return save_figure(draw_step(_drawing(trace, trace[(wish.step or len(trace)) - 1])), out)


def _drawing(trace: "Trace", step: "Step") -> "StepDrawing":
    from alexnet.figures.trace import StepDrawing

    window = trace.window(step, most=12)
    flipped = "kernel flipped" if trace.operation == "convolution" else "kernel not flipped"
    border = "" if trace.size == "valid" else f", border {trace.border}"
    return StepDrawing(
        window.image, window.inside, window.output, (window.top, window.left), step.slid,
        (step.corner[0] - window.top, step.corner[1] - window.left),
        (step.place[0] - window.top, step.place[1] - window.left), step.equation,
        f"Step {step.number + 1} of {len(trace)}: {trace.operation} ({flipped}), {trace.size}{border}",
    )  # fmt: skip


# --- the page
def _teach(wish: _Wish) -> None:
    import numpy as np

    from alexnet.report.convolution_page import write_teaching_page

    if wish.picture is None:
        from alexnet.data.soccer import draw_soccer_picture

        drawn = draw_soccer_picture("ball", np.random.default_rng(3), size=256)
        picture, source = np.asarray(drawn), "drawn by this program; give a PICTURE for a photograph of yours"
    else:
        picture, source = _read(wish.picture, grey=False), wish.picture.name
        if picture.dtype != np.uint8:
            raise DataError(f"{wish.picture}: the page shows pictures of 8 bits; give a JPEG or PNG")
    path = write_teaching_page(wish.out or Path("convolution.html"), picture, source=source)
    screen.say(f"written: {path}")
    screen.give({"page": str(path)})
