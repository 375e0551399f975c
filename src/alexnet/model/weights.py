"""Weights from elsewhere: matched to a network's layers by name and shape, loaded, and reported."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from alexnet.errors import WeightsError
from alexnet.files import shown_name
from alexnet.model.alexnet import AlexNet
from alexnet.model.specs import Conv, NetworkSpec
from alexnet.model.variants import VARIANTS
from alexnet.model.weight_files import read_weights
from alexnet.records import Record

__all__ = ["LoadReport", "fitting_variant", "layer_weights", "load_weights", "read_weights"]

FIRST_LINEAR = 6
"""Number of the first fully connected layer: fc6."""

MOST_NAMES = 8
"""Names that a message lists before it counts the rest."""


@dataclass(frozen=True)
class LoadReport(Record):
    """What loading did.

    loaded: layers that got weights. left: layer → why it keeps its initial weights. unused: tensors of the file that
    no layer uses.
    """

    source: str
    loaded: tuple[str, ...]
    left: dict[str, str]
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for people."""
        left = "".join(f"; {name} keeps its initial weights: {reason}" for name, reason in self.left.items())
        unused = f"; not used: {_listed(self.unused)}" if self.unused else ""
        return f"{self.source}: loaded {', '.join(self.loaded) or 'nothing'}{left}{unused}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(shown_name(name)[:80] for name in names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"


