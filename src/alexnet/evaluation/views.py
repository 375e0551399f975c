"""The views of an image whose probabilities are averaged: its centre, its mirror image, ten crops."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from alexnet.errors import RecipeError
from alexnet.records import Preprocessing

__all__ = ["NUM_VIEWS", "SAID", "VIEWS", "cut_views", "decoding_for", "require_views"]

VIEWS = ("centre", "mirror", "ten_crop")
"""Names of the ways to look at an image."""

SAID = {
    "centre": "centre crop",
    "mirror": "centre crop and its mirror image",
    "ten_crop": "ten crops: centre, four corners, and their mirror images",
}
"""How people call them."""

NUM_VIEWS = {"centre": 1, "mirror": 2, "ten_crop": 10}
"""How many crops each way looks at."""

PAPER_SQUARE = 256 / 224
"""Side of the square that crops are cut from, in sides of a crop; Krizhevsky et al. 2012, §4.1."""


def require_views(views: str) -> None:
    """See that there is such a way to look at an image.

    Raises:
        RecipeError: there is none of that name.
    """
    if views not in VIEWS:
        names = ", ".join(VIEWS)
        raise RecipeError(
            f"views {views}: no such way to look at an image; choose one of {names}, or all with `alexnet evaluate`"
        )


def decoding_for(preprocessing: Preprocessing, views: str) -> Preprocessing:
    """The preprocessing that gives squares to cut the views from.

    A network's own, but for the ten crops of one that gets all of its square: there the square is larger, in the
    paper's proportion of 256 to 224.

    >>> plain = Preprocessing(112, "crop", True, "RGB", (0.0,) * 3, (1.0,) * 3)
    >>> decoding_for(plain, "ten_crop").decoded_size, decoding_for(plain, "mirror").decoded_size
    (128, 112)
    """
    if views != "ten_crop" or preprocessing.cut_from is not None:
        return preprocessing
    return replace(preprocessing, cut_from=round(preprocessing.size * PAPER_SQUARE))


def cut_views(pixels: Tensor, size: int, views: str) -> Iterator[Tensor]:
    """The views of decoded images [N, S, S, 3], each [N, size, size, 3].

    `ten_crop` gives the crops of the corners and of the centre and their mirror images; where S is `size`, all five
    are the same.

    Source: Krizhevsky et al. 2012, §4.1; convdata_jpeg.py of the 2012 program (--multiview-test).
    """
    far = pixels.shape[1] - size
    middle = far // 2
    corners = [(0, 0), (0, far), (far, 0), (far, far)] if views == "ten_crop" else []
    for top, left in [(middle, middle), *corners]:
        crop = pixels[:, top : top + size, left : left + size]
        yield crop
        if views != "centre":
            yield crop.flip(2)
