"""One image on its way through a network: the strongest maps of each layer, and the units that decide."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import check_input
from alexnet.inspection.network_layers import find_layer, layer_names, network_input, output_layer, weighted_layers
from alexnet.inspection.recording import preserved
from alexnet.inspection.unit_address import UnitAddress
from alexnet.layers.lrn import LocalResponseNorm, MapResponseNorm
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["Decision", "ImagePath", "LayerStage", "Push", "StrongMap", "follow_image"]

NORMS = (LocalResponseNorm, MapResponseNorm, nn.LocalResponseNorm)
POOLS = (nn.MaxPool2d, nn.AvgPool2d)


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
    """A layer on the way: kind is `convolution`, `normalization` or `pooling`; maps: the strongest, largest first."""

    layer: str
    kind: str
    num_maps: int
    maps: tuple[StrongMap, ...]


@dataclass(frozen=True)
class Push(Record):
    """What one unit adds to the difference between two logits: its activation times the difference of its weights."""

    unit: str
    activation: float
    weight_difference: float
    contribution: float


@dataclass(frozen=True)
class Decision(Record):
    """Why the first class won against the second, by the units of the last hidden layer.

        logit difference = sum of contributions + bias difference

    Args:
        layer: the layer that decides; its inputs are the units.
        winner, runner_up: the classes with the largest and the second largest logit.
        logit_difference, bias_difference: of the winner minus the runner-up.
        total: sum of the contributions of all units.
        towards_winner, towards_runner_up: the units that contribute most to either side, largest first.
        num_units: inputs of the layer; num_active: those that are not 0.
    """

    layer: str
    winner: str
    runner_up: str
    logit_difference: float
    bias_difference: float
    total: float
    towards_winner: tuple[Push, ...]
    towards_runner_up: tuple[Push, ...]
    num_units: int
    num_active: int


@dataclass(frozen=True, eq=False)
class ImagePath(Record):
    """The way of an image through a network, layer by layer.

    image: what the network gets, uint8 [S, S, 3]. probabilities: by class, in the network's order.
    """

    image: UInt8[np.ndarray, "S S 3"]
    stages: tuple[LayerStage, ...]
    decision: Decision
    probabilities: tuple[float, ...]


def follow_image(
    classifier: Classifier,
    image: UInt8[np.ndarray, "S S 3"],
    *,
    num_maps: int = 3,
    num_units: int = 6,
    chosen: Mapping[str, Sequence[int]] | None = None,
) -> ImagePath:
    """Follow a decoded image through a network, in one forward pass; the network is preserved.

    Args:
        num_maps: strongest maps of each layer.
        num_units: units of the decision on each side.
        chosen: layer → numbers of its maps to show instead of the strongest, in this order, so that the same maps can
            be watched while the image changes; of a layer that is not in it, the strongest.

    Raises:
        GeometryError: the image has another size, the network ends in no fully connected layer or knows one class,
            or a layer has no map of a chosen number.
    """
    check_input(classifier, image)
    network = classifier.network
    last = weighted_layers(network)[-1]
    deciding = find_layer(network, last)
    if not isinstance(deciding, nn.Linear) or len(classifier.classes) < 2:
        raise GeometryError("the network does not end in a fully connected layer for two classes or more")
    with _both_ends(network) as ends:
        logits = network(network_input(classifier, image[None]))[0].float()
    stages = [_stage(network, name, ends, num_maps, (chosen or {}).get(name)) for name in layer_names(network)]
    hidden = _hidden_layer(network, last)
    decision = _decide(classifier, deciding, last, hidden, ends[last][0], logits, num_units)
    kept = tuple(stage for stage in stages if stage is not None)
    return ImagePath(image, kept, decision, tuple(logits.softmax(0).tolist()))


@contextmanager
def _both_ends(network: nn.Module) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """Inside the block a forward pass records a copy of each layer's input and output."""
    ends: dict[str, tuple[Tensor, Tensor]] = {}
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


def _keep_ends(ends: dict[str, tuple[Tensor, Tensor]], inputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and name in inputs:
            ends[name] = inputs[name], output.clone()

    return hook


def _stage(
    network: nn.Module,
    name: str,
    ends: dict[str, tuple[Tensor, Tensor]],
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
        kind = "normalization" if isinstance(module, NORMS) else "pooling"
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


def _hidden_layer(network: nn.Module, last: str) -> str:
    """The fully connected layer whose units the last one reads; else what lies before it."""
    names = layer_names(network)
    before = names[: names.index(last)]
    vectors = [name for name in before if isinstance(find_layer(network, name), nn.Linear)]
    return vectors[-1] if vectors else before[-1]


def _decide(
    classifier: Classifier, module: nn.Linear, layer: str, hidden: str, inputs: Tensor, logits: Tensor, most: int
) -> Decision:
    winner, runner_up = torch.argsort(logits, descending=True, stable=True)[:2].tolist()
    weight = module.weight.detach().double()
    difference = weight[winner] - weight[runner_up]
    activations = inputs[0].flatten().double()
    contributions = activations * difference
    bias = torch.zeros(len(weight)).double()
    if isinstance(module.bias, Tensor):  # not where the layer was made without
        bias = module.bias.detach().double()
    order = torch.argsort(contributions, descending=True, stable=True).tolist()

    def pushes(numbers: list[int], sign: float) -> tuple[Push, ...]:
        return tuple(
            Push(f"{hidden}/{n}", float(activations[n]), float(difference[n]), float(contributions[n]))
            for n in numbers
            if sign * float(contributions[n]) > 0.0
        )

    return Decision(
        layer=layer,
        winner=classifier.classes[winner],
        runner_up=classifier.classes[runner_up],
        logit_difference=float(logits[winner] - logits[runner_up]),
        bias_difference=float(bias[winner] - bias[runner_up]),
        total=float(contributions.sum()),
        towards_winner=pushes(order[:most], 1.0),
        towards_runner_up=pushes(order[::-1][:most], -1.0),
        num_units=len(activations),
        num_active=int((activations != 0).sum()),
    )
