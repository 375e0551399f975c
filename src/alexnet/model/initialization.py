"""Initial weights and biases of a network, by the name of a scheme."""

from collections.abc import Sequence

import torch
from torch import nn

from alexnet.errors import RecipeError
from alexnet.model.alexnet import AlexNet
from alexnet.model.specs import Conv, Linear

__all__ = ["HIDDEN_BIASED", "initialize"]

HIDDEN_BIASED = ("conv2", "conv4", "conv5", "fc6", "fc7")
"""Layers whose biases are 1 at first in the paper (§5), so that their ReLUs get positive inputs."""

LATE_KERNELS = ("conv3", "conv4", "conv5")
"""Layers whose kernels `kernel_std` is for."""


@torch.no_grad()
def initialize(
    network: AlexNet,
    scheme: str,
    *,
    seed: int,
    hidden_bias: float | None = None,
    conv1_std: float | None = None,
    kernel_std: float | None = None,
    head_std: float | None = None,
) -> None:
    """Set the weights and biases of a network to values that depend on the arguments alone.

    Random numbers come from a generator of its own; torch's global one is not used.

    Args:
        scheme: `table`: those of the variant's table. `pytorch`: PyTorch's default. `seminar`: kernels N(0, 0.01²)
            with biases 0, fully connected layers by PyTorch's default. `gaussian`: all weights N(0, 0.01²), biases
            0. `fan_in`: weights N(0, 2 / fan_in), biases 0, and the last layer N(0, 0.01²), so that the first loss
            is ln K. `patches`: as `fan_in`; training then sets conv1 from the images.
        seed: of the random numbers.
        hidden_bias: biases of conv2, conv4, conv5, fc6 and fc7 instead of the scheme's.
        conv1_std: standard deviation of the weights of conv1 instead of the scheme's.
        kernel_std: standard deviation of the weights of conv3, conv4 and conv5 instead of the scheme's.
        head_std: standard deviation of the last layer's weights instead of the scheme's.

    Raises:
        RecipeError: a value is for layers that the network does not have.

    Source: fan_in: He et al. 2015, arXiv:1502.01852; gaussian: Krizhevsky et al. 2012, §5.
    """
    specs = [spec for spec in network.spec.layers if isinstance(spec, Conv | Linear)]
    _require_layers(network, "hidden_bias", hidden_bias, HIDDEN_BIASED)
    _require_layers(network, "conv1_std", conv1_std, ("conv1",))
    _require_layers(network, "kernel_std", kernel_std, LATE_KERNELS)
    generator = torch.Generator().manual_seed(seed)
    for spec in specs:
        layer = network[spec.name]
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        _reset_as_pytorch(layer, generator)
        std, bias = _std_and_bias(scheme, spec, layer, is_last=spec is specs[-1])
        if conv1_std is not None and spec.name == "conv1":
            std = conv1_std
        if kernel_std is not None and spec.name in LATE_KERNELS:
            std = kernel_std
        if head_std is not None and spec is specs[-1]:
            std = head_std
        if hidden_bias is not None and spec.name in HIDDEN_BIASED:
            bias = hidden_bias
        if std is not None:
            nn.init.normal_(layer.weight, std=std, generator=generator)
        if bias is not None and layer.bias is not None:
            nn.init.constant_(layer.bias, bias)


def _require_layers(network: AlexNet, setting: str, value: float | None, names: Sequence[str]) -> None:
    """Refuse a setting for layers of which the network has none."""
    if value is not None and not set(names) & set(network.layer_names):
        raise RecipeError(
            f"{setting} = {value:g}: {network.spec.name} has none of {', '.join(names)}; leave this setting out"
        )


def _reset_as_pytorch(layer: nn.Conv2d | nn.Linear, generator: torch.Generator) -> None:
    """What `reset_parameters` of torch's layers does, with a generator of our own.

    Weights and biases are uniform between -1 / sqrt(fan_in) and 1 / sqrt(fan_in).
    """
    nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
    if layer.bias is not None:
        bound = layer.weight[0].numel() ** -0.5
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def _std_and_bias(
    scheme: str, spec: Conv | Linear, layer: nn.Conv2d | nn.Linear, *, is_last: bool
) -> tuple[float | None, float | None]:
    """Standard deviation of the weights and value of the biases; None for PyTorch's default."""
    if scheme == "table":
        return spec.weight_std, spec.bias
    scheme = "fan_in" if scheme == "patches" else scheme
    if scheme == "gaussian" or (scheme == "seminar" and isinstance(spec, Conv)) or (scheme == "fan_in" and is_last):
        return 0.01, 0.0
    if scheme == "fan_in":
        return float((2.0 / layer.weight[0].numel()) ** 0.5), 0.0
    return None, None
