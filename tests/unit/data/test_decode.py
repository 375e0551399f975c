"""Preprocessing: every kind of file becomes the right pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.data import decode, image_file
from alexnet.data.decode import NORMALIZATIONS, decode_file, decode_image, inspect_image, normalize
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


def test_squash_keeps_the_whole_and_crop_the_center() -> None:
    data = encode(gradient(96, 32))
    squashed, cropped = decode_image(data, plain()), decode_image(data, plain(resize="crop"))
    assert squashed[16, 0, 0] < 5
    assert squashed[16, -1, 0] > 250
    assert cropped[16, 0, 0] == pytest.approx(255 / 3, abs=4)
    assert cropped[16, -1, 0] == pytest.approx(2 * 255 / 3, abs=4)


def test_gray_cmyk_palette_and_one_bit_become_rgb() -> None:
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


def test_normalization_is_pixel_less_mean_over_std_by_channel() -> None:
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


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1", "I;16", "F"])
@pytest.mark.parametrize("resize", ["squash", "crop"])
def test_strips_give_what_the_whole_image_gives(mode: str, resize: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = gradient(97, 203)
    if mode in ("I;16", "F"):
        image = Image.fromarray(
            np.arange(97 * 203).reshape(203, 97).astype(np.uint16 if mode == "I;16" else np.float32)
        )
    data = encode(image if mode in ("I;16", "F") else image.convert(mode), "TIFF")
    whole = decode_image(data, plain(resize=resize))
    monkeypatch.setattr(image_file, "STRIP_PIXELS", 500)
    np.testing.assert_array_equal(decode_image(data, plain(resize=resize)), whole)


def test_strips_give_what_pillow_gives_at_once() -> None:
    image = gradient(97, 203).convert("L")
    expected = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(decode_image(encode(image), plain()), expected)


def test_file_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new\nline.jpg").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"new\\nline.jpg: cannot be used \(no image\); give an image file"):
        decode_file(tmp_path / "new\nline.jpg", plain())
    with pytest.raises(DataError, match=r"gone.jpg: no such image; check the path"):
        decode_file(tmp_path / "gone.jpg", plain())
    with pytest.raises(DataError, match="no such image"):
        decode_file("a\0b.jpg", plain())
    (tmp_path / "film.jpg").write_bytes(bytes(2_000_000))
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_BYTES", "1e6")
    with pytest.raises(DataError, match=r"film.jpg: too large: 2 MB, and 1 MB is the limit; raise ALEXNET_MAX_IMAGE"):
        decode_file(tmp_path / "film.jpg", plain())
    gradient(40, 40).save(tmp_path / "good.png")
    assert decode_file(tmp_path / "good.png", plain()).shape == (32, 32, 3)


def test_too_little_memory_is_not_a_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decode, "load_image", fail)
    pixels, facts = inspect_image(encode(gradient(40, 40)), plain())
    assert pixels is None
    assert facts.may_pass
    assert facts.error == "too little memory to decode it"
