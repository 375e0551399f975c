"""The learned kernels of a convolutional layer, as arrays and as a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32
from torch import nn

from alexnet.errors import GeometryError
from alexnet.inspection.network_layers import convolutions, find_layer
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.figures.tiles import KernelScale

__all__ = ["KernelSet", "kernels"]


@dataclass(frozen=True, eq=False)
class KernelSet(Record):
    """The kernels of a layer: weights [out, in, k, k], float32, with the channels of conv1 in RGB order.

    groups: the number of towers; a kernel sees the input maps of its own tower only. title: what figures are titled.

    >>> alexnet.kernels("runs/first", "conv2").draw(chosen=[0, 5]).get_suptitle()[:14]
    'conv2 of first'
    """

    layer: str
    weights: Float32[np.ndarray, "O I k k"]
    groups: int
    title: str = ""

    def to_dict(self) -> dict[str, object]:
        """As plain lists."""
        return {"layer": self.layer, "groups": self.groups, "weights": self.weights.tolist()}

    def draw(
        self,
        *,
        scale: "KernelScale" = "common",
        chosen: Sequence[int] | None = None,
        channel: int | None = None,
        caption: str = "",
    ) -> "Figure":
        """The kernels on one figure, numbered.

        Args:
            scale: Color scale: `common` to all kernels, or each kernel's `own`.
            chosen: numbers of the kernels to show; all by default.
            channel: show only this input map of each kernel.
            caption: a line below the title.

        Raises:
            GeometryError: there is no such kernel or channel.
        """
        from alexnet.figures.tiles import draw_kernels

        title = self.title or self.layer
        return draw_kernels(self.weights, title=title, scale=scale, chosen=chosen, channel=channel, caption=caption)


def kernels(classifier: Classifier, layer: str | None = None, *, title: str = "") -> KernelSet:
    """The kernels of a convolutional layer, by default of the first, copied.

    Raises:
        GeometryError: there is no such layer, or it is not convolutional.
    """
    network = classifier.network
    layer = convolutions(network)[0] if layer is None else layer
    module = find_layer(network, layer)
    if not isinstance(module, nn.Conv2d):
        raise GeometryError(f"layer {layer}: has no kernels; choose one of {', '.join(convolutions(network))}")
    weights = module.weight.detach().float().cpu().numpy().copy()
    if weights.shape[1] == 3 and classifier.preprocessing.channels == "BGR":
        weights = weights[:, ::-1].copy()
    return KernelSet(layer, weights, module.groups, title)
