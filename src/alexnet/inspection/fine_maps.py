"""Feature maps on a finer grid: the first layer at a smaller stride, deeper layers on an enlarged image."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.recording import recorded
from alexnet.layers.conv2d import CeilConv2d
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["FineMaps", "enlarged_maps", "fine_maps"]


@dataclass(frozen=True, eq=False)
class FineMaps(Record):
    """The maps of a layer on a finer grid than the network's own.

    Args:
        layer: name of the layer.
        image: what the kernels were applied to, uint8 [S, S, 3].
        maps: what they give, before the activation, [C, H, W].
        step: px of `image` between two neighbors of a map.
        explanation: how the maps were computed, in words, for a figure's caption.
    """

    layer: str
    image: UInt8[np.ndarray, "S S 3"]
    maps: Float32[np.ndarray, "C H W"]
    step: int
    explanation: str

    def to_dict(self) -> dict[str, object]:
        """Layer, grid and maps as plain lists."""
        return {
            "layer": self.layer,
            "step": self.step,
            "explanation": self.explanation,
            "shape": list(self.maps.shape),
            "maps": self.maps.tolist(),
        }


def fine_maps(classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], *, stride: int = 1) -> FineMaps:
    """The first layer's maps at another stride than the network's: at stride 1, an output for every px.

    Where the grids meet, the values are those of the ordinary map: an ordinary stride of 4 takes every fourth value
    of the map at stride 1.

    Args:
        image: a decoded image of the network's size.
        stride: px from one output to the next, >= 1.

    Raises:
        GeometryError: the image has another size, the stride is below 1, or the first layer is no convolution.
    """
    size = classifier.preprocessing.size
    if image.shape != (size, size, 3):
        raise GeometryError(f"image of shape {image.shape}: give uint8 [{size}, {size}, 3]")
    if stride < 1:
        raise GeometryError(f"stride {stride}: give at least 1")
    layer, module = next(iter(classifier.network.named_layers()))
    if not isinstance(module, nn.Conv2d):
        raise GeometryError(f"layer {layer}: is not a convolution; choose the first convolutional layer")
    x = classifier.network.first_input(_input(classifier, image))
    x = module.padded(x) if isinstance(module, CeilConv2d) else x
    with torch.no_grad():
        maps = F.conv2d(x, module.weight, module.bias, stride, module.padding, module.dilation, module.groups)[0]
    own = module.stride[0]
    explanation = f"{layer} at stride {stride}" + (f" (the network's own is {own})" if stride != own else "")
    return FineMaps(layer, image, maps.float().cpu().numpy(), stride, explanation)


def enlarged_maps(classifier: Classifier, image: UInt8[np.ndarray, "L L 3"], layer: str) -> FineMaps:
    """The maps of any convolutional part of the network on a larger image, by the same kernels.

    Convolution and pooling work on images of any size; only the fully connected layers need the network's own. What
    looks at 96 px as a whole finds twice as many places on the same image at 192 px, each half as large.

    Args:
        image: the image decoded at a larger size than the network's.
        layer: a layer before the first fully connected one.

    Raises:
        GeometryError: the layer gives no maps, does not exist, or the image is too small for it.
    """
    network = classifier.network
    names = [spec.name for spec in network.spec.features]
    if layer not in names:
        raise GeometryError(f"layer {layer}: gives no maps; choose one of {', '.join(names)}")
    network.spec.geometry(len(image), network.num_classes)
    x = network.first_input(_input(classifier, image))
    with recorded(network, [layer]) as outputs:
        network.features(x)
    maps = outputs[layer][0].float().cpu().numpy()
    own = classifier.preprocessing.size
    step = max(1, round(len(image) / maps.shape[-1]))
    return FineMaps(
        layer, image, maps, step, f"{layer} on the image at {len(image)} px (the network's own: {own} px)"
    )


def _input(classifier: Classifier, image: np.ndarray) -> Float[Tensor, "1 3 S S"]:
    device = next(classifier.network.parameters()).device
    return normalize(torch.from_numpy(image.copy())[None].to(device), classifier.preprocessing)
