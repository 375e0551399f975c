"""One unit of a layer less at a time: up to the next layer with weights only what it touches is computed again."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from alexnet.inspection.ablation import forward_from
from alexnet.inspection.quick_passes import predicted_classes
from alexnet.layers.conv2d import CeilConv2d
from alexnet.layers.lrn import LocalResponseNorm
from alexnet.model.alexnet import AlexNet

__all__ = ["UnitRemoval"]


class UnitRemoval:
    """The logits of a batch without one unit of a layer.

    A unit changes its own feature map, local response normalization its neighbors; activations and pooling keep the
    maps apart. The next layer with weights is linear, so only the difference passes through it: of conv1's 96 maps
    five instead of 96. The layers after that are computed as ever. The network is in evaluation mode.

    Args:
        network: an AlexNet in evaluation mode.
        layer: a layer with weights, before the last one.
        output: what the layer gives, [N, C, H, W] or [N, C]; it is not changed.
    """

    def __init__(self, network: AlexNet, layer: str, output: Float[Tensor, "N C ..."]) -> None:
        layers = list(network.named_layers())
        after = [name for name, _ in layers].index(layer) + 1
        until = next(place for place in range(after, len(layers)) if hasattr(layers[place][1], "weight"))
        self.network, self.output, (self.next, weighted) = network, output, layers[until]
        self.between = [module for _, module in layers[after:until]]
        assert isinstance(weighted, nn.Conv2d | nn.Linear)
        self.weighted = weighted
        self.entering = self._pass(output.clone(), self.between)
        whole = self.entering if isinstance(weighted, nn.Conv2d) else self.entering.flatten(1)
        self.result: Tensor = weighted(whole)
        if self.result.ndim == 4:  # as local response normalization wants it
            self.result = self.result.contiguous(memory_format=torch.channels_last)
        norms = [module for module in self.between if isinstance(module, LocalResponseNorm)]
        self.reach = sum(norm.size // 2 for norm in norms)
        self.tower = output.shape[1] // (norms[0].groups if norms else 1)
        """Units that local response normalization may mix."""

    def logits(self) -> Float[Tensor, "N K"]:
        """With every unit."""
        return forward_from(self.network, self.next, self.result.clone())

    def classes_without(self, unit: int, value: float = 0.0) -> Int[Tensor, " N"]:
        """The class of the largest logit, with `value` in place of whatever the unit gives."""
        return predicted_classes(self.output, lambda rows: self.logits_without(unit, value, rows=rows))

    def logits_without(
        self, unit: int, value: float = 0.0, *, rows: Int[Tensor, " M"] | None = None
    ) -> Float[Tensor, "M K"]:
        """With `value` in place of whatever the unit gives; of all images, or of those at `rows`."""
        chosen = slice(None) if rows is None else rows
        first = unit // self.tower * self.tower
        near, far = (
            (max(first, unit - steps * self.reach), min(first + self.tower, unit + steps * self.reach + 1))
            for steps in (1, 2)  # what changes, and what its change is computed from
        )
        maps = self.output[chosen, far[0] : far[1]].clone()
        maps[:, unit - far[0]] = value
        maps = self._pass(maps, [_of_one_tower(module) for module in self.between])
        difference = maps[:, near[0] - far[0] : near[1] - far[0]] - self.entering[chosen, near[0] : near[1]]
        return forward_from(self.network, self.next, self._add(difference, near[0], self.result[chosen]))

    @staticmethod
    def _pass(maps: Tensor, modules: list[nn.Module]) -> Tensor:
        for module in modules:
            maps = module(maps)
        return maps

    def _add(self, difference: Tensor, start: int, result: Tensor) -> Tensor:
        """The weighted layer's output when some of its input's maps, from `start` on, change by the difference."""
        layer, result = self.weighted, result.clone()
        if isinstance(layer, nn.Linear):
            columns = difference.flatten(1)
            offset = start * (columns.shape[1] // difference.shape[1])
            return result + columns @ layer.weight[:, offset : offset + columns.shape[1]].T
        if isinstance(layer, CeilConv2d):
            difference = layer.padded(difference)
        inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
        for group in range(start // inputs, (start + difference.shape[1] - 1) // inputs + 1):
            first, last = max(start, group * inputs), min(start + difference.shape[1], (group + 1) * inputs)
            rows = slice(group * outputs, (group + 1) * outputs)
            weight = layer.weight[rows, first - group * inputs : last - group * inputs]
            part = difference[:, first - start : last - start].contiguous(memory_format=torch.channels_last)
            padding = tuple(int(number) for number in layer.padding)
            result[:, rows] += F.conv2d(part, weight, None, layer.stride, padding, layer.dilation)
        return result


def _of_one_tower(module: nn.Module) -> nn.Module:
    """The module for some neighboring maps of one tower."""
    if not isinstance(module, LocalResponseNorm) or module.groups == 1:
        return module
    return LocalResponseNorm(module.size, module.alpha, module.beta, module.k, alpha_divided=module.alpha_divided)
