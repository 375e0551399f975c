"""The module: a table become a network."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.model.lrn import LocalResponseNorm
from alexnet.model.specs import (
    Activation,
    AdaptivePool,
    Conv,
    Dropout,
    LayerSpec,
    Linear,
    NetworkSpec,
    Norm,
    Pool,
)

__all__ = ["AlexNet"]


class AlexNet(nn.Module):
    """A network built from its table, for square RGB pictures of `size` px and `num_classes` classes.

    `network["conv1"]` and `network[0]` are the same layer; `features` and `classifier` are torch Sequentials
    with the parameter names of torchvision's AlexNet.

    Raises:
        GeometryError: `size` is too small for the table.
    """

    def __init__(self, spec: NetworkSpec, *, size: int, num_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.spec = spec.with_classes(num_classes)
        self.size, self.num_classes, self.dropout = size, num_classes, dropout
        pools = [layer for layer in self.spec.features if isinstance(layer, AdaptivePool)]
        flat = spec.flat_features(size)
        maps = [layer for layer in self.spec.features if not isinstance(layer, AdaptivePool)]
        self.features = nn.Sequential(*_build(maps, 3, dropout))
        self.avgpool = nn.AdaptiveAvgPool2d(pools[0].size) if pools else nn.Identity()
        self.classifier = nn.Sequential(*_build(self.spec.classifier, flat, dropout))

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`conv1` ... `fc8`, in order."""
        return tuple(layer.name for layer in self.spec.layers)

    def named_layers(self) -> Iterator[tuple[str, nn.Module]]:
        """Names and modules in order."""
        averaging = [self.avgpool] if not isinstance(self.avgpool, nn.Identity) else []
        yield from zip(self.layer_names, [*self.features, *averaging, *self.classifier], strict=True)

    def __getitem__(self, key: str | int) -> nn.Module:
        """A layer by its name or its place.

        Raises:
            GeometryError: there is none; the message lists those there are.
        """
        layers = dict(self.named_layers())
        names = list(layers)
        if isinstance(key, int) and -len(names) <= key < len(names):
            return layers[names[key]]
        if isinstance(key, str) and key in layers:
            return layers[key]
        raise GeometryError(f"layer {key}: {self.spec.name} has no such layer; choose one of {', '.join(names)}")

    def forward(self, x: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N K"]:
        """Logits of normalized pictures."""
        maps = self.avgpool(self.features(x))
        logits: Tensor = self.classifier(torch.flatten(maps, 1))
        return logits


def _build(layers: Iterable[LayerSpec], inputs: int, dropout: float) -> Iterator[nn.Module]:
    """Modules of a chain of layers that starts with `inputs` channels or features."""
    for layer in layers:
        match layer:
            case Conv(_, out_channels, kernel_size, stride, padding, groups):
                yield nn.Conv2d(inputs, out_channels, kernel_size, stride, padding, groups=groups)
                inputs = out_channels
            case Linear(_, out_features):
                yield nn.Linear(inputs, out_features or 1)
                inputs = out_features or 1
            case Norm(_, size, alpha, beta, k, alpha_divided):
                yield LocalResponseNorm(size, alpha, beta, k, alpha_divided=alpha_divided)
            case Pool(_, kernel_size, stride, ceil):
                yield nn.MaxPool2d(kernel_size, stride, ceil_mode=ceil)
            case AdaptivePool(_, size):
                yield nn.AdaptiveAvgPool2d(size)
            case Activation(_, function):
                yield nn.ReLU(inplace=True) if function == "relu" else nn.Tanh()
            case Dropout():
                yield nn.Dropout(dropout)