def layer_weights(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Weights and biases by the names of our layers, conv1 to conv5 and fc6 to fc8.

    Four-dimensional weights belong to convolutions, two-dimensional ones to fully connected layers. Layers are told
    apart by their own names where all of a kind have one (`conv1` ..., `fc6` ..., also `fc1` or `fc0` ...), else by
    their order: that of the numbers in their names (`features.0`, `features.3` ...), or that of the file if only
    there each layer's outputs fit the next one's inputs.
    """
    return {name: (part["weight"], part.get("bias")) for name, (_, part) in _named_modules(tensors).items()}


def _named_modules(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, dict[str, Tensor]]]:
    """Our layer's name → the module's own name and its tensors."""
    modules: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, _, part = name.rpartition(".")
        modules.setdefault(module, {})[part] = tensor
    candidates: dict[str, tuple[str, dict[str, Tensor]]] = {}
    for kind, ndim in (("conv", 4), ("fc", 2)):
        own = {name: parts for name, parts in modules.items() if _dimensions(parts) == ndim}
        names = _numbered(kind, list(own)) or _in_order(kind, own)
        candidates |= {names[module]: (module, parts) for module, parts in own.items()}
    return candidates


def _dimensions(parts: Mapping[str, Tensor]) -> int:
    """Dimensions of a module's weight, 0 if it has none."""
    return parts["weight"].ndim if "weight" in parts else 0


def _numbered(kind: str, modules: Sequence[str]) -> dict[str, str]:
    """Our names of modules that are all called `conv1`, `fc_1` and the like; empty if one is not."""
    matches = {name: re.search(rf"(?:^|[._]){kind}_?(\d{{1,3}})$", name, re.IGNORECASE) for name in modules}
    numbers = {name: int(match[1]) for name, match in matches.items() if match}
    if len(set(numbers.values())) < len(modules):
        return {}
    first = min(numbers.values(), default=0)
    shift = 0
    if kind == "fc" and max(numbers.values(), default=0) < FIRST_LINEAR:
        shift = FIRST_LINEAR - min(first, 1)  # fc1 or fc0 is fc6
    elif first == 0:
        shift = 1
    return {name: f"{kind}{number + shift}" for name, number in numbers.items()}


def _in_order(kind: str, modules: Mapping[str, Mapping[str, Tensor]]) -> dict[str, str]:
    """Our names of modules whose own names do not say which layer they are."""
    by_number = sorted(modules, key=_natural_key)
    orders = (by_number, list(modules))
    order = next((o for o in orders if _is_chain([modules[name]["weight"] for name in o])), by_number)
    start = FIRST_LINEAR if kind == "fc" else 1
    return {name: f"{kind}{number}" for number, name in enumerate(order, start)}


def _natural_key(name: str) -> list[list[tuple[bool, int, str]]]:
    """Sorts `features.3` before `features.10`, and `fc` before `fc1`."""
    return [
        [
            (not part.isdecimal(), int(part[:9]) if part.isdecimal() else 0, part)
            for part in re.findall(r"\d+|\D+", word)
        ]
        for word in name.split(".")
    ]


def _is_chain(weights: Sequence[Tensor]) -> bool:
    """Whether each layer has as many inputs as the one before has outputs; a convolution may have two groups."""
    groups = (1, 2) if weights and weights[0].ndim == 4 else (1,)
    return all(any(two.shape[1] * count == one.shape[0] for count in groups) for one, two in pairwise(weights))


def fitting_variant(tensors: Mapping[str, Tensor]) -> NetworkSpec | None:
    """The variant whose convolutional layers have the shapes of these weights; None if no variant has them.

    Of several, one whose trained weights were published.
    """
    convolutions = {
        name: tuple(weight.shape) for name, (weight, _) in layer_weights(tensors).items() if weight.ndim == 4
    }
    for spec in sorted(VARIANTS.values(), key=lambda spec: not spec.has_weights):
        shapes = {row.name: row.kernel for row in spec.geometry(spec.inputs.size, 1) if row.name.startswith("conv")}
        if convolutions and all(shapes.get(name) == shape for name, shape in convolutions.items()):
            return spec
    return None


@torch.no_grad()
def load_weights(network: AlexNet, tensors: Mapping[str, Tensor], source: str) -> LoadReport:
    """Copy weights into the layers of a network that they fit, and report layer by layer.

    A fully connected layer of another shape keeps its initial weights: another image size or number of classes is
    normal. All other differences are refused, since the network would not compute what the weights were trained for.

    Args:
        source: what to call the weights in messages: `imagenet`, or the path of their file.

    Raises:
        WeightsError: a convolutional layer has another shape; no layer fits; the file has normalization layers or
            convolutions that the network lacks; weights are not finite.
    """
    source = shown_name(source)
    modules = _named_modules(tensors)
    used = {name: modules[name] for name in network.layer_names if name in modules}
    own = {f"{module}.{part}" for module, parts in used.values() for part in parts if part in ("weight", "bias")}
    own |= {name.removeprefix(".") for name in own}
    unused = tuple(name for name in tensors if name not in own and name not in AlexNet.INPUT_TENSORS)
    _refuse_other_networks(network, tensors, unused, modules, source)
    loaded, left = [], {}
    for spec in network.spec.layers:
        layer = network[spec.name]
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        module, parts = used.get(spec.name, ("", {}))
        reason = _misfit(layer, parts)
        if reason and parts and (isinstance(spec, Conv) or "bias" in reason):
            raise WeightsError(f"{source}: {spec.name} is {reason}; {_advice(tensors)}")
        if reason:
            left[spec.name] = reason
            continue
        _refuse_not_finite(parts, module, source)
        layer.weight.copy_(parts["weight"])
        if layer.bias is not None:
            layer.bias.copy_(parts.get("bias", torch.zeros_like(layer.bias)))
        loaded.append(spec.name)
    if not loaded:
        raise WeightsError(
            f"{source}: no layer fits the {network.spec.name} network (the file has {_listed(list(tensors))}); "
            f"{_advice(tensors)}"
        )
    return LoadReport(source, tuple(loaded), left, unused)


def _misfit(layer: nn.Conv2d | nn.Linear, parts: Mapping[str, Tensor]) -> str:
    """Why a module's tensors do not fit a layer; empty if they do."""
    if not parts:
        return "not in the file"
    weight, bias = parts["weight"], parts.get("bias")
    if weight.shape != layer.weight.shape:
        return f"{list(weight.shape)} in the file, {list(layer.weight.shape)} in the network"
    if bias is not None and (layer.bias is None or bias.shape != layer.bias.shape):
        return f"of the right shape, but its bias is {list(bias.shape)}"
    return ""


def _refuse_other_networks(
    network: AlexNet,
    tensors: Mapping[str, Tensor],
    unused: Sequence[str],
    modules: Mapping[str, tuple[str, dict[str, Tensor]]],
    source: str,
) -> None:
    """Refuse a file with layers whose absence changes what the others compute.

    Raises:
        WeightsError: it has normalization layers, or more convolutions than the network.
    """
    layers = dict.fromkeys(name.rpartition(".")[0] for name in unused)
    normalizing = [module for module in layers if _is_normalization(module, tensors)]
    if normalizing:
        raise WeightsError(
            f"{source}: has normalization layers, or similar ones, that {network.spec.name} does not have "
            f"({_listed(normalizing)}); give weights of a network without them"
        )
    more = [module for name, (module, _) in modules.items() if name[:4] == "conv" and name not in network.layer_names]
    if more:
        raise WeightsError(
            f"{source}: has convolutional layers that {network.spec.name} does not have ({_listed(more)}); "
            f"{_advice(tensors)}"
        )


def _is_normalization(module: str, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a module has running statistics, or one weight for each channel."""
    weight = tensors.get(f"{module}.weight")
    has_statistics = any(f"{module}.running_{part}" in tensors for part in ("mean", "var"))
    return has_statistics or (weight is not None and weight.ndim == 1)


def _refuse_not_finite(parts: Mapping[str, Tensor], module: str, source: str) -> None:
    for part in ("weight", "bias"):
        if part in parts and not torch.isfinite(parts[part]).all():
            count = int((~torch.isfinite(parts[part])).sum())
            name = shown_name(f"{module}.{part}")[:80]
            raise WeightsError(
                f"{source}: {name} has {count:,} values that are not finite numbers (NaN or infinite) of "
                f"{parts[part].numel():,}; give weights that were saved before the training diverged"
            )


def _advice(tensors: Mapping[str, Tensor]) -> str:
    spec = fitting_variant(tensors)
    return f"choose --set variant={spec.name}" if spec else f"they fit none of {', '.join(VARIANTS)}"
