"""One output of a layer of a trained network, written out: of a layer with weights, a pooling or a normalization."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.feature_maps import check_input
from alexnet.inspection.layer_step import FULLY_CONNECTED, WRITTEN_OUT, LayerStep, strongest_channels
from alexnet.inspection.network_layers import read_layer
from alexnet.inspection.recording import recorded
from alexnet.layers.lrn import LocalResponseNorm, MapResponseNorm
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier

__all__ = ["trace_layer", "trace_module", "trace_recorded"]


def trace_layer(
    classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], layer: str, *, map: int, row: int, column: int
) -> LayerStep:
    """One output of a layer for a decoded image; the network is left as it was.

    Raises:
        GeometryError: there is no such layer or output, the layer is of another kind, or the image has another size.
    """
    check_input(classifier, image)
    network = classifier.network
    network[layer]  # raises where there is none
    device = next(network.parameters()).device
    x = normalize(torch.from_numpy(image.copy())[None].to(device), classifier.preprocessing)
    needed = {layer, _layer_before(network, layer), read_layer(network, layer) or ""} - {""}
    with recorded(network, sorted(needed)) as outputs:
        network(x)
    outputs[""] = network.first_input(x)
    one = {name: values[0].cpu() for name, values in outputs.items()}
    return trace_recorded(network, one, layer, map=map, row=row, column=column)


def _layer_before(network: AlexNet, layer: str) -> str:
    """The name of the layer before one; `""` before the first."""
    return ("", *network.layer_names)[network.layer_names.index(layer)]


def trace_recorded(
    network: AlexNet, outputs: Mapping[str, Tensor], layer: str, *, map: int, row: int = 0, column: int = 0
) -> LayerStep:
    """One output of a layer from what the layers of a network gave for an image.

    Args:
        outputs: layer → its output, [C, H, W] or [features]; at `""` what the first one gets. Of a fully connected
            layer also the output of the one that it reads, see `read_layer`.

    Raises:
        GeometryError: there is no such layer or output, or it is of another kind.
    """
    module = network[layer]
    inputs = outputs[_layer_before(network, layer)]
    if isinstance(module, nn.Linear):
        inputs = inputs.reshape(outputs[read_layer(network, layer) or ""].shape)  # dropout before it flattens maps
    return trace_module(module, inputs, outputs[layer], layer, map=map, row=row, column=column)


def trace_module(
    module: nn.Module, inputs: Tensor, outputs: Tensor, layer: str, *, map: int, row: int, column: int
) -> LayerStep:
    """One output of a layer with weights, max pooling or response normalization, from its input and output [C, H, W].

    Of a fully connected layer the output is [features], and the input that or maps.

    Raises:
        GeometryError: the layer is of another kind, or has no such output.
    """
    is_vector = outputs.ndim == 1
    places = outputs[:, None, None] if is_vector else outputs
    words = ("unit" if is_vector else "map", "row", "column")
    for what, index, length in zip(words, (map, row, column), places.shape, strict=True):
        if not 0 <= index < length:
            raise GeometryError(f"{layer}: has no {what} {index}; choose 0 to {length - 1}")
    output = float(places[map, row, column])
    if isinstance(module, nn.Linear) and is_vector:
        return _fully_connected(module, inputs, layer, map, output)
    if is_vector:
        raise GeometryError(
            f"layer {layer}: its output is {len(outputs)} numbers, not maps; choose a layer with maps"
        )
    if isinstance(module, nn.Conv2d):
        return _convolution(module, inputs, layer, (map, row, column), output)
    if isinstance(module, nn.MaxPool2d):
        return _pooling(module, inputs, layer, (map, row, column), output)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return _averaging(inputs, layer, (map, row, column), outputs.shape[1:], output)
    if isinstance(module, LocalResponseNorm | nn.LocalResponseNorm):
        return _normalization(module, inputs, layer, (map, row, column), output)
    if isinstance(module, MapResponseNorm):
        return _map_normalization(module, inputs, layer, (map, row, column), output)
    raise GeometryError(
        f"layer {layer}: is a {type(module).__name__}; choose a convolution, pooling, response normalization or "
        "fully connected layer"
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
    bias, value, equation = _added(module, number, sums, "channels")
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


def _fully_connected(module: nn.Linear, inputs: Tensor, layer: str, number: int, output: float) -> LayerStep:
    is_maps = inputs.ndim == 3
    patch = inputs.double().numpy()
    if not is_maps:
        patch = patch[:, None, None]
    weights = module.weight[number].detach().double().cpu().numpy().reshape(patch.shape)
    products = patch * weights
    sums = products.sum((1, 2))
    bias, value, equation = _added(module, number, sums, "channels" if is_maps else "units")
    return LayerStep(
        layer,
        FULLY_CONNECTED,
        number,
        (0, 0),
        (0, 0),
        (0, len(sums) - 1),
        patch,
        weights,
        products,
        sums,
        bias,
        value,
        output,
        equation,
    )


def _added(module: nn.Conv2d | nn.Linear, number: int, sums: np.ndarray, what: str) -> tuple[float, float, str]:
    """Bias, value and equation of an output: the sums of all channels, or units, plus the bias."""
    bias = 0.0 if module.bias is None else float(module.bias[number].detach())
    value = float(sums.sum() + bias)
    terms = " + ".join(f"({sums[channel]:.4g})" for channel in strongest_channels(sums)) + (
        f" + … ({len(sums)} {what})" if len(sums) > WRITTEN_OUT else ""
    )
    return bias, value, f"{terms} + bias {bias:.4g} = {value:.6g}"


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


def _averaging(
    inputs: Tensor, layer: str, at: tuple[int, int, int], shape: Sequence[int], output: float
) -> LayerStep:
    """Average pooling to a fixed size: windows of nearly the same size, which overlap where the input is smaller."""
    number, *places = at
    (top, bottom), (left, right) = (
        (place * length // most, -(-(place + 1) * length // most))  # the end is rounded up
        for place, length, most in zip(places, inputs.shape[1:], shape, strict=True)
    )
    patch = inputs[number : number + 1, top:bottom, left:right].double().numpy()
    value = float(patch.mean())
    values = ", ".join(f"{x:.4g}" for x in patch.ravel())
    return LayerStep(
        layer,
        "average pooling",
        number,
        (places[0], places[1]),
        (top, left),
        (number, number),
        patch,
        None,
        patch,
        patch.mean((1, 2)),
        0.0,
        value,
        output,
        f"mean({values}) = {value:.6g}",
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
