"""Options that the commands of `alexnet convolve` share."""

from pathlib import Path
from typing import Annotated

import typer

from alexnet.cli.options import refuse_options
from alexnet.errors import RecipeError

__all__ = ["BorderOption", "Correlate", "KernelOption", "Learned", "SizeOption", "learned_kernel", "refuse_settings"]

KernelOption = Annotated[
    str | None,
    typer.Option(
        "--kernel",
        "-k",
        help='A name (see `alexnet convolve kernels`), numbers "1 2 3; 4 5 6; 7 8 9", a text, CSV or .npy file, or a '
        "learned kernel RUN:conv1/37.",
        show_default=False,
    ),
]
Correlate = Annotated[bool, typer.Option("--correlate", help="Do not flip the kernel.")]
SizeOption = Annotated[str, typer.Option(help="`valid`, `same` or `full`.")]
BorderOption = Annotated[
    str, typer.Option(help="Values outside the image: `zero`, `reflect`, `replicate` or `circular`.")
]

Learned = tuple[Path, str, int]
"""Run folder, layer and number of a learned kernel."""


def learned_kernel(text: str | None) -> Learned | None:
    """The learned kernel that RUN:LAYER/NUMBER means, or RUN:LAYER:NUMBER, if RUN is a folder; else None."""
    run, colon, unit = (text or "").rpartition(":")
    if "/" not in unit or not Path(run).is_dir():  # the older form
        run, _, layer = run.rpartition(":")
        unit = f"{layer}/{unit}"
    if not colon or not run or not Path(run).is_dir():
        return None
    layer, _, number = unit.rpartition("/")
    if not layer or not (number.isascii() and number.isdecimal()):
        raise RecipeError(f"kernel {text}: give a learned kernel as RUN:conv1/37")
    return Path(run), layer, int(number)


def refuse_settings(**settings: object) -> None:
    """Refuse settings that a layer of a network decides itself."""
    refuse_options("a learned kernel is applied as in its layer; leave out {options}", **settings)
