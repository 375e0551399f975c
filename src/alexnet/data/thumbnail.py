"""Small copies of images for pages: whole, upright, never enlarged. No network gets them."""

import io

from PIL import Image

from alexnet.data.bit_depth import deep_color_mode, find_depth, is_deep, widen_color
from alexnet.data.image_file import load_image, open_image
from alexnet.data.quiet import quiet_pillow
from alexnet.data.to_rgb import is_transparent, to_rgb
from alexnet.errors import DataError
from alexnet.files import shown_name

__all__ = ["thumbnail"]

QUALITY = 88


def thumbnail(data: bytes, side: int) -> bytes:
    """A JPEG of an image file, its longer side at most `side` px; more than 8 bits become 8 as in `bit_depth`.

    Raises:
        DataError: the bytes are no image, a damaged one, or one beyond the limits; without the name of the file.
    """
    try:
        with quiet_pillow(), open_image(data, draft_size=2 * side) as (image, _):
            small = _shrink(image, data, side)
    except DataError:
        raise
    except Exception as error:  # decoders of damaged files raise many kinds
        raise DataError(f"cannot be decoded ({shown_name(' '.join(str(error).split()))})") from error
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=QUALITY)
    return buffer.getvalue()


def _shrink(image: Image.Image, data: bytes, side: int) -> Image.Image:
    transparent, mode, color_mode = is_transparent(image), image.mode, deep_color_mode(image)
    _, turn = load_image(image, apply_exif=True)
    depth = find_depth(image) if is_deep(mode) else None
    if color_mode:
        image, _ = widen_color(image, data, color_mode)
    factor = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    rgb = to_rgb(image, transparent=transparent, depth=depth)
    small = rgb if factor == 1.0 else rgb.resize(size, Image.Resampling.BILINEAR)
    return small if turn is None else small.transpose(turn)
