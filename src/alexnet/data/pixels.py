"""Decoded images as arrays: their types, without torch."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["Indices", "PixelRows", "Pixels"]

Pixels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]


@runtime_checkable
class PixelRows(Protocol):
    """Decoded images by row: in memory, in a mapped file, or decoded when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, S, S, 3]."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any:
        """The pixels of a row, a slice of rows, or an array of them."""
