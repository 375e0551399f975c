"""TOML files that people write: any editor's encoding, bounded, every fault in one line."""

import codecs
import tomllib
from pathlib import Path
from typing import Any

from alexnet.errors import RecipeError
from alexnet.files import shown_name

__all__ = ["parse_toml", "read_toml"]

LARGEST_FILE = 1_000_000
"""Bytes that are read at most."""

LONGEST_REASON = 200
"""Characters of the parser's message that ours repeats."""


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file, in UTF-8 or in the UTF-16 that Windows PowerShell writes.

    Raises:
        RecipeError: the file is missing, too large, or not valid; the message does not name the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecipeError(f"cannot be read ({reason}); give the path of a TOML file") from error
    if len(content) > LARGEST_FILE:
        raise RecipeError(f"is larger than {LARGEST_FILE:,} bytes; give the path of a TOML file")
    return parse_toml(_decode(content))


def _decode(content: bytes) -> str:
    """The text of a file, without the byte order mark that some editors put at its beginning."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecipeError(
            f"line {line} is not valid UTF-{16 if is_utf16 else 8} text; save the file as UTF-8"
        ) from error
    return text


def parse_toml(text: str) -> dict[str, Any]:
    """The values of a TOML text.

    Raises:
        RecipeError: it is not valid; the message gives the line where the parser knows it.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise RecipeError("is not valid TOML (brackets are nested too deeply); correct that value") from error
    except ValueError as error:  # also integers of thousands of digits
        reason = shown_name(str(error))[:LONGEST_REASON]
        raise RecipeError(f"is not valid TOML ({reason}); correct that place") from error
