"""A network layer by layer, with its totals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alexnet.model.specs import LayerGeometry, NetworkSpec
from alexnet.model.variants import get_variant
from alexnet.records import Record

__all__ = ["NetworkSummary", "summarize", "summarize_spec"]


@dataclass(frozen=True)
class NetworkSummary(Record):
    """A network's layers and totals for one image size and number of classes.

    activations: number of outputs of all layers with weights, which the paper calls neurons. switches: what was
    changed in the variant's table.
    """

    variant: str
    source: str
    size: int
    num_classes: int
    layers: tuple[LayerGeometry, ...]
    parameters: int
    multiply_adds: int
    activations: int
    switches: Mapping[str, Any] = field(default_factory=dict)


def summarize(variant: str, *, size: int = 96, num_classes: int = 8, **switches: Any) -> NetworkSummary:
    """Count layers, output shapes, kernels, parameters, multiply-adds and receptive fields of a variant.

    Args:
        variant: its name, see `VARIANTS`.
        size: side of the image, px.
        num_classes: outputs of the last layer.
        switches: changes of the variant's table, as the settings of the same names make them: `activation`, `lrn`,
            `pooling`, `dropout_form`, `dropout_place`, `towers`; None keeps the table's value.

    Raises:
        RecipeError: no such variant, or no such value of a switch.
        GeometryError: the images are too small for it.

    >>> summarize("torchvision", size=224, num_classes=1000).parameters
    61100840
    >>> summarize("paper", size=224, num_classes=1000, towers=False).parameters
    62378344
    """
    return summarize_spec(get_variant(variant, **switches), size=size, num_classes=num_classes)


def summarize_spec(spec: NetworkSpec, *, size: int, num_classes: int) -> NetworkSummary:
    """`summarize` for a table instead of a name.

    Raises:
        GeometryError: the images are too small for it.
    """
    layers = spec.geometry(size, num_classes)
    activations = 0
    for row in layers:
        if row.kernel:
            count = 1
            for length in row.output:
                count *= length
            activations += count
    return NetworkSummary(
        spec.name, spec.source, size, num_classes, layers,
        sum(row.parameters for row in layers), sum(row.multiply_adds for row in layers), activations,
        spec.switches,
    )  # fmt: skip
