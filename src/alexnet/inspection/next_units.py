"""The way forward from a unit: the units of the next layer that read it, by weights and by what it adds to them."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import check_input
from alexnet.inspection.network_layers import find_layer, layer_names, network_input, weighted_layers
from alexnet.inspection.recording import preserved
from alexnet.inspection.unit_address import UnitAddress
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["NextUnit", "NextUnits", "next_units"]


@dataclass(frozen=True)
class NextUnit(Record):
    """A unit of the next layer, and how it reads a channel.

    unit: its address. weight_norm: Euclidean norm of its weights for the channel. contribution: what the channel adds
    to it before bias and activation, at the place where that is largest in absolute value; None without an image.
    place: (row, column) of that output; None without an image, and in a fully connected layer, which has no places.
    class_name: of the last layer's units, the class; else None.
    """

    unit: UnitAddress
    weight_norm: float
    contribution: float | None
    place: tuple[int, int] | None
    class_name: str | None


@dataclass(frozen=True)
class NextUnits(Record):
    """Units of the next layer that read a unit most.

    unit: the one that is read. layer: the next layer with weights. num_units: units of it that can read the channel:
    where a layer is divided into groups, those of its group. by_weight: those with the largest weight norms.
    by_contribution: those with the largest contributions in absolute value; empty without an image.
    """

    unit: UnitAddress
    layer: str
    num_units: int
    by_weight: tuple[NextUnit, ...]
    by_contribution: tuple[NextUnit, ...]


def next_units(
    classifier: Classifier,
    unit: UnitAddress | str,
    image: UInt8[np.ndarray, "S S 3"] | None = None,
    *,
    most: int = 6,
) -> NextUnits:
    """Which units of the next layer read a unit most; the network is left as it was.

    Between the two layers may lie activation, normalization, pooling and dropout, which keep the channels. The next
    unit's input is a sum over channels, of which this is one term at one place (row, column):

        contribution = sum over taps of weight * input of the channel

    Args:
        unit: `conv1/5`; of an activation, normalization or pooling, the channel of the layer with weights before it.
        image: decoded, as the network gets it; without one only weights are compared.
        most: units in each list, >= 1.

    Raises:
        GeometryError: there is no such unit, no layer with weights follows, what follows has other channels, or the
            image has another size.
    """
    unit = UnitAddress.parse(unit)
    layer, module, num_channels = _next_layer(classifier.network, unit)
    if isinstance(module, nn.Conv2d):
        first, weights = _kernels_of_channel(module, unit.number)
    else:
        places = module.in_features // num_channels
        first, weights = 0, module.weight[:, unit.number * places : (unit.number + 1) * places]
    weights = weights.detach().float()
    norms = weights.flatten(1).norm(dim=1)
    added, at = None, None
    if image is not None:
        check_input(classifier, image)
        inputs = _input_of(classifier, module, image)
        added, at = _contributions(module, weights, inputs, unit.number, num_channels)
    names = classifier.classes if layer == weighted_layers(classifier.network)[-1] else None

    def described(place: int) -> NextUnit:
        number = first + place
        return NextUnit(
            UnitAddress(layer, number),
            float(norms[place]),
            None if added is None else float(added[place]),
            None if at is None else at[place],
            None if names is None else names[number],
        )

    def largest(values: Tensor | None) -> tuple[NextUnit, ...]:
        if values is None:
            return ()
        return tuple(map(described, values.abs().argsort(descending=True, stable=True)[:most].tolist()))

    return NextUnits(unit, layer, len(norms), largest(norms), largest(added))


def _next_layer(network: nn.Module, unit: UnitAddress) -> tuple[str, nn.Conv2d | nn.Linear, int]:
    """Name and module of the next layer with weights, and the number of channels that it reads from this one."""
    find_layer(network, unit.layer)  # raises where there is none
    every, weighted = layer_names(network), weighted_layers(network)
    so_far = [name for name in every[: every.index(unit.layer) + 1] if name in weighted]
    if not so_far:
        raise GeometryError(
            f"layer {unit.layer}: no layer with weights lies before it; choose one of {', '.join(weighted)}"
        )
    num_channels = len(find_layer(network, so_far[-1]).get_parameter("weight"))
    unit.require_below(num_channels)
    if so_far[-1] == weighted[-1]:
        raise GeometryError(f"layer {unit.layer}: is the last; its units are the classes")
    layer = weighted[len(so_far)]
    module = find_layer(network, layer)
    assert isinstance(module, nn.Conv2d | nn.Linear)
    if isinstance(module, nn.Conv2d):
        fits = module.in_channels == num_channels
    else:
        fits = module.in_features % num_channels == 0
    if not fits:
        raise GeometryError(f"layer {layer}: does not read the {num_channels} channels of {unit.layer}")
    return layer, module, num_channels


def _kernels_of_channel(module: nn.Conv2d, channel: int) -> tuple[int, Tensor]:
    """The first output that reads an input channel, and the kernels [n, k, k] of all that do."""
    inputs, outputs = module.in_channels // module.groups, module.out_channels // module.groups
    group = channel // inputs
    first = group * outputs
    return first, module.weight[first : first + outputs, channel - group * inputs]


def _input_of(classifier: Classifier, module: nn.Module, image: np.ndarray) -> Tensor:
    """What a layer gets for an image, [C, H, W] or [features]."""
    inputs: list[Tensor] = []

    def keep(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        inputs.append(arguments[0].detach().clone())  # the layer may work in place

    with preserved(classifier.network), torch.inference_mode():
        classifier.network.eval()
        handle = module.register_forward_pre_hook(keep)
        try:
            classifier.network(network_input(classifier, image[None]))
        finally:
            handle.remove()
    return inputs[-1][0].float()


def _contributions(
    module: nn.Conv2d | nn.Linear, weights: Float32[Tensor, "n ..."], inputs: Tensor, channel: int, num_channels: int
) -> tuple[Float32[Tensor, " n"], list[tuple[int, int]] | None]:
    """Of each unit what the channel adds to it, and where that is largest."""
    if isinstance(module, nn.Linear):
        return weights @ inputs.reshape(num_channels, -1)[channel], None
    added = F.conv2d(
        inputs[None, channel : channel + 1], weights[:, None], None, module.stride, module.padding, module.dilation
    )[0]
    flat = added.flatten(1)
    best = flat.abs().argmax(1)
    width = added.shape[2]
    return flat.gather(1, best[:, None])[:, 0], [(int(place) // width, int(place) % width) for place in best]
