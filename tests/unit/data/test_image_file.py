"""Opening image files: upright once, bounded, quiet, and what a file is that is no image."""

import io
import random
import subprocess
import threading
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from alexnet.data import image_file
from alexnet.data.decode import decode_image, inspect_image
from alexnet.data.image_file import open_image
from alexnet.data.limits import Limits, get_limits
from alexnet.errors import DataError
from alexnet.records import Preprocessing
from tests.conftest import draw_stripes, encode
from tests.unit.data.test_archives import mutated

ZERO = (0.0, 0.0, 0.0)


def plain(size: int = 32, *, apply_exif: bool = True) -> Preprocessing:
    return Preprocessing(size, "squash", apply_exif, "RGB", ZERO, ZERO)


def corners() -> Image.Image:
    """64 x 64 px: another color in each quarter, so that no turn or reflection leaves it as it is."""
    image = Image.new("RGB", (64, 64), (250, 250, 250))
    for place, color in (((0, 0), (250, 0, 0)), ((32, 0), (0, 250, 0)), ((0, 32), (0, 0, 250))):
        image.paste(color, (*place, place[0] + 32, place[1] + 32))
    return image


def with_tag(image: Image.Image, kind: str, orientation: int) -> bytes:
    if kind.startswith("TIFF"):
        compression = "tiff_lzw" if kind == "TIFF LZW" else None
        return encode(image, "TIFF", tiffinfo={0x0112: orientation}, compression=compression)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {
        "WEBP": {"lossless": True},
        "JPEG": {"quality": 98, "subsampling": 0},
        "AVIF": {"subsampling": "4:4:4"},
    }
    return encode(image, kind, exif=exif, **options.get(kind, {}))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF LZW", "AVIF", "MPO"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_stands_upright_once_or_as_stored(kind: str, orientation: int) -> None:
    stored = corners()
    data = with_tag(stored, kind, orientation)
    turned, facts = inspect_image(data, plain())
    left, _ = inspect_image(data, plain(apply_exif=False))
    tagged = Image.open(io.BytesIO(encode(stored, "PNG", exif=exif_of(orientation))))
    upright = ImageOps.exif_transpose(tagged).resize((32, 32), Image.Resampling.BILINEAR)
    assert turned is not None
    assert left is not None
    assert np.abs(turned.astype(int) - np.asarray(upright)).mean() < 3
    assert np.abs(left.astype(int) - np.asarray(stored.resize((32, 32), Image.Resampling.BILINEAR))).mean() < 3
    assert facts.orientation == orientation


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_turned_images_keep_the_size_that_is_stored() -> None:
    image = draw_stripes(0, 0).resize((60, 40))
    for kind in ("JPEG", "TIFF", "PNG"):
        _, facts = inspect_image(with_tag(image, kind, 6), plain())
        assert (facts.width, facts.height) == (60, 40)


def with_orientation(value: bytes, kind: int, count: int = 1) -> bytes:
    """A JPEG whose EXIF block holds one orientation tag of an odd kind."""
    entry = b"\x12\x01" + kind.to_bytes(2, "little") + count.to_bytes(4, "little") + value.ljust(4, b"\0")
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"
    return encode(corners(), "JPEG", exif=block)


