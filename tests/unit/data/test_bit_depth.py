"""Every depth becomes the same 8 bits, by the documented rule, which is stated for each file."""

import struct
import threading
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from alexnet.data import image_file
from alexnet.data.decode import inspect_image
from alexnet.records import Preprocessing
from tests.conftest import encode

ZERO = (0.0, 0.0, 0.0)
AS_STORED = Preprocessing(64, "squash", True, "RGB", ZERO, ZERO)
RAMP = np.linspace(0, 1, 64 * 64).reshape(64, 64)


def decode(data: bytes) -> tuple[np.ndarray, str]:
    pixels, facts = inspect_image(data, AS_STORED)
    assert pixels is not None, facts.error
    assert (pixels[..., 0] == pixels[..., 2]).all()
    return pixels[..., 0].astype(int), facts.depth


def whole(bits: int, kind: type = np.uint16) -> Image.Image:
    """The ramp in whole numbers of so many bits, in a file of 16 or 32."""
    return Image.fromarray((RAMP * (2.0**bits - 1)).astype(kind))


def whole_rule(bits: int) -> str:
    return f"read as {bits} bits, since the largest value is {2**bits - 1}"


def tiff(values: np.ndarray, *, bits: int, sample_format: int) -> bytes:
    """A TIFF of one uncompressed channel, which Pillow could not write."""
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    height, width = values.shape
    tags = [(256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
            (278, 3, height), (279, 4, len(data)), (339, 3, sample_format)]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + directory + b"\0" * 4


def pgm(most: int) -> bytes:
    return b"P5\n64 64\n%d\n" % most + (RAMP * most).astype(">u2").tobytes()


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        pytest.param(encode(whole(8)), whole_rule(8), id="8 bits in PNG of 16"),
        pytest.param(encode(whole(10)), whole_rule(10), id="10 in PNG of 16"),
        pytest.param(encode(whole(12)), whole_rule(12), id="12 in PNG of 16"),
        pytest.param(encode(whole(16)), whole_rule(16), id="PNG of 16"),
        pytest.param(encode(whole(12), "TIFF"), whole_rule(12), id="12 in TIFF of 16"),
        pytest.param(encode(whole(14), "TIFF"), whole_rule(14), id="14 in TIFF of 16"),
        pytest.param(encode(whole(16), "TIFF"), whole_rule(16), id="TIFF of 16"),
        pytest.param(encode(whole(8, np.int32), "TIFF"), whole_rule(8), id="8 in 32"),
        pytest.param(encode(whole(16, np.int32), "TIFF"), whole_rule(16), id="16 in 32"),
        pytest.param(encode(whole(24, np.int32), "TIFF"), whole_rule(24), id="24"),
        pytest.param(encode(whole(31, np.int32), "TIFF"), whole_rule(31), id="31"),
        pytest.param(
            tiff((RAMP * (2.0**32 - 1)).astype(np.uint32), bits=32, sample_format=1),
            whole_rule(32), id="32 without sign",
        ),
        pytest.param(
            tiff((RAMP * 40_000 - 30_000).astype(np.int16), bits=16, sample_format=2),
            "values from -30000 to 10000, spread over 0 to 255", id="16 with sign",
        ),
        pytest.param(pgm(1023), "scaled by the largest value that the file declares", id="PGM of 10"),
        pytest.param(pgm(65535), "scaled by the largest value that the file declares", id="PGM of 16"),
        pytest.param(
            encode(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
            "values from 0 to 1, spread over 0 to 255", id="floats to 1",
        ),
        pytest.param(
            encode(Image.fromarray((RAMP * 3 - 1).astype(np.float32)), "TIFF"),
            "values from -1 to 2, spread over 0 to 255", id="floats below 0",
        ),
    ],
)  # fmt: skip
def test_every_depth_gives_the_ramp_of_eight_bits(data: bytes, rule: str) -> None:
    gray, depth = decode(data)
    assert np.abs(gray - RAMP * 255).max() <= 1.01
    assert depth == rule


def test_eight_bits_need_no_rule() -> None:
    gray, depth = decode(encode(Image.fromarray((RAMP * 255).astype(np.uint8))))
    assert depth == ""
    np.testing.assert_array_equal(gray, (RAMP * 255).astype(np.uint8))


def test_dark_sixteen_bits_stay_dark_beside_a_bright_pixel() -> None:
    dark = np.full((64, 64), 200, np.uint16)
    dark[5, 5] = 60_000
    gray, _ = decode(encode(Image.fromarray(dark)))
    assert np.sort(gray.ravel())[-2] == 0
    assert gray[5, 5] == 60_000 // 256


def test_dark_image_of_a_declared_depth_stays_dark() -> None:
    data = b"P5\n64 64\n1023\n" + np.full((64, 64), 40, ">u2").tobytes()
    assert decode(data)[0].max() <= 10


def test_floats_that_are_not_finite_are_black_and_do_not_spread_the_rest() -> None:
    values = RAMP.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    gray, depth = decode(encode(Image.fromarray(values), "TIFF"))
    assert gray[0, :3].tolist() == [0, 0, 0]
    assert gray.max() == 255
    assert depth.startswith("values from 0.0007")


def test_flat_float_image_is_black() -> None:
    assert decode(encode(Image.fromarray(np.full((64, 64), 0.7, np.float32)), "TIFF"))[0].max() == 0


def color_png(most: int) -> bytes:
    """The ramp in three channels of 16 bits, up to `most`, which Pillow could not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = np.repeat((RAMP * most).astype(">u2")[..., None], 3, 2)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def color_tiff(most: int, orientation: int = 1) -> bytes:
    values = np.repeat((RAMP * most).astype("<u2")[..., None], 3, 2)
    data = values.tobytes() + struct.pack("<HHH", 16, 16, 16)
    size = values.nbytes
    tags = [(256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 3, 8 + size), (259, 3, 1, 1), (262, 3, 1, 2),
            (273, 4, 1, 8), (274, 3, 1, orientation), (277, 3, 1, 3), (278, 3, 1, 64), (279, 4, 1, size)]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + directory + b"\0" * 4


@pytest.mark.parametrize("make", [color_png, color_tiff])
@pytest.mark.parametrize(
    ("most", "rule"),
    [
        (65535, "16 bits a channel, of which the upper 8 are used"),
        (16383, "read as 14 bits a channel, since no value reaches 16384"),
        (4095, "read as 12 bits a channel, since no value reaches 4096"),
        (1023, "read as 10 bits a channel, since no value reaches 1024"),
        (255, "read as 8 bits a channel, since no value reaches 256"),
    ],
)
def test_color_of_any_depth_gives_the_ramp(make: Callable[[int], bytes], most: int, rule: str) -> None:
    gray, depth = decode(make(most))
    assert depth == rule
    assert np.abs(gray - RAMP * 255).max() <= 1.01


def test_deep_color_is_turned_like_any_other() -> None:
    for most in (4095, 65535):
        gray, _ = decode(color_tiff(most, orientation=3))
        assert np.abs(gray - (RAMP * 255)[::-1, ::-1]).max() <= 1.01


def test_image_that_takes_all_that_is_allowed_does_not_wait_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "SMALL", 0)
    monkeypatch.setenv("ALEXNET_MAX_IMAGE_PIXELS", str(2 * 128 * 128))
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(decode(color_png(4095))[1]), daemon=True)
    thread.start()
    thread.join(10)
    assert results == ["read as 12 bits a channel, since no value reaches 4096"]
