"""Chunks of a PNG that say nothing about its pixels: texts and color profiles, which may be too large for Pillow."""

import zlib

from PIL import PngImagePlugin

__all__ = ["without_large_notes"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"

AROUND = 12
"""Bytes of a chunk besides its data: length and name before it, checksum after it."""

SMALL = PngImagePlugin.MAX_TEXT_CHUNK // 1100
"""Compressed data of fewer bytes cannot unpack to more than Pillow reads: deflate reaches 1032 to 1 at most."""


def without_large_notes(data: bytes) -> bytes:
    """The PNG without texts and color profiles that unpack to more than 1 MB; other bytes as they are.

    Pillow refuses an image for them ("Decompressed data too large"), though its pixels are fine. Nothing here uses a
    color profile or a text, except for orientation, which takes a few hundred bytes.

    Source: PNG specification (3rd edition), sections 5.3 and 11.3: https://www.w3.org/TR/png-3
    """
    if not data.startswith(SIGNATURE):
        return data
    kept, first, place = [], 0, len(SIGNATURE)  # pieces to keep; where the present piece and the present chunk begin
    while place + AROUND <= len(data):
        after = place + AROUND + int.from_bytes(data[place : place + 4], "big")
        if _is_large(data[place + 4 : place + 8], data, place + 8, after - 4):
            kept.append(data[first:place])
            first = after
        place = after
    return b"".join([*kept, data[first:]]) if kept else data


def _is_large(name: bytes, data: bytes, first: int, end: int) -> bool:
    """Whether the chunk whose content is `data[first:end]` is a note that unpacks to more than Pillow reads."""
    most = PngImagePlugin.MAX_TEXT_CHUNK
    if end - first <= SMALL or name not in (b"zTXt", b"iTXt", b"iCCP"):
        return False
    content = data[first:end].partition(b"\0")[2]  # what follows the keyword
    packed = content[1:]  # a byte names the method
    if name == b"iTXt":
        packed = content[2:].partition(b"\0")[2].partition(b"\0")[2]  # after language and translated keyword
        if content[:1] != b"\1":
            return len(packed) > most
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1)) > most
    except zlib.error:
        return False
