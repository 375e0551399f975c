"""Preprocessing: every kind of file becomes the right pixels."""

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.data.decode import NORMALIZATIONS, decode_image, inspect_image, normalize
from alexnet.errors import DataError
from alexnet.records import Preprocessing
from tests.conftest import draw_stripes, encode

ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def plain(size: int = 32, **changes: object) -> Preprocessing:
    values = {"size": size, "resize": "squash", "apply_exif": True, "channels": "RGB", "mean": ZERO, "std": ONE}
    return Preprocessing(**{**values, **changes})  # type: ignore[arg-type]


def gradient(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downward."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 0 * x], -1).astype(np.uint8))


def test_image_of_the_right_size_is_untouched() -> None:
    image = draw_stripes(0, 1, 32)
    np.testing.assert_array_equal(decode_image(encode(image), plain()), np.asarray(image))


def test_squash_keeps_the_whole_and_crop_the_centre() -> None:
    data = encode(gradient(96, 32))
    squashed, cropped = decode_image(data, plain()), decode_image(data, plain(resize="crop"))
    assert squashed[16, 0, 0] < 5
    assert squashed[16, -1, 0] > 250
    assert cropped[16, 0, 0] == pytest.approx(255 / 3, abs=4)
    assert cropped[16, -1, 0] == pytest.approx(2 * 255 / 3, abs=4)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_is_applied_as_pillow_does_or_left_alone(orientation: int) -> None:
    image = gradient(32, 32)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(image, "PNG", exif=exif)
    turned, facts = inspect_image(data, plain())
    left, _ = inspect_image(data, plain(apply_exif=False))
    names = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation → Image.Transpose
    np.testing.assert_array_equal(turned, np.asarray(image.transpose(Image.Transpose(names[orientation]))))
    np.testing.assert_array_equal(left, np.asarray(image))
    assert facts.orientation == orientation


def test_sixteen_bits_keep_their_brightness() -> None:
    ramp = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    pixels = decode_image(encode(Image.fromarray(ramp)), plain())
    np.testing.assert_allclose(pixels[..., 0], ramp / 256, atol=1)


def test_grey_cmyk_palette_and_one_bit_become_rgb() -> None:
    image = gradient(32, 32)
    for mode, kind in (("L", "PNG"), ("CMYK", "TIFF"), ("P", "PNG"), ("1", "PNG")):
        pixels, facts = inspect_image(encode(image.convert(mode), kind), plain())
        assert pixels is not None
        assert facts.mode == mode
        assert pixels.shape == (32, 32, 3)


def test_transparent_is_laid_on_white() -> None:
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    pixels, facts = inspect_image(encode(image), plain())
    assert facts.transparent
    assert pixels is not None
    assert (pixels == 255).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty file"), (b"hello", "no image"), (encode(gradient(64, 64), "JPEG")[:900], "truncated")],
)
def test_what_cannot_be_used_says_why(data: bytes, reason: str) -> None:
    pixels, facts = inspect_image(data, plain())
    assert pixels is None
    assert reason in (facts.error or "")
    with pytest.raises(DataError, match=reason):
        decode_image(data, plain())


def test_large_jpeg_by_draft_stays_near_the_full_decode() -> None:
    image = gradient(1600, 1200)
    data = encode(image, "JPEG", quality=95)
    full = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(decode_image(data, plain()).astype(int) - full).mean() < 2


def test_normalization_is_pixel_less_mean_over_deviation_by_channel() -> None:
    channels, mean, std = NORMALIZATIONS["caffe"]
    pixels = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    x = normalize(pixels, plain(1, channels=channels, mean=mean, std=std))
    assert x.flatten().tolist() == [30 - 104, 20 - 117, 10 - 123]
    _, mean, std = NORMALIZATIONS["imagenet"]
    x = normalize(pixels, plain(1, mean=mean, std=std))
    expected = [
        (v / 255 - m) / s for v, m, s in zip((10, 20, 30), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    ]
    torch.testing.assert_close(x.flatten(), torch.tensor(expected))


def with_orientation(value: bytes, kind: int, count: int = 1) -> bytes:
    """A JPEG whose EXIF block holds one orientation tag of an odd kind."""
    entry = b"\x12\x01" + kind.to_bytes(2, "little") + count.to_bytes(4, "little") + value.ljust(4, b"\0")
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"
    return encode(gradient(32, 32), "JPEG", exif=block)


@pytest.mark.parametrize(("value", "kind"), [(b"\x06", 1), (b"\x06", 7), (b"abc", 2), (b"\xff\xff\xff\x7f", 4)])
def test_orientation_of_an_odd_kind_does_not_cost_the_image(value: bytes, kind: int) -> None:
    pixels, facts = inspect_image(with_orientation(value, kind), plain())
    assert pixels is not None
    assert 1 <= facts.orientation <= 8


def test_dark_sixteen_bits_stay_dark() -> None:
    dark = Image.fromarray(np.full((32, 32), 200, np.uint16))
    assert decode_image(encode(dark), plain()).max() == 0
