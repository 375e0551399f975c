"""The views of a picture whose probabilities are averaged: its centre, its mirror image, ten crops."""

from collections.abc import Iterator

from torch import Tensor

__all__ = ["SAID", "VIEWS", "cut_views"]

VIEWS = ("centre", "mirror", "ten_crop")
"""Names of the ways to look at a picture."""

SAID = {
    "centre": "centre crop",
    "mirror": "centre crop and its mirror image",
    "ten_crop": "ten crops: centre, four corners, and their mirror images",
}
"""How people call them."""


def cut_views(pixels: Tensor, size: int, views: str) -> Iterator[Tensor]:
    """The views of decoded pictures [N, S, S, 3], each [N, size, size, 3].

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
