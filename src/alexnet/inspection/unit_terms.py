"""What a unit of a fully connected layer is the sum of: the units or maps before it that add most."""

from dataclasses import dataclass

import numpy as np

from alexnet.errors import GeometryError
from alexnet.inspection.layer_step import FULLY_CONNECTED, LayerStep
from alexnet.inspection.unit_address import UnitAddress
from alexnet.records import Record

__all__ = ["UnitSum", "UnitTerm", "sum_up"]


@dataclass(frozen=True)
class UnitTerm(Record):
    """What one unit or map adds to a unit of the layer that reads it.

    source: its address. contribution: input times weight; of a map, the sum over its places. place: (row, column) in
    a map where the product is largest in absolute value; None of a unit. input, weight, product: there.
    """

    source: UnitAddress
    contribution: float
    place: tuple[int, int] | None
    input: float
    weight: float
    product: float


@dataclass(frozen=True)
class UnitSum(Record):
    """A unit of a fully connected layer as a sum.

        value = sum of the contributions of all sources + bias
              = positive + negative + bias
              = sum of the contributions of `terms` + rest + bias

    Args:
        unit: its address.
        terms: the sources that contribute most in absolute value, largest first.
        num_sources: units or maps that are read; num_active: those that are not 0 everywhere.
        positive, negative: sums of the contributions above and below 0.
        rest: sum of the contributions of the sources that are not in `terms`.
        bias: of the unit.
        value: the sum by this arithmetic, in float64.
        layer_value: the output of the layer itself, before the activation.
    """

    unit: UnitAddress
    terms: tuple[UnitTerm, ...]
    num_sources: int
    num_active: int
    positive: float
    negative: float
    rest: float
    bias: float
    value: float
    layer_value: float


def sum_up(step: LayerStep, source: str, *, is_maps: bool, most: int = 12) -> UnitSum:
    """An output of a fully connected layer as a sum over what it reads.

    Args:
        step: what `trace_layer` gives of the layer.
        source: name of the layer that it reads, see `read_layer`.
        is_maps: whether that gives maps, not units.
        most: terms, >= 1.

    Raises:
        GeometryError: the layer is not fully connected.
    """
    if step.kind != FULLY_CONNECTED or step.weights is None:
        raise GeometryError(f"layer {step.layer}: is not fully connected; choose one that is")
    sums = step.channel_sums
    order = np.argsort(-np.abs(sums), kind="stable")

    def term(number: int) -> UnitTerm:
        row, column = divmod(int(np.abs(step.products[number]).argmax()), step.products.shape[2])
        at = number, row, column
        assert step.weights is not None
        return UnitTerm(
            UnitAddress(source, number),
            float(sums[number]),
            (row, column) if is_maps else None,
            float(step.patch[at]),
            float(step.weights[at]),
            float(step.products[at]),
        )

    return UnitSum(
        UnitAddress(step.layer, step.map),
        tuple(term(number) for number in order[:most].tolist()),
        len(sums),
        int(step.patch.any((1, 2)).sum()),
        float(sums[sums > 0].sum()),
        float(sums[sums < 0].sum()),
        float(sums[order[most:]].sum()),
        step.bias,
        step.value,
        step.layer_value,
    )
