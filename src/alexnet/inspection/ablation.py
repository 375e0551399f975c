"""Take units away: a network as if some kernels or units gave nothing, or always the same."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.inspection.network_layers import find_layer
from alexnet.inspection.recording import preserved
from alexnet.inspection.unit_address import UnitAddress
from alexnet.model.alexnet import AlexNet

__all__ = ["ablated", "forward_from"]


@contextmanager
def ablated(
    network: nn.Module,
    units: Mapping[str, Sequence[int]],
    *,
    values: Mapping[str, Float[Tensor, " C"]] | None = None,
) -> Iterator[None]:
    """Inside the block, the named units of the named layers give 0, or a fixed value, whatever comes in.

    A unit is a feature map of a convolutional layer, or an output of a fully connected one. The outputs are replaced
    before the activation. Afterwards the network is as it was, also when something fails inside.

    Args:
        units: layer → numbers of its units.
        values: layer → what its units give instead, one number for each unit of the layer (their mean over the
            training set, say); 0 for layers that are not named.

    Raises:
        GeometryError: a layer or a unit does not exist.
    """
    handles: list[Any] = []
    with preserved(network):
        try:
            for layer, numbers in units.items():
                module = find_layer(network, layer)
                if not isinstance(module, nn.Conv2d | nn.Linear):
                    raise GeometryError(f"layer {layer}: has no units to switch off; choose a layer with weights")
                for number in numbers:
                    UnitAddress(layer, number).require_below(len(module.weight))
                replacement = None if values is None else values.get(layer)
                handles.append(module.register_forward_hook(_replace(list(numbers), replacement)))
            yield
        finally:
            for handle in handles:
                handle.remove()


def _replace(numbers: list[int], values: Tensor | None) -> Any:
    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        changed = output.clone()
        new = torch.zeros(len(numbers)) if values is None else values[numbers]
        shape = (1, len(numbers), *[1] * (output.ndim - 2))
        changed[:, numbers] = new.to(output).view(shape)
        return changed

    return hook


def forward_from(network: AlexNet, layer: str, output: Tensor) -> Tensor:
    """The logits that follow from the output of a layer: only the layers after it are computed.

    `output` may be overwritten, because an activation may work in place.

    Raises:
        GeometryError: there is no such layer.
    """
    names = list(network.layer_names)
    if layer not in names:
        raise GeometryError(f"layer {layer}: {network.spec.name} has no such layer; choose one of {', '.join(names)}")
    num_maps = len(network.spec.features)
    x = output
    for place, (_, module) in enumerate(network.named_layers()):
        if place <= names.index(layer):
            continue
        if place == num_maps:
            x = torch.flatten(x, 1)
        x = module(x)
    return x
