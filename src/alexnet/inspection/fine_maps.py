"""Feature maps on a finer grid: the first layer at a smaller stride, deeper layers on an enlarged image."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import (
    FeatureMaps,
    activation_after,
    activation_words,
    check_input,
    layer_kernels,
)
from alexnet.inspection.recording import recorded
from alexnet.layers.conv2d import CeilConv2d
from alexnet.model.checkpoint import Classifier

__all__ = ["enlarged_maps", "strided_maps"]


def strided_maps(
    classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], layer: str, *, stride: int = 1, title: str = ""
) -> FeatureMaps:
    """The first layer's maps at another stride than the network's: at stride 1, an output for every px.

    Where the grids meet, the values are those of the ordinary map: an ordinary stride of 4 takes every fourth value
    of the map at stride 1.

    Args:
        image: a decoded image of the network's size.
        layer: the first convolutional layer.
        stride: px from one output to the next, >= 1.

    Raises:
        GeometryError: the image has another size, the stride is below 1, or the layer is another.
    """
    check_input(classifier, image)
    if stride < 1:
        raise GeometryError(f"stride {stride}: give at least 1")
    first, module = next(iter(classifier.network.named_layers()))
    if layer != first or not isinstance(module, nn.Conv2d):
        raise GeometryError(f"layer {layer}: only {first} can have another stride; enlarge the image instead")
    x = classifier.network.first_input(_input(classifier, image))
    x = module.padded(x) if isinstance(module, CeilConv2d) else x
    following = activation_after(classifier, layer)
    with torch.inference_mode():
        maps = F.conv2d(x, module.weight, module.bias, stride, module.padding, module.dilation, module.groups)
        after = classifier.network[following](maps.clone()) if following else None
    own = module.stride[0]
    title = f"{title or layer} at stride {stride}" + (f" (the network's own is {own})" if stride != own else "")
    return FeatureMaps(
        layer, image, _array(maps), None if after is None else _array(after), layer_kernels(classifier, layer), title,
        activation_words(classifier, following),
    )  # fmt: skip


def enlarged_maps(
    classifier: Classifier, image: UInt8[np.ndarray, "L L 3"], layer: str, *, title: str = ""
) -> FeatureMaps:
    """The maps of any convolutional part of the network on a larger image, by the same kernels.

    Convolution and pooling work on images of any size; only the fully connected layers need the network's own. What
    looks at 96 px as a whole finds twice as many places on the same image at 192 px, each half as large.

    Args:
        image: the image decoded at another size than the network's.
        layer: a layer before the first fully connected one.

    Raises:
        GeometryError: the layer gives no maps, does not exist, or the image is too small for it.
    """
    network = classifier.network
    names = [spec.name for spec in network.spec.features]
    if layer not in names:
        raise GeometryError(f"layer {layer}: gives no maps; choose one of {', '.join(names)}")
    network.spec.geometry(len(image), network.num_classes)
    following = activation_after(classifier, layer)
    with recorded(network, [layer, *([following] if following else [])]) as outputs:
        network.avgpool(network.features(network.first_input(_input(classifier, image))))
    title = (
        f"{title or layer} on the image at {len(image)} px (the network's own: {classifier.preprocessing.size} px)"
    )
    after = _array(outputs[following]) if following else None
    words = activation_words(classifier, following)
    return FeatureMaps(layer, image, _array(outputs[layer]), after, layer_kernels(classifier, layer), title, words)


def _array(maps: Float[Tensor, "1 C H W"]) -> np.ndarray:
    return maps[0].float().cpu().numpy()


def _input(classifier: Classifier, image: np.ndarray) -> Float[Tensor, "1 3 S S"]:
    device = next(classifier.network.parameters()).device
    return normalize(torch.from_numpy(image.copy())[None].to(device), classifier.preprocessing)
