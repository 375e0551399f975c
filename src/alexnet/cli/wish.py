"""What was asked of `alexnet convolve`, and what all its ways share: reading an image, writing numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.cli.show import screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet.convolution.layout import Array

__all__ = ["Wish", "read_numbers", "write_numbers"]


@dataclass(frozen=True)
class Wish:
    """The words of the command line; None where nothing was said."""

    image: Path | None
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


def read_numbers(path: Path | None, *, grey: bool) -> "Array":
    """The image as numbers; see `read_image`."""
    from alexnet.data.read_image import read_image

    if path is None:
        raise RecipeError("convolve needs a IMAGE: give a file, or --trace demo, --teach or --list")
    return read_image(path, grey=grey)


def write_numbers(values: "Array", path: Path) -> str:
    """Write the bare numbers, say so, and return the path."""
    from alexnet.convolution.image_io import write_raw

    changed = write_raw(values, path)
    screen.say(f"written: {path}{', ' + changed if changed else ''}")
    return str(path)
