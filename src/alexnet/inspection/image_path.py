"""One image on its way through a network: the strongest maps of each layer, and the units that decide."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.inspection.decision import Decision, Softmax, decide, softmax_terms
from alexnet.inspection.feature_maps import check_input
from alexnet.inspection.network_layers import (
    AVERAGES,
    NORMS,
    POOLS,
    find_layer,
    layer_names,
    network_input,
    output_layer,
)
from alexnet.inspection.recording import preserved
from alexnet.inspection.unit_address import UnitAddress
from alexnet.inspection.unit_outputs import ACTIVATIONS
from alexnet.model.checkpoint import Classifier
from alexnet.model.logits import check_logits
from alexnet.records import Record

__all__ = ["ImagePath", "LayerStage", "StrongMap", "UnitStage", "follow_image"]


Ends = dict[str, tuple[Tensor, Tensor]]
"""Input and output of each layer that ran."""

PASSING = (*ACTIVATIONS, nn.Dropout, nn.AlphaDropout, nn.Flatten, nn.Identity)
"""Modules after which the units of a layer are still the same ones."""

ROUNDING = 1e-3
"""Difference between logits, as a fraction of the largest, up to which they are the same but for rounding."""


@dataclass(frozen=True, eq=False)
class StrongMap(Record):
    """A map with one of the largest activations of its layer.

    address: its unit. maximum: its largest value. values: [h, w], after the activation where one follows. place: of
    the maximum in the flattened map. before: [H, W], the same channel before normalization or pooling; else None.
    """

    address: UnitAddress
    maximum: float
    values: Float32[np.ndarray, "h w"]
    place: int
    before: Float32[np.ndarray, "H W"] | None = None

    def to_dict(self) -> dict[str, object]:
        """As plain data, without the values of the maps."""
        return {"unit": str(self.address), "maximum": self.maximum, "shape": list(self.values.shape)}


@dataclass(frozen=True, eq=False)
class LayerStage(Record):
    """A layer on the way: maps: the strongest, largest first."""

    layer: str
    kind: str
    num_maps: int
    maps: tuple[StrongMap, ...]


@dataclass(frozen=True, eq=False)
class UnitStage(Record):
    """A fully connected layer on the way.

    values: of its units, after the activation where one follows; of the last layer the logits. shown: the numbers of
    the units with the largest values, largest first, or those that were chosen. activation: the layer after it that
    gives the values; None where there is none. num_active: units whose value is not 0.
    """

    layer: str
    values: Float32[np.ndarray, " n"]
    shown: tuple[int, ...]
    activation: str | None
    num_active: int


@dataclass(frozen=True, eq=False)
class ImagePath(Record):
    """The way of an image through a network, layer by layer.

    image: what the network gets, uint8 [S, S, 3]. stages: its layers of maps. units: its fully connected layers.
    softmax: of the logits, by class in the network's order.
    """

    image: UInt8[np.ndarray, "S S 3"]
    stages: tuple[LayerStage, ...]
    units: tuple[UnitStage, ...]
    decision: Decision
    softmax: Softmax

    @property
    def probabilities(self) -> tuple[float, ...]:
        """By class, in the network's order."""
        return self.softmax.probabilities


def follow_image(
    classifier: Classifier,
    image: UInt8[np.ndarray, "S S 3"],
    *,
    num_maps: int = 3,
    num_units: int = 6,
    chosen: Mapping[str, Sequence[int]] | None = None,
    between: tuple[int, int] | None = None,
) -> ImagePath:
    """Follow a decoded image through a network, in one forward pass; the network is preserved.

    Args:
        num_maps: strongest maps, or units, of each layer.
        num_units: units of the decision on each side.
        chosen: layer → numbers of its maps or units to show instead of the strongest, in this order, so that the same
            ones can be watched while the image changes; of a layer that is not in it, the strongest.
        between: numbers of two classes to decide between, instead of the two most probable ones.

    Raises:
        GeometryError: the image has another size, the network ends in no fully connected layer or knows one class,
            or there is no map, unit or class of a chosen number.
    """
    check_input(classifier, image)
    network = classifier.network
    with _both_ends(network) as ends:
        logits = check_logits(network(network_input(classifier, image[None])), classifier.classes)[0].float()
    last, deciding = _deciding_layer(network, ends, logits)
    numbers = {name: (chosen or {}).get(name) for name in layer_names(network)}
    stages = [_stage(network, name, ends, num_maps, numbers[name]) for name in numbers]
    units = [_unit_stage(network, name, ends, num_maps, numbers[name]) for name in numbers]
    decision = decide(
        deciding,
        ends[last][0][0].flatten(),
        logits,
        classifier.classes,
        layer=last,
        hidden=_hidden_layer(network, ends, last) or f"input of {last}",
        most=num_units,
        between=between,
    )
    return ImagePath(
        image,
        tuple(stage for stage in stages if stage is not None),
        tuple(stage for stage in units if stage is not None),
        decision,
        softmax_terms(logits.tolist()),
    )


