"""Record the outputs of layers during a forward pass, and restore the network afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.inspection.network_layers import find_layer

__all__ = ["Outputs", "check_units", "layers_that_run", "listed_runs", "preserved", "recorded"]


class Outputs(dict[str, Tensor]):
    """Outputs by the name of their layer; asking for that of a layer that did not run is a `GeometryError`."""

    def __missing__(self, name: str) -> Tensor:
        raise GeometryError(f"layer {name}: does not run in a forward pass of this network; choose another layer")


@contextmanager
def recorded(
    network: nn.Module,
    layers: Sequence[str] | Mapping[str, nn.Module],
    *,
    eval_mode: bool = True,
    grad: bool = False,
) -> Iterator[Outputs]:
    """Record what layers return: inside the block, a forward pass fills the yielded dict.

    Each value is a detached copy, because the next layer may work in place. Of a layer that runs several times, the
    last output is kept. Afterwards the network is as it was, also when something fails inside: see `preserved`.

    Args:
        layers: names, of an `AlexNet` as in its table (`conv1`), of another module as in `named_modules`; or names of
            your own with the modules.
        eval_mode: switch to eval mode for the block; False keeps the mode of every module.
        grad: record a graph, so that `backward` works inside; False computes without gradients.

    Raises:
        GeometryError: the network has no such layer, or a layer returns something other than a tensor; also when an
            output is asked for of a layer that did not run.

    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with recorded(network, ["0", "1"]) as outputs:
    ...     _ = network(torch.zeros(1, 2))
    >>> outputs["1"].shape
    torch.Size([1, 3])
    """
    modules = layers if isinstance(layers, Mapping) else {name: find_layer(network, name) for name in layers}
    outputs = Outputs()
    with preserved(network), torch.set_grad_enabled(grad):
        handles = [module.register_forward_hook(_keep_in(outputs, name)) for name, module in modules.items()]
        if eval_mode:
            network.eval()
        try:
            yield outputs
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def preserved(network: nn.Module) -> Iterator[None]:
    """Restore a network after the block, also when something fails inside.

    Restored are the mode of every module, the gradient and `requires_grad` of every parameter, the buffers, and
    torch's random state on the CPU and on the GPUs that hold weights. Inside, every gradient is None at first, so
    that `backward` adds nothing to the caller's. Values of parameters are not copied: who changes them restores them.
    """
    modes = [(module, module.training) for module in network.modules()]
    gradients = [(weight, weight.grad, weight.requires_grad) for weight in network.parameters()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in network.buffers()]
    devices = {weight.device for weight in network.parameters() if weight.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):
        for weight in network.parameters():
            weight.grad = None
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for weight, gradient, required in gradients:
                weight.requires_grad_(required)
                weight.grad = gradient
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)


def check_units(name: str, module: nn.Module, output: object) -> Tensor:
    """The output of a layer, if it has units of an image: maps [N, C, H, W], or one number for each unit [N, K].

    Raises:
        GeometryError: it is no tensor, or one with other axes (those of a sequence, say).
    """
    if not isinstance(output, Tensor):
        raise GeometryError(f"layer {name}: returns a {type(output).__name__}; choose one that returns a tensor")
    if output.ndim != 2 and (output.ndim != 4 or isinstance(module, nn.Linear)):
        sides = " x ".join(map(str, output.shape))
        raise GeometryError(
            f"layer {name}: gives {sides} numbers, neither maps nor one number for each unit; choose another layer"
        )
    return output


@contextmanager
def listed_runs(layers: Mapping[str, nn.Module]) -> Iterator[list[str]]:
    """Inside the block, the name of a layer is added to the yielded list each time the layer has run.

    Args:
        layers: names of your own with the modules.

    >>> layer = nn.Linear(2, 2)
    >>> with listed_runs({"twice": layer}) as runs:
    ...     _ = layer(layer(torch.zeros(1, 2)))
    >>> runs
    ['twice', 'twice']
    """
    runs: list[str] = []
    handles = [
        module.register_forward_hook(lambda _module, _inputs, _output, name=name: runs.append(name))
        for name, module in layers.items()
    ]
    try:
        yield runs
    finally:
        for handle in handles:
            handle.remove()


def layers_that_run(network: nn.Module, layers: Sequence[str], x: Tensor) -> tuple[str, ...]:
    """Those of some layers that a forward pass in testing runs, the one that runs last at the end.

    Of a layer that runs several times, its last run counts. The network is preserved.
    """
    modules = {name: find_layer(network, name) for name in layers}
    with preserved(network), torch.inference_mode(), listed_runs(modules) as runs:
        network.eval()
        network(x)
    return tuple(reversed(dict.fromkeys(reversed(runs))))


def _keep_in(outputs: dict[str, Tensor], name: str) -> Any:
    """A forward hook that copies the output of its module into `outputs`."""

    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        if not isinstance(output, Tensor):
            raise GeometryError(f"layer {name}: returns a {type(output).__name__}; choose one that returns a tensor")
        outputs[name] = output.detach().clone()

    return hook
