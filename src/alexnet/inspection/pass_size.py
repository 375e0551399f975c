"""How many images pass through a network at once: fewer of large ones, so that memory stays bounded."""

__all__ = ["images_at_once"]

MOST = 256
"""Images in one forward pass."""

SIDE = 96
"""Side of images, px, of which so many pass at once: the maps of one large image are as large as those of many."""


def images_at_once(size: int, most: int = MOST) -> int:
    """Images of `size` px a side in one pass: `most` up to 96 px, of larger ones as many as have as many pixels.

    >>> images_at_once(96), images_at_once(224), images_at_once(4096)
    (256, 47, 1)
    """
    return max(1, min(most, most * SIDE**2 // size**2))
