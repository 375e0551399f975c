"""File names made from any text: allowed on every system, and never outside their folder."""

import hashlib
import re

__all__ = ["safe_name"]

LONGEST_NAME = 180
"""Bytes of a file's or folder's name; file systems allow 255, encrypted ones fewer."""

UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*%\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
"""Characters that some file system does not allow in a name, or that a terminal or file manager does not show."""

RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
"""Names of devices in Windows."""


def safe_name(name: str) -> str:
    """A file name that every system allows and shows, and that never leaves its folder.

    Characters that may not be in a name are written as `%` and the hexadecimal digits of their bytes, as in a URL; a
    name of more than 180 bytes is cut, and eight digits of its hash keep it different from others.

    >>> safe_name("../../etc/passwd"), safe_name("a" * 300)[-20:]
    ('..%2F..%2Fetc%2Fpasswd', 'aaaaaaaaaaa-a5de59a0')
    """
    safe = UNSAFE.sub(lambda match: _percent(match[0]), name)
    if safe.strip(". ") == "" or RESERVED.match(safe):
        safe = f"_{safe}"
    if safe[-1] in ". ":  # Windows drops them
        safe = safe[:-1] + _percent(safe[-1])
    data = safe.encode("utf-8")
    if len(data) <= LONGEST_NAME:
        return safe
    stem, dot, ending = safe.rpartition(".")
    ending = dot + ending if stem and len(ending.encode("utf-8")) <= 8 else ""
    digest = "-" + hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    room = LONGEST_NAME - len((digest + ending).encode("utf-8"))
    return data[:room].decode("utf-8", "ignore") + digest + ending


def _percent(character: str) -> str:
    is_byte = "\udc80" <= character <= "\udcff"  # of a name that is not UTF-8
    data = character.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)
