"""The convolution of any network, or of a weight file, that reads the image, and whether towers follow it."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from alexnet.errors import GeometryError, WeightsError
from alexnet.files import shown_name
from alexnet.inspection.kernels import KernelSet, kernels
from alexnet.inspection.network_layers import convolutions, find_layer
from alexnet.model.checkpoint import Classifier
from alexnet.model.weights import layer_weights, read_weights

__all__ = ["FirstLayer", "file_kernels", "first_layer", "first_layer_of_file"]

IMAGE_CHANNELS = (1, 3)
"""Channels of a gray and of a color image."""


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """The first layer's kernels, and whether the next convolution reads them in two towers, each its own half."""

    kernels: KernelSet
    has_towers: bool


def first_layer(classifier: Classifier) -> FirstLayer:
    """The first convolution of a network that reads 1 or 3 channels.

    Raises:
        GeometryError: there is none.
    """
    modules = {name: find_layer(classifier.network, name) for name in convolutions(classifier.network)}
    reading = [name for name, module in modules.items() if getattr(module, "in_channels", 0) in IMAGE_CHANNELS]
    if not reading:
        raise GeometryError("no convolution of the network reads 1 or 3 channels: give a network for images")
    following = list(modules)[list(modules).index(reading[0]) + 1 :]
    second = modules[following[0]] if following else None
    return FirstLayer(kernels(classifier, reading[0]), isinstance(second, nn.Conv2d) and second.groups == 2)


def first_layer_of_file(path: Path) -> FirstLayer:
    """The first convolution of a weight file that reads 1 or 3 channels.

    Raises:
        WeightsError: there is none, or the file cannot be read.
    """
    weights = _convolutions_of_file(path)
    name = _first_name(weights, path)
    following = list(weights)[list(weights).index(name) + 1 :]
    has_towers = bool(following) and 2 * weights[following[0]].shape[1] == len(weights[name])
    return FirstLayer(_as_set(weights, name, path), has_towers)


def file_kernels(path: Path, layer: str | None = None) -> KernelSet:
    """The kernels of a convolution in a weight file, with the channels in the order that the file has.

    Args:
        layer: conv1, conv2 ...; by default the first that reads 1 or 3 channels.

    Raises:
        GeometryError: the file has no such convolution.
        WeightsError: it has none at all, or cannot be read.
    """
    weights = _convolutions_of_file(path)
    name = _first_name(weights, path) if layer is None else layer
    if name not in weights:
        raise GeometryError(f"layer {name}: {shown_name(path)} has {', '.join(weights)}")
    return _as_set(weights, name, path)


def _convolutions_of_file(path: Path) -> dict[str, Tensor]:
    """Weights of the convolutions by our names, in order."""
    weights = {name: weight for name, (weight, _) in layer_weights(read_weights(path)).items() if weight.ndim == 4}
    if not weights:
        raise WeightsError(f"{shown_name(path)}: has no convolution; give weights of a convolutional network")
    return {name: weights[name] for name in sorted(weights, key=lambda name: int(name.removeprefix("conv")))}


def _first_name(weights: dict[str, Tensor], path: Path) -> str:
    names = (name for name, weight in weights.items() if weight.shape[1] in IMAGE_CHANNELS)
    name = next(names, None)
    if name is None:
        raise WeightsError(f"{shown_name(path)}: no convolution reads 1 or 3 channels; give a network for images")
    return name


def _as_set(weights: dict[str, Tensor], name: str, path: Path) -> KernelSet:
    place = list(weights).index(name)
    inputs = len(weights[list(weights)[place - 1]]) if place else weights[name].shape[1]
    groups = 2 if inputs == 2 * weights[name].shape[1] else 1
    return KernelSet(name, weights[name].numpy(), groups, f"{name} of {shown_name(path.name)}")