@pytest.mark.parametrize(("value", "kind"), [(b"\x06", 1), (b"\x06", 7), (b"abc", 2), (b"\xff\xff\xff\x7f", 4)])
def test_orientation_of_an_odd_kind_does_not_cost_the_image(value: bytes, kind: int) -> None:
    pixels, facts = inspect_image(with_orientation(value, kind), plain())
    assert pixels is not None
    assert 1 <= facts.orientation <= 8


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (bytes(500), "no image (nothing but zeros)"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image, which cannot be read; convert it to JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC image, which cannot be read; convert it to JPEG"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2", "no image (a video)"),
        (b"<!DOCTYPE html><html>404</html>", "no image (a web page, perhaps of a download that failed)"),
        (b"\n <svg xmlns='x'></svg>", "an SVG drawing, which has no pixels; convert it to PNG"),
        (b"%PDF-1.4", "a PDF; convert its pages to PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "an EPS drawing; convert it to PNG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + bytes(40), "a damaged PNG image; copy or download it again"),
        (b"\xff\xd8\xff\xe0 and no more", "cannot be decoded (Truncated File Read)"),
        (b"hello", "no image"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(data: bytes, words: str) -> None:
    pixels, facts = inspect_image(data, plain())
    assert pixels is None
    assert words in str(facts.error)


def test_eps_is_never_given_to_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a program was started"))
    assert inspect_image(encode(corners(), "EPS"), plain())[1].error == "an EPS drawing; convert it to PNG"


def empty_png(width: int, height: int) -> bytes:
    """An image of so many pixels whose file is small."""
    return encode(Image.new("1", (width, height)), "PNG")


def test_pixels_are_counted_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_PIXELS", "1000000")
    monkeypatch.setattr(image_file, "load_image", lambda *a, **k: pytest.fail("was decoded"))
    pixels, facts = inspect_image(empty_png(2000, 1000), plain())
    assert pixels is None
    rest = "1 million is the limit; shrink the image or raise ALEXNET_MAX_IMAGE_PIXELS"
    assert facts.error == f"too large: 2 million pixels, and {rest}"


def test_limit_can_be_raised_beyond_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode_image(empty_png(200, 100), plain()).shape == (32, 32, 3)
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize(
    ("kind", "options", "counted"),
    [
        ("PNG", {}, 4.0),
        ("WEBP", {}, 16.0),
        ("AVIF", {}, 12.0),
        ("JPEG2000", {}, 20.0),
        ("JPEG", {"progressive": True}, 8.0),
        ("JPEG", {}, 0.5),
        ("TIFF", {"tiffinfo": {0x0112: 6}}, 8.0),
    ],
)
def test_formats_count_by_the_memory_that_they_take(
    kind: str, options: dict[str, object], counted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(Image.new("RGB", (2000, 2000)), kind, **options)
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_PIXELS", str(counted * 1e6 - 1))
    with pytest.raises(DataError, match="too large"):
        decode_image(data, plain())
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_PIXELS", str(counted * 1e6))
    assert decode_image(data, plain()).shape == (32, 32, 3)


def test_very_narrow_image_counts_as_the_square_that_is_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_PIXELS", "1000000")
    with pytest.raises(DataError, match="too large"):
        decode_image(empty_png(1, 60_000), plain())


@pytest.mark.parametrize(
    ("text", "words"), [("many", "is not a number"), ("0", "must be at least 1"), ("inf", "is not a")]
)
def test_limit_that_is_no_number_is_named(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_MAX_ARCHIVE_RATIO", text)
    with pytest.raises(DataError, match=f"ALEXNET_MAX_ARCHIVE_RATIO={text}: {words}"):
        get_limits()


def test_limits_are_the_stated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_limits() == Limits(256_000_000, 100_000_000, 100)
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_BYTES", "1e9")
    assert get_limits().max_image_bytes == 1_000_000_000


def test_large_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_PIXELS", "2000000")
    inside, most = [], []

    def work() -> None:
        with open_image(empty_png(1300, 900)):
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


FORMATS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encode(draw_stripes(0, 0, 24), "JPEG"),
    "progressive JPEG": lambda: encode(draw_stripes(0, 0, 24), "JPEG", progressive=True, exif=exif_of(6)),
    "PNG": lambda: encode(draw_stripes(0, 0, 12)),
    "palette PNG": lambda: encode(draw_stripes(0, 0, 24).quantize(8)),
    "GIF": lambda: encode(draw_stripes(0, 0, 16), "GIF"),
    "BMP": lambda: encode(draw_stripes(0, 0, 12), "BMP"),
    "TIFF": lambda: encode(draw_stripes(0, 0, 12), "TIFF", tiffinfo={0x0112: 6}),
    "TIFF LZW": lambda: encode(draw_stripes(0, 0, 16), "TIFF", compression="tiff_lzw"),
    "WEBP": lambda: encode(draw_stripes(0, 0, 24), "WEBP"),
    "PPM": lambda: encode(draw_stripes(0, 0, 8), "PPM"),
    "AVIF": lambda: encode(draw_stripes(0, 0, 24), "AVIF"),
    "JPEG2000": lambda: encode(draw_stripes(0, 0, 24), "JPEG2000"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_mutated_images_are_decoded_or_left_out_with_a_reason(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """200 mutations in all, spread over the formats."""
    whole = FORMATS[kind]()
    reasons = []
    for seed in range(17):
        pixels, facts = inspect_image(mutated(whole, random.Random(f"{kind} {seed}").randrange(2**32)), plain())
        assert (pixels is None) == (facts.error is not None)
        reasons.append(facts.error or "")
    assert not any("\n" in reason for reason in reasons)
    assert capfd.readouterr() == ("", "")
