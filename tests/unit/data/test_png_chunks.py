"""Texts and color profiles of PNGs that are larger than Pillow reads."""

import zlib

import numpy as np
import pytest
from PIL import PngImagePlugin

from alexnet.data.decode import inspect_image
from alexnet.data.png_chunks import without_large_notes
from tests.conftest import encode
from tests.unit.data.test_image_file import corners, plain

MOST = PngImagePlugin.MAX_TEXT_CHUNK
HEADER = 33
"""Bytes of signature and IHDR."""


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def note(kind: str, size: int) -> bytes:
    packed = zlib.compress(b"a" * size)
    return {
        "zTXt": chunk(b"zTXt", b"Comment\0\0" + packed),
        "iCCP": chunk(b"iCCP", b"profile\0\0" + packed),
        "iTXt compressed": chunk(b"iTXt", b"Comment\0\1\0en\0Comment\0" + packed),
        "iTXt": chunk(b"iTXt", b"Comment\0\0\0en\0Comment\0" + b"a" * size),
    }[kind]


KINDS = ("zTXt", "iCCP", "iTXt compressed", "iTXt")


@pytest.mark.parametrize("place", ["before the pixels", "after the pixels"])
@pytest.mark.parametrize("kind", KINDS)
def test_image_with_a_large_note_has_the_pixels_of_the_one_without(kind: str, place: str) -> None:
    png = encode(corners(), "PNG")
    cut = HEADER if place == "before the pixels" else len(png) - 12
    pixels, facts = inspect_image(png[:cut] + note(kind, MOST + 1) + png[cut:], plain())
    assert facts.error is None
    expected, _ = inspect_image(png, plain())
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_note_that_pillow_reads_is_kept(kind: str) -> None:
    png = encode(corners(), "PNG")
    whole = png[:HEADER] + note(kind, MOST) + png[HEADER:]
    assert without_large_notes(whole) is whole


@pytest.mark.parametrize("length", [8, 30, 33, 45, 100])
def test_cut_off_file_comes_back_as_it_is(length: int) -> None:
    png = encode(corners(), "PNG")
    cut = (png[:HEADER] + note("zTXt", 10) + png[HEADER:])[:length]
    assert without_large_notes(cut) is cut
