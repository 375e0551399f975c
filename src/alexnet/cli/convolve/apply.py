"""`alexnet convolve IMAGE`: a kernel applied to an image."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import alexnet
from alexnet.cli.convolve.words import Correlate, KernelOption, learned_kernel, refuse_settings
from alexnet.cli.options import Json, Out
from alexnet.cli.screen import screen
from alexnet.errors import RecipeError
from alexnet.safe_name import safe_name

if TYPE_CHECKING:
    from alexnet import Filtered, LearnedResult

__all__ = ["apply"]


def apply(
    image: Annotated[
        Path,
        typer.Argument(metavar="IMAGE", help="An image, a .npy array or a grid of text.", show_default=False),
    ],
    kernel: KernelOption = None,
    out: Out = None,
    raw: Annotated[
        Path | None,
        typer.Option(help="Write only the numbers: .png (8 or 16 bits), .tif (floats), .npy.", show_default=False),
    ] = None,
    size: Annotated[str | None, typer.Option(help="`valid`, `same` or `full`.", show_default="same")] = None,
    border: Annotated[
        str | None,
        typer.Option(
            help="Values outside the image: `zero`, `reflect`, `replicate` or `circular`.", show_default="reflect"
        ),
    ] = None,
    correlate: Correlate = False,
    gray: Annotated[bool, typer.Option("--gray", "--grey", help="Convert a color image to gray first.")] = False,
    as_json: Json = False,
) -> None:
    """Convolve an image with a kernel: image, kernel and result."""
    learned = learned_kernel(kernel)
    if kernel is None:
        raise RecipeError("convolve: give a kernel, such as --kernel sobel-y; `alexnet convolve kernels` lists them")
    if learned is not None:
        refuse_settings(size=size, border=border, correlate=correlate, gray=gray)
        result = alexnet.apply_learned_kernel(learned[0], image, *learned[1:])
        screen.print(f"at most {result.difference:.2g} from the output of the layer itself")
        return _write(result, f"{image.stem}-{learned[1]}-{learned[2]}.png", raw, out)
    filtered = alexnet.apply_kernel(
        image, kernel, size=size or "same", border=border or "reflect",  # type: ignore[arg-type]
        operation="correlation" if correlate else "convolution", gray=gray,
    )  # fmt: skip
    _show(filtered)
    kernel_name = re.sub(r"\.(csv|npy|txt)$", "", filtered.kernel.name.replace(":", "-").replace("=", ""))
    return _write(filtered, f"{image.stem}-{kernel_name}.png", raw, out)


def _show(filtered: "Filtered") -> None:
    kernel, (low, high) = filtered.kernel, filtered.span
    screen.print(f"{kernel.name}: {kernel.shows} ({kernel.facts()}); {kernel.source}")
    screen.print(f"{filtered.settings}; values from {low:.6g} to {high:.6g}, {filtered.values.dtype}")


def _write(result: "Filtered | LearnedResult", figure: str, raw: Path | None, out: Path | None) -> None:
    """Write what is asked for: the numbers, the figure, or both; the figure by default."""
    values: dict[str, Any] = result.to_dict()
    if raw is not None:
        changed = result.write_raw(raw)
        screen.print(f"written: {raw}{', ' + changed if changed else ''}")
        values["raw"] = str(raw)
    if out is None and raw is not None:
        screen.print_json(values)
    else:
        screen.print_figure(alexnet.save_figure(result.draw(), out or Path(safe_name(figure))), values)
