"""Layers of an `AlexNet` by the names of its table, and of any other torch module by those of `named_modules`."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.data.decode import Pixels, center_crop, normalize
from alexnet.errors import GeometryError
from alexnet.layers.lrn import LocalResponseNorm, MapResponseNorm
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.specs import Activation, Conv, Linear

__all__ = [
    "blank_input",
    "convolutions",
    "find_layer",
    "layer_names",
    "network_input",
    "output_layer",
    "read_layer",
    "weighted_layers",
]

NORMS = (LocalResponseNorm, MapResponseNorm, nn.LocalResponseNorm)
AVERAGES = (nn.AvgPool2d, nn.AdaptiveAvgPool2d)
POOLS = (nn.MaxPool2d, *AVERAGES)


def layer_names(network: nn.Module) -> tuple[str, ...]:
    """Names of the layers, in order; of another module, those of its parts that hold no parts."""
    if isinstance(network, AlexNet):
        return network.layer_names
    return tuple(name for name, module in network.named_modules() if name and not list(module.children()))


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """A layer by its name.

    Raises:
        GeometryError: there is no such layer; the message lists those that exist.
    """
    if isinstance(network, AlexNet):
        return network[name]
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if name not in modules:
        raise GeometryError(
            f"layer {name}: the network has no such layer; choose one of {', '.join(key for key in modules if key)}"
        )
    return modules[name]


def weighted_layers(network: nn.Module) -> tuple[str, ...]:
    """Names of the convolutional and fully connected layers, in order."""
    return tuple(
        name for name in layer_names(network) if isinstance(find_layer(network, name), nn.Conv2d | nn.Linear)
    )


def convolutions(network: nn.Module) -> tuple[str, ...]:
    """Names of the convolutional layers, in order.

    Raises:
        GeometryError: there is none.
    """
    names = tuple(name for name in layer_names(network) if isinstance(find_layer(network, name), nn.Conv2d))
    if not names:
        raise GeometryError("the network has no convolution: this needs a network with convolutional layers")
    return names


def output_layer(network: nn.Module, layer: str) -> str:
    """The activation after a layer with weights where an `AlexNet` has one there, else the layer itself."""
    if isinstance(network, AlexNet):
        for spec, following in pairwise(network.spec.layers):
            if spec.name == layer and isinstance(spec, Conv | Linear) and isinstance(following, Activation):
                return following.name
    return layer


def read_layer(network: nn.Module, layer: str) -> str | None:
    """The layer whose maps or units a layer reads, through activations and dropout; None where it reads the image."""
    names = layer_names(network)
    before = names[: names.index(layer)]
    kinds = (nn.Conv2d, nn.Linear, *NORMS, *POOLS)
    return next((name for name in reversed(before) if isinstance(find_layer(network, name), kinds)), None)


def network_input(classifier: Classifier, pixels: Pixels | Sequence[Pixels]) -> Float[Tensor, "N 3 S S"]:
    """Decoded images as the network gets them in testing, on its device: the center, normalized."""
    crops = np.stack([center_crop(image, classifier.preprocessing) for image in pixels])
    device = next(classifier.network.parameters(), torch.empty(0)).device
    return normalize(torch.from_numpy(crops).to(device), classifier.preprocessing)


def blank_input(classifier: Classifier) -> Float[Tensor, "1 3 S S"]:
    """A black image as the network gets it: enough to see which layers run."""
    size = classifier.preprocessing.size
    return network_input(classifier, np.zeros((1, size, size, 3), np.uint8))
