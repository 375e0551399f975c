"""Start values of a network, by name."""

import torch
from torch import nn

from alexnet.model.alexnet import AlexNet

__all__ = ["initialize"]


@torch.no_grad()
def initialize(network: AlexNet, scheme: str, *, seed: int) -> None:
    """Fill a network with start values that depend on scheme and seed alone; torch's own stream is left alone.

    Args:
        scheme: `pytorch`: what torch's layers start with. `seminar`: kernels N(0, 0.01) with biases 0, fully
            connected layers as PyTorch's. `gaussian`: all weights N(0, 0.01), biases 0. `fan_in`: weights
            N(0, 2 / fan_in), biases 0, and the last layer N(0, 0.01), so that the first loss is ln K.

    Source: fan_in: He et al. 2015, arXiv:1502.01852; gaussian: Krizhevsky et al. 2012, §5.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        for layer in layers:
            layer.reset_parameters()
            is_conv = isinstance(layer, nn.Conv2d)
            if (
                scheme == "gaussian"
                or (scheme == "seminar" and is_conv)
                or (scheme == "fan_in" and layer is layers[-1])
            ):
                nn.init.normal_(layer.weight, std=0.01)
            elif scheme == "fan_in":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                continue
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
