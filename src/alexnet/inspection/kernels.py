"""The learned kernels of a convolutional layer, as arrays."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from torch import nn

from alexnet.errors import GeometryError
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["KernelSet", "kernels"]


@dataclass(frozen=True, eq=False)
class KernelSet(Record):
    """Kernels of one layer: weights [out, in, k, k], float32; channels of conv1 are in RGB order.

    groups: the layer's towers; kernel o sees the input maps of its own tower only.
    """

    layer: str
    weights: Float32[np.ndarray, "O I k k"]
    groups: int

    def to_dict(self) -> dict[str, object]:
        """As plain lists."""
        return {"layer": self.layer, "groups": self.groups, "weights": self.weights.tolist()}


def kernels(classifier: Classifier, layer: str = "conv1") -> KernelSet:
    """The kernels of a convolutional layer, a copy.

    Raises:
        GeometryError: there is no such layer, or it is not convolutional.
    """
    module = classifier.network[layer]
    if not isinstance(module, nn.Conv2d):
        convs = [name for name, other in classifier.network.named_layers() if isinstance(other, nn.Conv2d)]
        raise GeometryError(f"layer {layer}: has no kernels; choose one of {', '.join(convs)}")
    weights = module.weight.detach().float().cpu().numpy().copy()
    if weights.shape[1] == 3 and classifier.preprocessing.channels == "BGR":
        weights = weights[:, ::-1].copy()
    return KernelSet(layer, weights, module.groups)
