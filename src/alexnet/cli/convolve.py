"""The command `alexnet convolve`: a kernel on an image, a walk step by step, and the talk's page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alexnet.cli.learned import apply_learned, find_alike, names_learned, trace_learned
from alexnet.cli.options import Json
from alexnet.cli.show import screen
from alexnet.cli.walk import walk
from alexnet.cli.wish import Wish, read_numbers, write_numbers
from alexnet.errors import DataError, RecipeError

if TYPE_CHECKING:
    from alexnet.convolution.apply import Filtered

__all__ = ["convolve"]


def convolve(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="[IMAGE]", help="An image, an .npy array or a text grid.", show_default=False),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            "--kernel",
            "-k",
            help='A name (see --list), numbers "1 2 3; 4 5 6; 7 8 9", a text, CSV or .npy file, or RUN:conv1:37.',
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Figure to write: .png, .svg, .pdf; of a trace also .gif, .apng, .html.",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[
        Path | None,
        typer.Option(help="Write only the numbers: .png (8 or 16 bits), .tif (floats), .npy.", show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="`valid`, `same` or `full`; an image is `same`, a trace `valid`.", show_default=False),
    ] = None,
    border: Annotated[
        str | None,
        typer.Option(
            help="`zero`, `reflect`, `replicate` or `circular`; an image is reflected, a trace sees zeros.",
            show_default=False,
        ),
    ] = None,
    correlate: Annotated[bool, typer.Option("--correlate", help="Do not flip the kernel.")] = False,
    grey: Annotated[bool, typer.Option("--grey", help="Make a colour image grey first.")] = False,
    trace: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE|demo", help="Walk over an image, or the talk's own, step by step.", show_default=False
        ),
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=1, help="Only this step of the trace, from 1.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every step of the trace.")] = False,
    stride: Annotated[int, typer.Option(min=1, help="px from one output of the trace to the next.")] = 1,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="ROW,COL", help="Trace this output of a learned kernel, e.g. RUN:conv2:5.", show_default=False
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="RUN[:LAYER]", help="Find the learned kernels most like the named one.", show_default=False
        ),
    ] = None,
    teach: Annotated[
        bool, typer.Option("--teach", help="Write the talk's way from the definition to a photograph as one page.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the kernels of the gallery.")] = False,
    as_json: Json = False,
) -> None:
    """Convolve an image with a kernel, walk through it step by step, or meet the kernels that a network learned."""
    operation = "correlation" if correlate else "convolution"
    wish = Wish(image, kernel, out, raw, size, border, operation, trace, step, every, stride, at, grey, like)
    _check_words(wish)
    if listed:
        _list_kernels()
    elif teach:
        _teach(wish)
    elif trace is not None:
        (trace_learned if at is not None or names_learned(kernel) else walk)(wish)
    elif like is not None:
        find_alike(wish)
    elif names_learned(kernel):
        apply_learned(wish)
    else:
        _apply(wish)


def _check_words(wish: Wish) -> None:
    from alexnet.convolution.layout import check_choice

    for what, value in (("size", wish.size), ("border", wish.border)):
        if value is not None:
            check_choice(what, value)
    if wish.trace is None and (wish.step is not None or wish.every):
        raise RecipeError("--step and --all belong to a trace: add --trace demo or --trace IMAGE")
    if wish.step is not None and wish.every:
        raise RecipeError("--step and --all: choose one of them")


def _list_kernels() -> None:
    from alexnet.convolution.gallery import GALLERY, named_kernel

    found = [(named_kernel(name), recipe) for name, recipe in GALLERY.items()]
    rows = [
        (name.name + "".join(f":{v:g}" for v in recipe.settings.values()), name.facts(), name.shows, name.source)
        for name, recipe in found
    ]
    screen.table(["kernel", "size, rank, gain", "shows", "source"], rows)
    kernels = [
        {
            "name": k.name,
            "weights": k.weights.tolist(),
            "shows": k.shows,
            "separable": k.is_separable,
            "gain": k.gain,
            "source": k.source,
            "settings": dict(recipe.settings),
        }
        for k, recipe in found
    ]
    screen.give({"kernels": kernels})


def _apply(wish: Wish) -> None:
    if wish.kernel is None:
        raise RecipeError("convolve needs a kernel: add --kernel sobel-y; --list names them all")
    from alexnet.convolution.apply import apply_kernel
    from alexnet.convolution.gallery import read_kernel

    kernel = read_kernel(wish.kernel)
    values = read_numbers(wish.image, grey=wish.grey)
    filtered = apply_kernel(
        values, kernel, size=wish.size or "same", border=wish.border or "reflect", operation=wish.operation
    )
    low, high = filtered.span
    screen.say(f"{kernel.name}: {kernel.shows} ({kernel.facts()}); {kernel.source}")
    screen.say(
        f"{wish.operation}, {filtered.size}, {_border_said(filtered)}; "
        f"values from {low:.6g} to {high:.6g}, {filtered.values.dtype}"
    )
    given: dict[str, Any] = {
        "kernel": kernel.name,
        "operation": wish.operation,
        "size": filtered.size,
        "border": filtered.border,
        "shape": list(filtered.values.shape),
        "dtype": str(filtered.values.dtype),
        "smallest": low,
        "largest": high,
    }
    if wish.raw is not None:
        given["raw"] = write_numbers(filtered.values, wish.raw)
    if wish.out is not None or wish.raw is None:
        from alexnet.figures.canvas import save_figure
        from alexnet.figures.convolution import draw_panels

        name = wish.image.stem if wish.image else "image"
        default = Path(f"{name}-{kernel.name.replace(':', '-').replace('=', '').split('.')[0]}.png")
        given["figure"] = str(save_figure(draw_panels(_panels(filtered, name)), wish.out or default))
        screen.say(f"written: {given['figure']}")
    screen.give(given)


def _border_said(filtered: "Filtered") -> str:
    return "no border" if filtered.size == "valid" else f"border {filtered.border}"


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
    title = (
        f"{kernel.name} of {name}: {filtered.operation} ({flipped}), size {filtered.size}, {_border_said(filtered)}"
    )
    return Panels(
        image,
        span,
        kernel.weights,
        filtered.values,
        (low, high),
        title,
        kernel.facts(),
        said,
        signed=signed,
        cyclic=kernel.combine == "angle",
        partner=kernel.partner,
    )


def _teach(wish: Wish) -> None:
    import numpy as np

    from alexnet.report.convolution_page import write_teaching_page

    if wish.image is None:
        from alexnet.practice.soccer import draw_soccer_image

        drawn = draw_soccer_image("ball", np.random.default_rng(3), size=256)
        image, source = np.asarray(drawn), "drawn by this program; give a IMAGE for a photograph of yours"
    else:
        image, source = read_numbers(wish.image, grey=False), wish.image.name
        if image.dtype != np.uint8:
            raise DataError(f"{wish.image}: the page shows images of 8 bits; give a JPEG or PNG")
    path = write_teaching_page(wish.out or Path("convolution.html"), image, source=source)
    screen.say(f"written: {path}")
    screen.give({"page": str(path)})