@contextmanager
def _both_ends(network: nn.Module) -> Iterator[Ends]:
    """Inside the block a forward pass records a copy of each layer's input and output, in the order of execution."""
    ends: Ends = {}
    inputs: dict[str, Tensor] = {}
    handles = []
    with preserved(network), torch.inference_mode():
        network.eval()
        try:
            for name in layer_names(network):
                module = find_layer(network, name)
                handles.append(module.register_forward_pre_hook(_keep_input(inputs, name)))
                handles.append(module.register_forward_hook(_keep_ends(ends, inputs, name)))
            yield ends
        finally:
            for handle in handles:
                handle.remove()


def _keep_input(inputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, arguments: tuple[object, ...]) -> None:
        if arguments and isinstance(arguments[0], Tensor):
            inputs[name] = arguments[0].clone()  # the layer may work in place

    return hook


def _keep_ends(ends: Ends, inputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and name in inputs:
            ends.pop(name, None)  # so that the dict is in the order in which layers ran last
            ends[name] = inputs[name], output.clone()

    return hook


def _stage(
    network: nn.Module,
    name: str,
    ends: Ends,
    num_maps: int,
    chosen: Sequence[int] | None,
) -> LayerStage | None:
    """The stage of a layer; None where it is none to be shown."""
    module = find_layer(network, name)
    if name not in ends or ends[name][1].ndim != 4:
        return None
    if not isinstance(module, (nn.Conv2d, *NORMS, *POOLS)):
        return None
    before = None
    if isinstance(module, nn.Conv2d):
        kind, maps = "convolution", ends[output_layer(network, name)][1][0].float().cpu()
    else:
        averages = "average pooling" if isinstance(module, AVERAGES) else "pooling"
        kind = "normalization" if isinstance(module, NORMS) else averages
        before, maps = (end[0].float().cpu() for end in ends[name])
    peaks, places = maps.flatten(1).max(1)
    for number in chosen or ():
        UnitAddress(name, number).require_below(len(maps))
    shown = torch.argsort(peaks, descending=True, stable=True)[:num_maps].tolist() if chosen is None else chosen
    return LayerStage(
        name,
        kind,
        len(maps),
        tuple(
            StrongMap(
                UnitAddress(name, number),
                float(peaks[number]),
                maps[number].numpy(),
                int(places[number]),
                None if before is None else before[number].numpy(),
            )
            for number in shown
        ),
    )


def _unit_stage(
    network: nn.Module,
    name: str,
    ends: Ends,
    num_shown: int,
    chosen: Sequence[int] | None,
) -> UnitStage | None:
    """The stage of a fully connected layer; None of another one."""
    if name not in ends or not isinstance(find_layer(network, name), nn.Linear) or ends[name][1].ndim != 2:
        return None
    following = output_layer(network, name)
    values = ends[following][1][0].float().cpu()
    for number in chosen or ():
        UnitAddress(name, number).require_below(len(values))
    shown = torch.argsort(values, descending=True, stable=True)[:num_shown].tolist() if chosen is None else chosen
    activation = None if following == name else following
    return UnitStage(name, values.numpy(), tuple(shown), activation, int((values != 0).sum()))


def _deciding_layer(network: nn.Module, ends: Ends, logits: Float32[Tensor, " K"]) -> tuple[str, nn.Linear]:
    """The fully connected layer that ran last: its outputs are the logits but for one number added to all of them."""
    for name in reversed(ends):
        module, output = find_layer(network, name), ends[name][1]
        if isinstance(module, nn.Linear):
            if output.numel() != len(logits) or len(logits) < 2:
                break
            added = logits - output.flatten().float()  # 0; log softmax adds a number
            if bool(((added - added.mean()).abs() > ROUNDING * (1.0 + logits.abs().max())).any()):
                break
            return name, module
    raise GeometryError("the network does not end in a fully connected layer for two classes or more")


def _hidden_layer(network: nn.Module, ends: Ends, last: str) -> str | None:
    """The layer whose units the last one reads, through activations and dropout; None where no layer gives them."""
    count, before = ends[last][0].numel(), list(ends)[: list(ends).index(last)]
    fitting = [
        name for name in reversed(before) if ends[name][1].numel() == count and ends[name][1].shape[1] == count
    ]
    for name in fitting:
        module = find_layer(network, name)
        if isinstance(module, nn.Linear):
            return name
        if not isinstance(module, PASSING):
            break
    return fitting[0] if fitting else None
