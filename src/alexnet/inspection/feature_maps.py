"""The feature maps of a layer for an image, as arrays and as a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.kernels import kernels
from alexnet.inspection.recording import recorded
from alexnet.model.checkpoint import Classifier
from alexnet.model.specs import Activation, Conv
from alexnet.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FeatureMaps", "activation_after", "activation_words", "check_input", "feature_maps", "layer_kernels"]


WRITTEN = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "elu": "ELU", "gelu": "GELU", "silu": "SiLU"}
"""Activations whose names are written otherwise than in a recipe."""


@dataclass(frozen=True, eq=False)
class FeatureMaps(Record):
    """The maps of a layer for one image.

    image: what the network was applied to, uint8 [S, S, 3]. before: the output of the layer, [C, H, W]. after: the
    same after the activation that follows, None if none does. kernels: the weights [C, in, k, k], None for a layer
    without kernels; in RGB order if `in` is 3. title: what figures are titled. activation: what they call it.

    >>> maps = alexnet.feature_maps("runs/first", "photo.jpg", "conv1")
    >>> figure = maps.draw(maps.strongest(5))
    """

    layer: str
    image: UInt8[np.ndarray, "S S 3"]
    before: Float32[np.ndarray, "C H W"]
    after: Float32[np.ndarray, "C H W"] | None
    kernels: Float32[np.ndarray, "C I k k"] | None
    title: str = ""
    activation: str = "ReLU"

    def strongest(self, count: int) -> list[int]:
        """Numbers of the maps with the largest activations, largest first."""
        maps = self.before if self.after is None else self.after
        return [int(i) for i in np.argsort(-maps.reshape(len(maps), -1).max(1), kind="stable")[:count]]

    def to_dict(self) -> dict[str, object]:
        """The layer and its maps as plain lists."""
        after = None if self.after is None else self.after.tolist()
        return {"layer": self.layer, "before": self.before.tolist(), "after": after}

    def draw(self, chosen: Sequence[int] | None = None) -> "Figure":
        """Image, kernel and map side by side, a row for each kernel.

        Args:
            chosen: numbers of the kernels; by default the three with the largest activations.

        Raises:
            GeometryError: there is no such kernel, or there are more than 32.
        """
        from alexnet.figures.maps import draw_feature_maps

        numbers = self.strongest(3) if chosen is None else chosen
        return draw_feature_maps(
            self.image, self.kernels, self.before, self.after, numbers,
            title=self.title or self.layer, activation=self.activation,
        )  # fmt: skip

    def draw_all(self) -> "Figure":
        """Every map of the layer on one figure, after the activation if one follows."""
        from alexnet.figures.maps import draw_all_maps

        title = self.title or self.layer
        if self.after is None:
            return draw_all_maps(self.before, title=title)
        return draw_all_maps(self.after, title=f"{title} after {self.activation}")


def feature_maps(
    classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], layer: str = "conv1", *, title: str = ""
) -> FeatureMaps:
    """The maps of a layer for a decoded image; the network is left as it was.

    Raises:
        GeometryError: there is no such layer, its output is not maps, or the image has another size.
    """
    check_input(classifier, image)
    network = classifier.network
    following = activation_after(classifier, layer)
    device = next(network.parameters()).device
    with recorded(network, [layer, *([following] if following else [])]) as outputs:
        network(normalize(torch.from_numpy(image.copy())[None].to(device), classifier.preprocessing))
    before = outputs[layer][0].float().cpu().numpy()
    if before.ndim != 3:
        raise GeometryError(f"layer {layer}: its output is {len(before)} numbers, not maps; choose conv1 to pool5")
    after = outputs[following][0].float().cpu().numpy() if following else None
    words = activation_words(classifier, following)
    return FeatureMaps(layer, image, before, after, layer_kernels(classifier, layer), title, words)


def layer_kernels(classifier: Classifier, layer: str) -> Float32[np.ndarray, "C I k k"] | None:
    """The kernels of a layer; None for a layer without kernels."""
    return kernels(classifier, layer).weights if isinstance(classifier.network[layer], nn.Conv2d) else None


def check_input(classifier: Classifier, image: np.ndarray) -> None:
    """Raise a GeometryError if a decoded image is not what the network takes."""
    size = classifier.preprocessing.size
    if image.shape != (size, size, 3) or image.dtype != np.uint8:
        shape = " x ".join(map(str, image.shape))
        raise GeometryError(f"the image is {image.dtype}, {shape}: give uint8 [{size}, {size}, 3], or an image file")


def activation_after(classifier: Classifier, layer: str) -> str | None:
    """The activation that directly follows a convolutional layer."""
    specs = classifier.network.spec.layers
    for spec, following in pairwise(specs):
        if spec.name == layer and isinstance(spec, Conv) and isinstance(following, Activation):
            return following.name
    return None


def activation_words(classifier: Classifier, layer: str | None) -> str:
    """What an activation of the network is called in a figure; "ReLU" where there is none."""
    functions = (
        spec.function
        for spec in classifier.network.spec.layers
        if spec.name == layer and isinstance(spec, Activation)
    )
    function = next(functions, "relu")
    return WRITTEN.get(function, function.replace("_", " "))
