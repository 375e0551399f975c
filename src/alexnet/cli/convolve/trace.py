"""`alexnet convolve trace`: a convolution step by step."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.convolve.words import Correlate, KernelOption, learned_kernel, refuse_settings
from alexnet.cli.options import Json, parse_numbers
from alexnet.cli.page_or_figure import print_written
from alexnet.cli.screen import screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet import Trace

__all__ = ["trace"]

MOST_LINES = 64
"""Steps that are printed without --all, at most."""

FIRST_LINES = 8
"""Steps that are printed of a longer trace."""


def trace(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="An image, a .npy array or a grid of text; `demo` is an example.")
    ] = "demo",
    kernel: KernelOption = None,
    step: Annotated[int | None, typer.Option(min=1, help="Show only this step, from 1.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every step.")] = False,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Pixels from one output to the next.", show_default="1")
    ] = None,
    size: Annotated[str | None, typer.Option(help="`valid`, `same` or `full`.", show_default="valid")] = None,
    border: Annotated[
        str | None,
        typer.Option(
            help="Values outside the image: `zero`, `reflect`, `replicate` or `circular`.", show_default="zero"
        ),
    ] = None,
    correlate: Correlate = False,
    at: Annotated[
        str | None,
        typer.Option(metavar="ROW,COL", help="Output place of a learned kernel.", show_default="0,0"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write to .html, .gif, .apng, .pdf, .png or .svg instead.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a convolution step by step, as text, figure or page."""
    learned = learned_kernel(kernel)
    if learned is not None:
        refuse_settings(size=size, border=border, correlate=correlate, stride=stride)
        if step is not None or every or out is not None:
            raise RecipeError(
                "--step, --all and --out are not for a learned kernel, of which one output is printed; choose it "
                "with --at ROW,COL"
            )
        return _trace_layer(image, *learned, at)
    if at is not None:
        raise RecipeError("--at is for a learned kernel, such as --kernel RUN:conv2/5")
    if step is not None and every:
        raise RecipeError("--step and --all: choose one of them")
    steps = alexnet.trace_convolution(
        None if image == "demo" else image, kernel, size=size or "valid", border=border or "zero",  # type: ignore[arg-type]
        operation="correlation" if correlate else "convolution", stride=stride or 1,
    )  # fmt: skip
    if step is not None and step > len(steps):
        raise RecipeError(f"--step {step}: the trace has {len(steps)} steps")
    if out is None:
        return _print(steps, step, every)
    path = alexnet.write_trace(steps, out, number=None if step is None else step - 1, every=every)
    return print_written([path], {"steps": len(steps)})


def _print(steps: "Trace", step: int | None, every: bool) -> None:
    is_short = every or len(steps) <= MOST_LINES
    if step is None:
        for shown in steps if is_short else steps[:FIRST_LINES]:
            screen.print(shown.equation)
    if step is not None or is_short:
        for line in ["", *steps.text(-1 if step is None else step - 1).splitlines()]:
            screen.print(line)
    else:
        screen.print(f"and {len(steps) - FIRST_LINES} more steps; choose one with --step, or show them with --all")
    if screen.as_json:
        screen.print_json(steps.to_dict([steps[step - 1]] if step else steps if is_short else steps[:FIRST_LINES]))


def _trace_layer(image: str, run: Path, layer: str, number: int, at: str | None) -> None:
    """Write out one output of a layer of a trained network."""
    numbers = parse_numbers(at or "0,0", "--at") or []
    if len(numbers) != 2:
        raise RecipeError(f"--at {at}: give a row and a column, for example --at 3,4")
    step = alexnet.trace_layer(run, image, layer, map=number, row=numbers[0], column=numbers[1])
    for line in str(step).splitlines():
        screen.print(line)
    screen.print_json(step.to_dict())
