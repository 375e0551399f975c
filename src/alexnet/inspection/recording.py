"""Record what layers give, and leave the model as it was found."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from alexnet.model.alexnet import AlexNet

__all__ = ["recorded"]


@contextmanager
def recorded(network: AlexNet, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Inside, a forward pass fills the yielded dict with a copy of each named layer's output.

    Eval mode, no gradients; afterwards hooks, modes, gradients and torch's random state are as before, also
    when something fails inside.

    Raises:
        GeometryError: a layer is not in the network.
    """
    modules = {name: network[name] for name in layers}
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs[name] = output.detach().clone()  # the next layer may work in place

        return hook

    modes = [(module, module.training) for module in network.modules()]
    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]  # type: ignore[arg-type]
    network.eval()
    try:
        with torch.no_grad():
            yield outputs
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
