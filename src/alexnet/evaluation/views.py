"""The views of an image whose probabilities are averaged: its center, its mirror image, ten crops."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from alexnet.errors import RecipeError
from alexnet.records import Preprocessing

__all__ = ["NUM_VIEWS", "VIEWS", "check_views", "cut_views", "decoding_for", "describe_views", "restate_views"]

VIEWS = ("centre", "mirror", "ten_crop")
"""Which crops of an image are averaged, by name."""

NUM_VIEWS = {"centre": 1, "mirror": 2, "ten_crop": 10}
"""Crops of each image."""

PAPER_SQUARE = 256 / 224
"""Side of the square that crops are cut from, relative to a crop; Krizhevsky et al. 2012, §4.1."""


def describe_views(views: str, preprocessing: Preprocessing) -> str:
    """What of an image the network gets in these views, in words; averaged, where it is more than one.

    >>> describe_views("mirror", Preprocessing(112, "squash", True, "RGB", (0.0,) * 3, (1.0,) * 3))
    'squashed image and its mirror image'
    """
    is_squashed = preprocessing.resize == "squash"
    if views == "ten_crop":
        return f"ten crops{' of the squashed image' * is_squashed}: center, four corners, and their mirror images"
    center = "center crop"
    if is_squashed:
        center = "squashed image" if preprocessing.cut_from is None else "center crop of the squashed image"
    return center if views == "centre" else f"{center} and its mirror image"


def restate_views(words: str, preprocessing: Preprocessing) -> str:
    """Views in words, as `describe_views` has them, where an earlier version named crops of squashed images too."""
    cropped = replace(preprocessing, resize="crop")
    names = {describe_views(views, cropped): views for views in VIEWS}
    return describe_views(names[words], preprocessing) if words in names else words


def check_views(views: str) -> None:
    """Check that there are views of this name.

    Raises:
        RecipeError: there are none.
    """
    if views not in VIEWS:
        raise RecipeError(
            f"views = {views}: no such views; choose one of {', '.join(VIEWS)} "
            "(`alexnet evaluate RUN --views all` compares them)"
        )


def decoding_for(preprocessing: Preprocessing, views: str) -> Preprocessing:
    """The preprocessing that decodes squares from which the views can be cut.

    It is the network's own, except for the ten crops of a network that gets its whole square: there the square is
    larger, by the paper's ratio of 256 to 224.

    >>> plain = Preprocessing(112, "crop", True, "RGB", (0.0,) * 3, (1.0,) * 3)
    >>> decoding_for(plain, "ten_crop").decoded_size, decoding_for(plain, "mirror").decoded_size
    (128, 112)
    """
    if views != "ten_crop" or preprocessing.cut_from is not None:
        return preprocessing
    return replace(preprocessing, cut_from=round(preprocessing.size * PAPER_SQUARE))


def cut_views(pixels: Tensor, size: int, views: str) -> Iterator[Tensor]:
    """The views of decoded images [N, S, S, 3], each [N, size, size, 3].

    `ten_crop` gives the crops of the center and the corners and their mirror images; where S is `size`, all five
    crops are the same.

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
