"""Take units away: a network as if some kernels or units gave nothing, or always the same."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.inspection.network_layers import find_layer
from alexnet.inspection.recording import check_units, preserved
from alexnet.inspection.unit_address import UnitAddress
from alexnet.inspection.unit_outputs import BATCH_NORMS, is_unchanged, version_of
from alexnet.model.alexnet import AlexNet

__all__ = ["ablated", "forward_from"]


@contextmanager
def ablated(
    network: nn.Module,
    units: Mapping[str, Sequence[int] | None],
    *,
    values: Mapping[str, Float[Tensor, " C"]] | None = None,
) -> Iterator[None]:
    """Inside the block, the named units of the named layers give 0, or a fixed value, whatever comes in.

    A unit is a feature map of a convolutional layer, or an output of a fully connected one. The outputs are replaced
    before the activation, and where batch normalization reads the layer, after it: there 0 would become another
    constant. Afterwards the network is as it was, also when something fails inside.

    Args:
        units: layer → numbers of its units; None for all of them.
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
                count = len(module.weight)
                chosen = list(range(count) if numbers is None else numbers)
                for number in chosen:
                    UnitAddress(layer, number).require_below(count)
                removal = _Removal(layer, chosen, None if values is None else values.get(layer))
                handles.append(module.register_forward_hook(removal.replace))
                if removal.values is None:  # a mean stays the mean after a normalization
                    norms = (each for each in network.modules() if isinstance(each, BATCH_NORMS))
                    handles += [each.register_forward_hook(removal.replace_normalized) for each in norms]
            yield
        finally:
            for handle in handles:
                handle.remove()


class _Removal:
    """Hooks that replace the outputs of some units of a layer."""

    def __init__(self, layer: str, numbers: list[int], values: Tensor | None) -> None:
        self.layer, self.numbers, self.values = layer, numbers, values
        self._last: Tensor | None = None
        self._version = 0

    def replace(self, module: nn.Module, _inputs: object, output: object) -> Tensor:
        """Of the layer."""
        self._last = self._changed(check_units(self.layer, module, output))
        self._version = version_of(self._last)
        return self._last

    def replace_normalized(self, _module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        """Of a batch normalization, if it reads the layer."""
        return self._changed(output) if is_unchanged(inputs, self._last, self._version) else None

    def _changed(self, output: Tensor) -> Tensor:
        changed = output.clone()
        new = torch.zeros(len(self.numbers)) if self.values is None else self.values[self.numbers]
        changed[:, self.numbers] = new.to(output).view(1, len(self.numbers), *[1] * (output.ndim - 2))
        return changed


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
