"""What a network consists of, layer by layer, with its totals."""

from dataclasses import dataclass

from alexnet.model.specs import LayerGeometry
from alexnet.model.variants import get_variant
from alexnet.records import Record

__all__ = ["NetworkSummary", "summarize"]


@dataclass(frozen=True)
class NetworkSummary(Record):
    """A network's layers and totals for one picture size and number of classes.

    activations: numbers that the layers with weights give, "neurons" in the paper's word.
    """

    variant: str
    source: str
    size: int
    num_classes: int
    layers: tuple[LayerGeometry, ...]
    parameters: int
    multiply_adds: int
    activations: int


def summarize(variant: str, *, size: int = 96, num_classes: int = 8) -> NetworkSummary:
    """Layers, output shapes, kernels, parameters, multiply-adds and receptive fields of a variant.

    Raises:
        RecipeError: there is no such variant.
        GeometryError: the pictures are too small for it.

    >>> summarize("torchvision", size=224, num_classes=1000).parameters
    61100840
    """
    spec = get_variant(variant)
    layers = spec.geometry(size, num_classes)
    activations = 0
    for row in layers:
        if row.kernel:
            count = 1
            for length in row.output:
                count *= length
            activations += count
    return NetworkSummary(
        variant, spec.source, size, num_classes, layers,
        sum(row.parameters for row in layers), sum(row.multiply_adds for row in layers), activations,
    )  # fmt: skip
