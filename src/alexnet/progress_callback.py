"""What a long call is given to say how far it is."""

from collections.abc import Callable

__all__ = ["Progress"]

Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is in all: images, files, bytes, as the call says."""
