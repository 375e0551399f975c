"""The network as a torch module, built from a table."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.layers.conv2d import CeilConv2d, Conv2d
from alexnet.layers.dropout import ClassicDropout
from alexnet.layers.dropout import Dropout as DropoutLayer
from alexnet.layers.linear import Linear as LinearLayer
from alexnet.layers.lrn import LocalResponseNorm, MapResponseNorm
from alexnet.model.specs import (
    Activation,
    AdaptivePool,
    Conv,
    Dropout,
    LayerSpec,
    Linear,
    MapNorm,
    NetworkSpec,
    Norm,
    Pool,
)

__all__ = ["AlexNet"]


class AlexNet(nn.Module):
    """A network built from a table, for square RGB images of `size` px and `num_classes` classes.

    `network["conv1"]` and `network[0]` are the same layer; `features` and `classifier` are torch Sequentials
    with the parameter names of torchvision's AlexNet.

    mean_image: an image [3, size, size] that is subtracted from every input, None if nothing is. It is saved and
    loaded with the weights. Since inputs come normalized by channel, it holds the difference of each pixel's mean
    from its channel's mean.

    Args:
        dropout: the dropout rate instead of the table's.
        mean_image: start with a mean image of zeros.

    Raises:
        GeometryError: `size` is too small for the table.
    """

    mean_image: Tensor | None

    INPUT_TENSORS = ("mean_image",)
    """Names in the state dict that belong to no layer."""

    def __init__(
        self,
        spec: NetworkSpec,
        *,
        size: int,
        num_classes: int,
        dropout: float | None = None,
        mean_image: bool = False,
    ) -> None:
        super().__init__()
        self.spec = spec.with_classes(num_classes)
        self.size, self.num_classes, self.dropout = size, num_classes, dropout
        self.register_buffer("mean_image", torch.zeros(3, size, size) if mean_image else None)
        self.register_load_state_dict_pre_hook(_accept_mean_image)  # type: ignore[no-untyped-call]
        pools = [layer for layer in self.spec.features if isinstance(layer, AdaptivePool)]
        flat = spec.flat_features(size)
        maps = [layer for layer in self.spec.features if not isinstance(layer, AdaptivePool)]
        self.features = nn.Sequential(*_build(maps, 3, dropout))
        self.avgpool = nn.AdaptiveAvgPool2d(pools[0].size) if pools else nn.Identity()
        self.classifier = nn.Sequential(*_build(self.spec.classifier, flat, dropout))

    @classmethod
    def empty(cls, spec: NetworkSpec, **settings: Any) -> "AlexNet":
        """A network with the same arguments whose weights and biases are undefined: `initialize` or load them.

        Nothing is drawn from torch's global generator, which takes a quarter of a second for a whole network.
        """
        with torch.device("meta"):  # no memory and no values; `to_empty` would load torch's compiler
            network = cls(spec, **settings)
        for module in network.modules():
            for name, parameter in module.named_parameters(recurse=False):
                setattr(module, name, nn.Parameter(torch.empty(parameter.shape)))
        if network.mean_image is not None:
            network.mean_image = torch.zeros(network.mean_image.shape)
        return network

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`conv1` ... `fc8`, in order."""
        return tuple(layer.name for layer in self.spec.layers)

    def named_layers(self) -> Iterator[tuple[str, nn.Module]]:
        """Names and modules in order."""
        averaging = [self.avgpool] if not isinstance(self.avgpool, nn.Identity) else []
        yield from zip(self.layer_names, [*self.features, *averaging, *self.classifier], strict=True)

    def __getitem__(self, key: str | int) -> nn.Module:
        """A layer by its name or its index.

        Raises:
            GeometryError: no such layer; the message lists the names.
        """
        layers = dict(self.named_layers())
        names = list(layers)
        if isinstance(key, int) and -len(names) <= key < len(names):
            return layers[names[key]]
        if isinstance(key, str) and key in layers:
            return layers[key]
        raise GeometryError(f"layer {key}: {self.spec.name} has no such layer; choose one of {', '.join(names)}")

    def first_input(self, x: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N 3 H W"]:
        """The input of the first layer: normalized images minus the mean image, if there is one.

        For images of another size than the network's, the mean image is resized.
        """
        if self.mean_image is None:
            return x
        mean = self.mean_image
        if mean.shape[1:] != x.shape[2:]:
            mean = F.interpolate(mean[None], x.shape[2:], mode="bilinear")[0]
        return x - mean

    def forward(self, x: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N K"]:
        """Logits of normalized images."""
        maps = self.avgpool(self.features(self.first_input(x)))
        logits: Tensor = self.classifier(torch.flatten(maps, 1))
        return logits


def _accept_mean_image(network: nn.Module, tensors: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Before loading: create the buffer for a mean image if the tensors hold one."""
    loaded = tensors.get(f"{prefix}mean_image")
    if loaded is not None and network.mean_image is None:
        network.mean_image = torch.empty_like(loaded, device=next(network.parameters()).device)


MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
}


def _build(layers: Iterable[LayerSpec], inputs: int, dropout: float | None) -> Iterator[nn.Module]:
    """Modules of a chain of layers; `inputs`: channels or features that the first one gets."""
    for layer in layers:
        match layer:
            case Conv(_, out_channels, kernel_size, stride, padding, groups, ceil):
                kind = CeilConv2d if ceil else Conv2d
                yield kind(inputs, out_channels, kernel_size, stride, padding, groups=groups)
                inputs = out_channels
            case Linear(_, out_features):
                yield LinearLayer(inputs, out_features or 1)
                inputs = out_features or 1
            case Norm(_, size, alpha, beta, k, alpha_divided, groups):
                yield LocalResponseNorm(size, alpha, beta, k, alpha_divided=alpha_divided, groups=groups)
            case MapNorm(_, size, alpha, beta, k):
                yield MapResponseNorm(size, alpha, beta, k)
            case Pool(_, kernel_size, stride, ceil):
                yield nn.MaxPool2d(kernel_size, stride, ceil_mode=ceil)
            case AdaptivePool(_, size):
                yield nn.AdaptiveAvgPool2d(size)
            case Activation(_, function):
                yield nn.ReLU(inplace=True) if function == "relu" else MODULES[function]()
            case Dropout(_, form, rate):
                chosen = rate if dropout is None else dropout
                yield ClassicDropout(chosen) if form == "2012" else DropoutLayer(chosen)
