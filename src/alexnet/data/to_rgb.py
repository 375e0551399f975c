"""Opened images of any mode as RGB with 8 bits."""

from PIL import Image

from alexnet.data.bit_depth import Depth

__all__ = ["is_transparent", "to_rgb"]


def is_transparent(image: Image.Image) -> bool:
    """Whether an opened image has transparent places."""
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def to_rgb(image: Image.Image, *, transparent: bool, depth: Depth | None) -> Image.Image:
    """An image, or a part of one, as RGB; what is transparent is laid on white.

    Args:
        depth: how its numbers become 8 bits, where it has more.
    """
    if depth is not None:
        return depth.to_gray(image).convert("RGB")
    if transparent:
        whole = image.convert("RGBA")
        ground = Image.new("RGBA", whole.size, "white")
        return Image.alpha_composite(ground, whole).convert("RGB")
    return image.convert("RGB")
