"""How large a file, an image and an archive may be; checked before anything is read.

Every bound is an environment variable, so that it holds for each command and call alike:

    ALEXNET_MAX_IMAGE_BYTES     bytes of one image file, 256 MB
    ALEXNET_MAX_IMAGE_PIXELS    pixels of one image, 100 million. Formats that take more memory to decode than PNG
                                count more: WebP 4 times, JPEG 2000 5 times, AVIF 3 times, a progressive JPEG and a
                                TIFF with an EXIF orientation twice; another JPEG, decoded at a fraction, less.
    ALEXNET_MAX_ARCHIVE_RATIO   bytes of an archive's files over bytes of the archive, 100

    ALEXNET_MAX_SHARD_CACHE_BYTES   bytes of downloaded shards that are kept, 4 GB; two shards a lane are kept anyway
"""

import os
from dataclasses import dataclass
from functools import lru_cache

from alexnet.errors import DataError

__all__ = ["Limits", "get_limits", "get_shard_cache_bytes"]


@dataclass(frozen=True)
class Limits:
    """Bounds on what is opened.

    max_image_bytes: of one file. max_image_pixels: of one image, weighted by format.
    max_archive_ratio: bytes of all files of an archive over bytes of the archive.
    """

    max_image_bytes: int = 256_000_000
    max_image_pixels: int = 100_000_000
    max_archive_ratio: int = 100


def get_limits() -> Limits:
    """The bounds that hold now: those of the environment, else the defaults.

    Raises:
        DataError: a variable is not a positive number.
    """
    return _limits(*map(os.environ.get, VARIABLES))


def get_shard_cache_bytes() -> int:
    """Bytes of downloaded shards that are kept.

    Raises:
        DataError: the variable is not a positive number.
    """
    return _read(SHARD_CACHE, os.environ.get(SHARD_CACHE), 4_000_000_000)


SHARD_CACHE = "ALEXNET_MAX_SHARD_CACHE_BYTES"
VARIABLES = ("ALEXNET_MAX_IMAGE_BYTES", "ALEXNET_MAX_IMAGE_PIXELS", "ALEXNET_MAX_ARCHIVE_RATIO")


@lru_cache(maxsize=8)
def _limits(*texts: str | None) -> Limits:
    return Limits(*map(_read, VARIABLES, texts, vars(Limits()).values()))


def _read(variable: str, text: str | None, default: int) -> int:
    if not text:
        return default
    try:
        value = int(float(text))
    except (ValueError, OverflowError) as error:
        raise DataError(f"{variable}={text}: is not a number; give for example {default}") from error
    if value < 1:
        raise DataError(f"{variable}={text}: must be at least 1; give for example {default}")
    return value
