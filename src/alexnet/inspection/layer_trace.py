"""One output of a layer of a trained network, written out: of a convolution, a pooling or a normalization."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import check_input
from alexnet.inspection.recording import recorded
from alexnet.layers.lrn import LocalResponseNorm, MapResponseNorm
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["LayerStep", "trace_layer", "trace_module"]


WRITTEN_OUT = 4
"""Channels of a sum that are written out."""


@dataclass(frozen=True, eq=False)
class LayerStep(Record):
    """One output of a layer, and everything that it is computed from.

    kind: `convolution`, `max pooling` or `normalization`. What a layer calls convolution is a correlation: the kernel
    is not flipped. map, place: channel and (row, column) of the output. corner: (row, column) of the first input that
    is read, possibly in the padding. channels: first and last input channel that are read. patch: [C, k, k], zero in
    the padding (minus infinity for pooling). weights: as patch, None if the layer has none. products: as patch, what
    is added or compared. channel_sums: [C]. bias: 0 if there is none. value: the output by this arithmetic, in
    float64. layer_value: the output of the layer itself. equation: of a sum, the channels that add most.

    >>> step = alexnet.trace_layer("runs/first", "photo.jpg", "conv1", map=0)
    >>> abs(step.value - step.layer_value) < 1e-3
    True
    """

    layer: str
    kind: str
    map: int
    place: tuple[int, int]
    corner: tuple[int, int]
    channels: tuple[int, int]
    patch: np.ndarray
    weights: np.ndarray | None
    products: np.ndarray
    channel_sums: np.ndarray
    bias: float
    value: float
    layer_value: float
    equation: str

    def to_dict(self) -> dict[str, object]:
        """As plain lists; the padding of a pooling is None."""
        plain = {key: value for key, value in self.__dict__.items() if not isinstance(value, np.ndarray)}
        arrays = {key: value for key, value in self.__dict__.items() if isinstance(value, np.ndarray)}
        lists = {key: _finite(value.tolist()) for key, value in arrays.items()}
        return (
            plain | lists | {"place": list(self.place), "corner": list(self.corner), "channels": list(self.channels)}
        )

    def __str__(self) -> str:
        """For people: four lines."""
        return "\n".join(
            [
                f"{self.layer}, map {self.map}, row {self.place[0]}, column {self.place[1]}: {self.kind}",
                f"reads rows from {self.corner[0]}, columns from {self.corner[1]}, "
                f"channels {self.channels[0]} to {self.channels[1]}",
                self.equation,
                f"by this arithmetic {self.value:.7g}, by the layer {self.layer_value:.7g}",
            ]
        )

    def _repr_html_(self) -> str:
        return (
            f"<b>{self.layer}</b>, map {self.map}, place {self.place}: {self.equation}<br>"
            f"by this arithmetic {self.value:.6g}, by the layer {self.layer_value:.6g}"
        )


def _finite(value: object) -> object:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if isinstance(value, float) and math.isfinite(value) else None


def trace_layer(
    classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], layer: str, *, map: int, row: int, column: int
) -> LayerStep:
    """One output of a layer for a decoded image; the network is left as it was.

    Raises:
        GeometryError: there is no such layer or output, the layer is of another kind, or the image has another size.
    """
    check_input(classifier, image)
    network = classifier.network
    module = network[layer]
    names = list(network.layer_names)
    before = names[names.index(layer) - 1] if names.index(layer) else None
    device = next(network.parameters()).device
    x = normalize(torch.from_numpy(image.copy())[None].to(device), classifier.preprocessing)
    with recorded(network, [layer, *([before] if before else [])]) as outputs:
        network(x)
    inputs = outputs[before] if before else network.first_input(x)
    return trace_module(module, inputs[0].cpu(), outputs[layer][0].cpu(), layer, map=map, row=row, column=column)


def trace_module(
    module: nn.Module, inputs: Tensor, outputs: Tensor, layer: str, *, map: int, row: int, column: int
) -> LayerStep:
    """One output of a convolution, max pooling or response normalization, from its input and output [C, H, W].

    Raises:
        GeometryError: the layer is of another kind, or has no such output.
    """
    if outputs.ndim != 3:
        raise GeometryError(f"layer {layer}: its output is {len(outputs)} numbers, not maps; choose conv1 to pool5")
    for what, index, length in zip(("map", "row", "column"), (map, row, column), outputs.shape, strict=True):
        if not 0 <= index < length:
            raise GeometryError(f"{layer}: has no {what} {index}; choose 0 to {length - 1}")
    output = float(outputs[map, row, column])
    if isinstance(module, nn.Conv2d):
        return _convolution(module, inputs, layer, (map, row, column), output)
    if isinstance(module, nn.MaxPool2d):
        return _pooling(module, inputs, layer, (map, row, column), output)
    if isinstance(module, LocalResponseNorm | nn.LocalResponseNorm):
        return _normalization(module, inputs, layer, (map, row, column), output)
    if isinstance(module, MapResponseNorm):
        return _map_normalization(module, inputs, layer, (map, row, column), output)
    raise GeometryError(
        f"layer {layer}: is a {type(module).__name__}; choose a convolution, max pooling or response normalization"
    )


def _pair(value: object) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))  # type: ignore[index]


def _read(
    inputs: np.ndarray, corner: tuple[int, int], taps: tuple[int, int], dilation: tuple[int, int], fill: float
) -> np.ndarray:
    """Patch [C, k, l] whose first pixel is `corner`; `fill` outside the input."""
    rows, columns = (corner[axis] + dilation[axis] * np.arange(taps[axis]) for axis in (0, 1))
    height, width = inputs.shape[1:]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None, :]
    patch = inputs[:, rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None, :]]
    return np.where(inside, patch, fill)


def strongest_channels(sums: np.ndarray) -> list[int]:
    """The channels that add most to a sum, up to `WRITTEN_OUT` of them, by number. sums: [C]."""
    return sorted(np.argsort(-np.abs(sums), kind="stable")[:WRITTEN_OUT].tolist())


def _convolution(module: nn.Conv2d, inputs: Tensor, layer: str, at: tuple[int, int, int], output: float) -> LayerStep:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise GeometryError(
            f"layer {layer}: its padding is {module.padding_mode}, {module.padding}; only zeros can be traced"
        )
    number, row, column = at
    stride, padding, dilation = _pair(module.stride), _pair(module.padding), _pair(module.dilation)
    weights = module.weight[number].detach().double().cpu().numpy()
    first = number // (module.out_channels // module.groups) * weights.shape[0]
    corner = (row * stride[0] - padding[0], column * stride[1] - padding[1])
    source = inputs[first : first + weights.shape[0]].double().numpy()
    patch = _read(source, corner, weights.shape[1:], dilation, 0.0)
    products = patch * weights
    sums = products.sum((1, 2))
    bias = 0.0 if module.bias is None else float(module.bias[number].detach())
    value = float(sums.sum() + bias)
    terms = " + ".join(f"({sums[channel]:.4g})" for channel in strongest_channels(sums)) + (
        f" + … ({len(sums)} channels)" if len(sums) > WRITTEN_OUT else ""
    )
    equation = f"{terms} + bias {bias:.4g} = {value:.6g}"
    return LayerStep(
        layer,
        "convolution",
        number,
        (row, column),
        corner,
        (first, first + len(weights) - 1),
        patch,
        weights,
        products,
        sums,
        bias,
        value,
        output,
        equation,
    )


def _pooling(module: nn.MaxPool2d, inputs: Tensor, layer: str, at: tuple[int, int, int], output: float) -> LayerStep:
    number, row, column = at
    taps, stride = _pair(module.kernel_size), _pair(module.stride)
    padding, dilation = _pair(module.padding), _pair(module.dilation)
    corner = (row * stride[0] - padding[0], column * stride[1] - padding[1])
    patch = _read(inputs[number : number + 1].double().numpy(), corner, taps, dilation, -np.inf)
    value = float(patch.max())
    overlap = "overlapping" if stride[0] < taps[0] else "not overlapping"
    values = ", ".join(f"{x:.4g}" for x in patch.ravel() if np.isfinite(x))
    return LayerStep(
        layer,
        "max pooling",
        number,
        (row, column),
        corner,
        (number, number),
        patch,
        None,
        patch,
        patch.max((1, 2)),
        0.0,
        value,
        output,
        f"max({values}) = {value:.6g} ({taps[0]} × {taps[1]}, stride {stride[0]}, {overlap})",
    )


def _normalization(
    module: LocalResponseNorm | nn.LocalResponseNorm,
    inputs: Tensor,
    layer: str,
    at: tuple[int, int, int],
    output: float,
) -> LayerStep:
    number, row, column = at
    size = int(module.size)
    divided = getattr(module, "alpha_divided", True)  # PyTorch's own always divides
    alpha = module.alpha / size if divided else module.alpha
    tower = len(inputs) // getattr(module, "groups", 1)
    start = number // tower * tower
    first, last = max(start, number - size // 2), min(start + tower - 1, number + (size - 1) // 2)
    patch = inputs[first : last + 1, row, column].double().numpy()[:, None, None]
    squares = patch**2
    value = float(inputs[number, row, column]) / float(module.k + alpha * squares.sum()) ** module.beta
    a = f"{module.alpha:g}/{size}" if divided else f"{module.alpha:g}"
    below = f"({module.k:g} + {a} · {squares.sum():.4g})^{module.beta:g}"
    equation = f"{float(inputs[number, row, column]):.4g} / {below} = {value:.6g}"
    return LayerStep(
        layer,
        "normalization",
        number,
        (row, column),
        (row, column),
        (first, last),
        patch,
        None,
        squares,
        squares[:, 0, 0],
        0.0,
        value,
        output,
        equation,
    )


def _map_normalization(
    module: MapResponseNorm, inputs: Tensor, layer: str, at: tuple[int, int, int], output: float
) -> LayerStep:
    number, row, column = at
    size = module.size
    corner = (row - size // 2, column - size // 2)
    patch = _read(inputs[number : number + 1].double().numpy(), corner, (size, size), (1, 1), 0.0)
    squares = patch**2
    own = float(inputs[number, row, column])
    value = own / float(module.k + module.alpha / size**2 * squares.sum()) ** module.beta
    below = f"({module.k:g} + {module.alpha:g}/{size**2} · {squares.sum():.4g})^{module.beta:g}"
    return LayerStep(
        layer,
        "normalization within the map",
        number,
        (row, column),
        corner,
        (number, number),
        patch,
        None,
        squares,
        squares.sum((1, 2)),
        0.0,
        value,
        output,
        f"{own:.4g} / {below} = {value:.6g}",
    )
