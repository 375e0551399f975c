"""What a unit gives in the end: its layer's output after the batch normalization and activation that read it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from alexnet.data.decode import Pixels
from alexnet.inspection.network_layers import find_layer, network_input
from alexnet.inspection.recording import preserved
from alexnet.inspection.unit_address import UnitAddress
from alexnet.model.checkpoint import Classifier

__all__ = [
    "ACTIVATIONS",
    "BATCH_NORMS",
    "Extremes",
    "UnitOutputs",
    "is_dead",
    "is_unchanged",
    "unit_outputs",
    "version_of",
]

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh,
    nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid,
)  # fmt: skip

ROUNDING = 1e-6
"""Difference, as a fraction of the larger of two numbers, up to which they are the same but for rounding."""


class UnitOutputs:
    """Follows the output of a layer through the modules that get it itself, not something computed from it.

    A batch normalization may follow, then an activation. What is added in between (the shortcut of a residual block)
    ends the way: the sum is no longer the unit's alone.

    outputs: what was reached in each call of the layer, [N, U, ...], of the last forward pass. modules: those that
    were followed, of each call.
    """

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []
        self.modules: list[list[nn.Module]] = []
        self._last: Tensor | None = None
        self._version = 0
        self._is_next = False

    def clear(self) -> None:
        """Forget the last forward pass."""
        self.outputs, self.modules, self._last = [], [], None

    def start(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        """Hook of the layer."""
        self.outputs.append(output.detach().clone())  # the next module may work in place
        self.modules.append([])
        self._last, self._version = output, version_of(output)

    def before(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Hook of a module that may follow: whether it gets the output as it was given."""
        self._is_next = is_unchanged(inputs, self._last, self._version)

    def after(self, module: nn.Module, _inputs: object, output: Tensor) -> None:
        """Hook of the same, with its output."""
        if self._is_next:
            self.outputs[-1] = output.detach().clone()
            self.modules[-1].append(module)
            is_end = isinstance(module, ACTIVATIONS)
            self._last, self._version = (None, 0) if is_end else (output, version_of(output))
        self._is_next = False


def is_unchanged(inputs: tuple[Any, ...], tensor: Tensor | None, version: int) -> bool:
    """Whether a module gets this very tensor, and nothing has changed it in place since it had this version."""
    return tensor is not None and bool(inputs) and inputs[0] is tensor and version_of(tensor) == version


def version_of(tensor: Tensor) -> int:
    """How often a tensor was changed in place; 0 in inference mode, which does not count it."""
    return 0 if tensor.is_inference() else int(tensor._version)


@contextmanager
def unit_outputs(network: nn.Module, layer: str) -> Iterator[UnitOutputs]:
    """Inside the block a forward pass records what the units of a layer give; the network is in evaluation mode.

    Afterwards the network is as it was, also when something fails inside: see `preserved`.

    Raises:
        GeometryError: there is no such layer.

    >>> network = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> with unit_outputs(network, "0") as followed:
    ...     _ = network(torch.zeros(1, 2))
    >>> followed.outputs[0].shape, followed.modules[0]
    (torch.Size([1, 3]), [Tanh()])
    """
    first, followed = find_layer(network, layer), UnitOutputs()
    with preserved(network), torch.no_grad():
        network.eval()
        handles = [first.register_forward_hook(followed.start)]
        for module in network.modules():
            if module is not first and isinstance(module, (*BATCH_NORMS, *ACTIVATIONS)):
                handles.append(module.register_forward_pre_hook(followed.before))
                handles.append(module.register_forward_hook(followed.after))
        try:
            yield followed
        finally:
            for handle in handles:
                handle.remove()


class Extremes:
    """The smallest and the largest number that each unit of a layer gave, over images and places."""

    def __init__(self) -> None:
        self.least: Tensor | None = None
        self.most: Tensor | None = None

    def add(self, output: Float[Tensor, "N U ..."]) -> None:
        """Take the outputs for some images into account."""
        flat = output.flatten(2) if output.ndim > 2 else output[..., None]
        least, most = flat.amin((0, 2)).cpu(), flat.amax((0, 2)).cpu()
        self.least = least if self.least is None else torch.minimum(self.least, least)
        self.most = most if self.most is None else torch.maximum(self.most, most)

    @property
    def are_constant(self) -> Bool[Tensor, " U"]:
        """Units that gave the same number everywhere, but for rounding."""
        assert self.least is not None, "nothing was added"
        assert self.most is not None
        size = torch.maximum(self.least.abs(), self.most.abs())
        return self.most - self.least <= ROUNDING * size


def is_dead(classifier: Classifier, address: UnitAddress, batches: Iterable[Pixels], *, maximum: float) -> bool:
    """Whether a unit gives the same number for all images at all places, after normalization and activation.

    A forward pass is made for one batch after the other until two numbers differ.

    Args:
        batches: the images, with those first on which its outputs differ most.
        maximum: its layer's largest output on all of them: where it is not above 0 and ReLU alone follows, nothing
            needs to be computed.
    """
    network, extremes = classifier.network, Extremes()
    with unit_outputs(network, address.layer) as followed:
        for pixels in batches:
            followed.clear()
            network(network_input(classifier, pixels))
            for output in followed.outputs:
                extremes.add(output[:, address.number : address.number + 1])
            if not bool(extremes.are_constant):
                return False
            if maximum <= 0.0 and all(_is_relu(modules) for modules in followed.modules):
                return True
    return True


def _is_relu(modules: list[nn.Module]) -> bool:
    return len(modules) == 1 and isinstance(modules[0], nn.ReLU)
