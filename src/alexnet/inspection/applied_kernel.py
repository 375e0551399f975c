"""A learned kernel applied to an image, as its layer does it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch.nn import functional as F

from alexnet.convolution.raw_file import write_raw
from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import check_input
from alexnet.inspection.kernels import kernels
from alexnet.inspection.recording import recorded
from alexnet.layers.conv2d import CeilConv2d
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LearnedResult", "apply_learned_kernel"]


@dataclass(frozen=True, eq=False)
class LearnedResult(Record):
    """A learned kernel applied to an image as its layer does it: correlated, with stride, padding and bias.

    image: as the network gets it. weights: [C, k, k]. channel_maps: [C, H, W], one for each input map. summed:
    [H, W], their sum plus the bias. layer_map: the output of the layer itself. stride: px. title: of the figure.

    >>> result = alexnet.apply_learned_kernel("runs/first", "photo.jpg", "conv1", 37)
    >>> figure = result.draw()
    """

    layer: str
    number: int
    image: UInt8[np.ndarray, "S S 3"]
    weights: Float[np.ndarray, "C k k"]
    channel_maps: Float[np.ndarray, "C H W"]
    summed: Float[np.ndarray, "H W"]
    layer_map: Float[np.ndarray, "H W"]
    bias: float
    stride: int
    title: str = ""

    @property
    def difference(self) -> float:
        """Largest difference between the sum and the output of the layer itself."""
        return float(np.abs(self.summed - self.layer_map).max())

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the arrays."""
        return {
            "layer": self.layer,
            "kernel": self.number,
            "bias": self.bias,
            "shape": list(self.summed.shape),
            "difference_from_layer": self.difference,
        }

    def draw(self) -> "Figure":
        """Image, kernel and result side by side, and below the strongest single channels."""
        from alexnet.figures.convolution import Panels, draw_panels

        is_rgb, count = len(self.weights) == 3, len(self.weights)
        strongest = np.argsort(-np.abs(self.channel_maps).max((1, 2)), kind="stable")[: 3 if is_rgb else 6]
        shown = sorted(int(channel) for channel in strongest)
        names = ("red", "green", "blue") if is_rgb else tuple(f"input map {channel}" for channel in shown)
        limit = float(max(np.abs(self.summed).max(), np.abs(self.channel_maps[shown]).max())) or 1.0
        side = self.weights.shape[1]
        panels = Panels(
            image=self.image,
            span=(0.0, 255.0),
            kernel=self.weights.transpose(1, 2, 0) if is_rgb else self.weights.mean(0),
            result=self.summed,
            scale=(-limit, limit),
            title=f"{self.title or self.layer}: correlation (kernel not flipped), as in the layer",
            kernel_caption=f"{side} × {side} × {count}, stride {self.stride}" + ("" if is_rgb else ", mean shown"),
            result_caption=f"sum of {count} channels + bias {self.bias:.3g}, scale ±{limit:.3g}, white is 0",
            signed=True,
            extra=tuple(self.channel_maps[channel] for channel in shown),
            extra_captions=tuple(f"{name} alone" for name in names),
        )
        return draw_panels(panels)

    def write_raw(self, path: Path | str) -> str:
        """Write the sum and nothing else; returns how it was changed, "" if not at all.

        Raises:
            DataError: the values do not fit into the format.
        """
        return write_raw(self.summed, path)


def apply_learned_kernel(
    classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], layer: str, number: int, *, title: str = ""
) -> LearnedResult:
    """Apply a kernel of a layer to a decoded image, channel by channel; the network is left as it was.

    Raises:
        GeometryError: there is no such layer or kernel, or the image has another size.
    """
    check_input(classifier, image)
    network = classifier.network
    weights = kernels(classifier, layer).weights
    if not 0 <= number < len(weights):
        raise GeometryError(f"kernel {number}: {layer} has kernels 0 to {len(weights) - 1}")
    module = network[layer]
    assert isinstance(module, torch.nn.Conv2d)  # kernels refuses all others
    names = list(network.layer_names)
    before = names[names.index(layer) - 1] if names.index(layer) else None
    x = normalize(torch.from_numpy(image.copy())[None].to(module.weight.device), classifier.preprocessing)
    with recorded(network, [layer, *([before] if before else [])]) as outputs:
        network(x)
    inputs = outputs[before] if before else network.first_input(x)
    inputs = module.padded(inputs) if isinstance(module, CeilConv2d) else inputs
    width = module.weight.shape[1]
    first = number // (module.out_channels // module.groups) * width
    bias = 0.0 if module.bias is None else float(module.bias[number].detach())
    with torch.no_grad():
        maps = F.conv2d(
            inputs[:, first : first + width],
            module.weight[number][:, None],
            None,
            module.stride,
            module.padding,
            module.dilation,
            groups=width,
        )[0]
    maps = maps.flip(0) if classifier.preprocessing.channels == "BGR" and width == 3 else maps  # RGB, as the weights
    values, layer_map = maps.float().cpu().numpy(), outputs[layer][0, number].float().cpu().numpy()
    summed = values.sum(0) + bias
    return LearnedResult(
        layer, number, image, weights[number], values, summed, layer_map, bias, module.stride[0], title
    )
