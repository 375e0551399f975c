"""Pillow and the libraries below it, kept from printing, logging and warning while files are decoded."""

import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache

from PIL import Image, _imaging

__all__ = ["quiet_pillow"]

_QUIET = threading.Lock()
_restore = ExitStack()
_num_quiet = 0


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Nothing is printed, logged or warned of by Pillow in here, and its own bound on pixels is off.

    These settings belong to the whole process: they are made by the first thread that enters, and are as before when
    the last one has left.
    """
    global _num_quiet
    with _QUIET:
        if _num_quiet == 0:
            _silence(_restore)
        _num_quiet += 1
    try:
        yield
    finally:
        with _QUIET:
            _num_quiet -= 1
            if _num_quiet == 0:
                _restore.close()


def _silence(restore: ExitStack) -> None:
    restore.enter_context(warnings.catch_warnings())
    warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
    restore.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    Image.MAX_IMAGE_PIXELS = None  # `open_image` has a bound of its own
    logger, handler = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(handler)
    restore.callback(logger.removeHandler, handler)
    restore.callback(setattr, logger, "propagate", logger.propagate)
    logger.propagate = False
    library = _libtiff()
    if library is not None:  # it prints lines of its own, without the name of the file
        for setter in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
            setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            restore.callback(setter, setter(None))


@lru_cache(maxsize=1)
def _libtiff() -> ctypes.CDLL | None:
    """The library that Pillow reads compressed TIFFs with; None where it is not a library of its own."""
    try:
        library = ctypes.CDLL(_imaging.__file__)
        _ = library.TIFFSetErrorHandler, library.TIFFSetWarningHandler
    except (OSError, AttributeError):
        return None
    return library
