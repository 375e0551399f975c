"""One output of a layer, written out, as a value."""

import math
from dataclasses import dataclass

import numpy as np

from alexnet.records import Record

__all__ = ["FULLY_CONNECTED", "WRITTEN_OUT", "LayerStep", "strongest_channels"]

WRITTEN_OUT = 4
"""Channels of a sum that are written out."""

FULLY_CONNECTED = "fully connected"
"""Kind of a layer whose outputs are units without a place."""


@dataclass(frozen=True, eq=False)
class LayerStep(Record):
    """One output of a layer, and everything that it is computed from.

    kind: `convolution`, `max pooling`, `average pooling`, `normalization` or `fully connected`. What a layer calls
    convolution is a correlation: the kernel is not flipped. A fully connected layer that reads maps has kernels as
    large as they are; one that reads units has patches of 1 x 1. map, place: channel and (row, column) of the output;
    of a fully connected layer, its unit and (0, 0). corner: (row, column) of the first input that is read, possibly
    in the padding. channels: first and last input channel that are read. patch: [C, k, k], zero in the padding (minus
    infinity for pooling). weights: as patch, None if the layer has none. products: as patch, what is added or
    compared. channel_sums: [C]. bias: 0 if there is none. value: the output by this arithmetic, in float64.
    layer_value: the output of the layer itself. equation: of a sum, the channels that add most.

    >>> step = alexnet.trace_layer("runs/first", "photo.jpg", "conv1", map=0)
    >>> abs(step.value - step.layer_value) < 1e-3
    True
    """

    layer: str
    kind: str
    map: int
    place: tuple[int, int]
    corner: tuple[int, int]
    channels: tuple[int, int]
    patch: np.ndarray
    weights: np.ndarray | None
    products: np.ndarray
    channel_sums: np.ndarray
    bias: float
    value: float
    layer_value: float
    equation: str

    def to_dict(self) -> dict[str, object]:
        """As plain lists; the padding of a pooling is None."""
        plain = {key: value for key, value in self.__dict__.items() if not isinstance(value, np.ndarray)}
        arrays = {key: value for key, value in self.__dict__.items() if isinstance(value, np.ndarray)}
        lists = {key: _finite(value.tolist()) for key, value in arrays.items()}
        return (
            plain | lists | {"place": list(self.place), "corner": list(self.corner), "channels": list(self.channels)}
        )

    def __str__(self) -> str:
        """For people: four lines."""
        row, column = self.corner
        count, *sides = self.patch.shape
        first, last = self.channels
        reads = f"reads rows from {row}, columns from {column}, channels {first} to {last}"
        if self.kind == FULLY_CONNECTED:
            maps = f"maps of {sides[0]} x {sides[1]}"
            reads = f"reads {count} numbers" if sides == [1, 1] else f"reads {count} {maps}"
        return "\n".join(
            [
                f"{self._where}: {self.kind}",
                reads,
                self.equation,
                f"by this arithmetic {self.value:.7g}, by the layer {self.layer_value:.7g}",
            ]
        )

    def _repr_html_(self) -> str:
        return (
            f"<b>{self._where}</b>: {self.equation}<br>"
            f"by this arithmetic {self.value:.6g}, by the layer {self.layer_value:.6g}"
        )

    @property
    def _where(self) -> str:
        if self.kind == FULLY_CONNECTED:
            return f"{self.layer}, unit {self.map}"
        return f"{self.layer}, map {self.map}, row {self.place[0]}, column {self.place[1]}"


def _finite(value: object) -> object:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if isinstance(value, float) and math.isfinite(value) else None


def strongest_channels(sums: np.ndarray) -> list[int]:
    """The channels that add most to a sum, up to `WRITTEN_OUT` of them, by number. sums: [C]."""
    return sorted(np.argsort(-np.abs(sums), kind="stable")[:WRITTEN_OUT].tolist())
