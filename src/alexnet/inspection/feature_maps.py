"""What each kernel of a layer makes of an image."""

from dataclasses import dataclass
from itertools import pairwise

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

__all__ = ["FeatureMaps", "feature_maps"]


@dataclass(frozen=True, eq=False)
class FeatureMaps(Record):
    """The maps of one layer for one image.

    image: what the network got, uint8 [size, size, 3]. before: the layer's output [C, H, W]. after: the same
    behind the ReLU that follows, None where none does. kernels: the weights [C, in, k, k], None for layers
    without kernels; in RGB order where `in` is 3.
    """

    layer: str
    image: UInt8[np.ndarray, "S S 3"]
    before: Float32[np.ndarray, "C H W"]
    after: Float32[np.ndarray, "C H W"] | None
    kernels: Float32[np.ndarray, "C I k k"] | None

    def strongest(self, count: int) -> list[int]:
        """The maps with the largest activations, strongest first."""
        maps = self.before if self.after is None else self.after
        return [int(i) for i in np.argsort(-maps.reshape(len(maps), -1).max(1), kind="stable")[:count]]

    def to_dict(self) -> dict[str, object]:
        """Layer and maps as plain lists."""
        after = None if self.after is None else self.after.tolist()
        return {"layer": self.layer, "before": self.before.tolist(), "after": after}


def feature_maps(classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], layer: str = "conv1") -> FeatureMaps:
    """The maps of a layer for a decoded image; the model is left as found.

    Raises:
        GeometryError: there is no such layer, it gives no maps, or the image has another size.
    """
    size = classifier.preprocessing.size
    if image.shape != (size, size, 3) or image.dtype != np.uint8:
        raise GeometryError(f"image of shape {image.shape}: give uint8 [{size}, {size}, 3], see decode_image")
    network = classifier.network
    following = _activation_after(classifier, layer)
    device = next(network.parameters()).device
    with recorded(network, [layer, *([following] if following else [])]) as outputs:
        network(normalize(torch.from_numpy(image.copy())[None].to(device), classifier.preprocessing))
    before = outputs[layer][0].float().cpu().numpy()
    if before.ndim != 3:
        raise GeometryError(f"layer {layer}: gives {before.shape[0]} numbers, not maps; choose conv1 to pool5")
    weights = kernels(classifier, layer).weights if isinstance(network[layer], nn.Conv2d) else None
    after = outputs[following][0].float().cpu().numpy() if following else None
    return FeatureMaps(layer, image, before, after, weights)


def _activation_after(classifier: Classifier, layer: str) -> str | None:
    """The activation that directly follows a convolutional layer."""
    specs = classifier.network.spec.layers
    for spec, following in pairwise(specs):
        if spec.name == layer and isinstance(spec, Conv) and isinstance(following, Activation):
            return following.name
    return None
