"""Learned kernels that are most like a named one: your Sobel meets kernel 37 of the network."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Real, UInt8
from torch.nn import functional as F

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.kernels import kernels
from alexnet.inspection.recording import recorded
from alexnet.layers.conv2d import CeilConv2d
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["KernelMatch", "LearnedResult", "apply_learned_kernel", "match_kernels"]

SMALLEST_SHARE = 0.5
"""Share of the smaller kernel's cells that must lie on the larger one."""


@dataclass(frozen=True, eq=False)
class KernelMatch(Record):
    """How much a learned kernel is like a named one.

    correlation: normalized, -1 ... 1; negative where it is like its negative. shift: (down, right), px, of the named
    kernel's middle from the learned one's. scale: cells that each side of its cells was enlarged to. laid: the named
    kernel on the learned one's cells, [k, k].
    """

    number: int
    correlation: float
    shift: tuple[int, int]
    scale: int
    laid: np.ndarray

    def to_dict(self) -> dict[str, object]:
        """Without the image of it."""
        return {
            "kernel": self.number,
            "correlation": self.correlation,
            "shift": list(self.shift),
            "scale": self.scale,
        }


def match_kernels(
    weights: Float[np.ndarray, "O I k k"], named: Real[np.ndarray, "a b"], *, most: int = 8
) -> tuple[KernelMatch, ...]:
    """The learned kernels most like a named one, whatever its place and sign, best first.

        r = max over shifts d of |sum (L - mean L) N_d| / (|L - mean L| |N - mean N|)

    L is the learned kernel, summed over its input maps as a grey image would excite it, N_d the named one moved by
    d, as it is and enlarged by whole numbers as far as it fits, with as much of it inside as `SMALLEST_SHARE` asks
    for. As networks correlate and do not flip, the named kernel is flipped first: r compares what both do to a
    image. A kernel whose values are all equal (box) is compared with no mean taken off.

    Raises:
        GeometryError: no kernels to compare with.
    """
    if weights.ndim != 4 or not weights.size:
        raise GeometryError(f"kernels of shape {weights.shape}: give [out, in, k, k]")
    learned = weights.sum(1).astype(np.float64)
    flipped, side = named[::-1, ::-1].astype(np.float64), weights.shape[-1]
    scales = range(1, max(side // max(flipped.shape), 1) + 1)
    found = [_match_at(learned, np.kron(flipped, np.ones((scale, scale))), scale) for scale in scales]
    best = [max(candidates, key=lambda match: abs(match.correlation)) for candidates in zip(*found, strict=True)]
    return tuple(sorted(best, key=lambda match: -abs(match.correlation))[:most])


def _match_at(learned: np.ndarray, laid_kernel: np.ndarray, scale: int) -> list[KernelMatch]:
    """The best place for each learned kernel at one enlargement."""
    if np.ptp(laid_kernel) > 0.0:
        laid_kernel = laid_kernel - laid_kernel.mean()
        learned = learned - learned.mean((1, 2), keepdims=True)
    norms = np.linalg.norm(learned.reshape(len(learned), -1), axis=1) * np.linalg.norm(laid_kernel)
    (rows, columns), side = laid_kernel.shape, learned.shape[1]
    lead = (rows - 1, columns - 1)
    padded = F.pad(torch.from_numpy(learned)[:, None], (lead[1], lead[1], lead[0], lead[0]))
    sums = F.conv2d(padded, torch.from_numpy(laid_kernel.copy())[None, None])[:, 0].numpy()
    down, right = (np.arange(size) - reach for size, reach in zip(sums.shape[1:], lead, strict=True))
    inside = np.outer(_overlap(down, rows, side), _overlap(right, columns, side))
    allowed = inside >= SMALLEST_SHARE * min(rows * columns, side * side)
    scores = np.where(allowed, sums, 0.0) / np.maximum(norms, 1e-30)[:, None, None]
    places = np.abs(scores).reshape(len(scores), -1).argmax(1)
    matches = []
    for number, (y, x) in enumerate(zip(*np.divmod(places, sums.shape[2]), strict=True)):
        laid = _lay(laid_kernel, int(down[y]), int(right[x]), side)
        shift = (round(down[y] + (rows - side) / 2), round(right[x] + (columns - side) / 2))
        value = float(scores[number, y, x])
        matches.append(KernelMatch(number, value, shift, scale, laid if value >= 0 else -laid))
    return matches


def _overlap(starts: np.ndarray, length: int, side: int) -> np.ndarray:
    """Cells of `length` from each start that lie in 0 ... side - 1."""
    return np.asarray(np.minimum(starts + length, side) - np.maximum(starts, 0))


def _lay(kernel: np.ndarray, down: int, right: int, side: int) -> np.ndarray:
    """The part of a kernel that lies on side x side cells when its first cell is at (down, right)."""
    laid = np.zeros((side, side))
    top, left = max(down, 0), max(right, 0)
    bottom, end = min(down + kernel.shape[0], side), min(right + kernel.shape[1], side)
    laid[top:bottom, left:end] = kernel[top - down : bottom - down, left - right : end - right]
    return laid


@dataclass(frozen=True, eq=False)
class LearnedResult(Record):
    """What one learned kernel makes of an image, as its layer does it: correlated, with stride, padding and bias.

    image: as the network gets it. weights: [C, k, k]. channel_maps: [C, H, W], one for each input map. summed:
    [H, W], their sum plus the bias. layer_map: what the layer itself gave. stride: px.
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


def apply_learned_kernel(
    classifier: Classifier, image: UInt8[np.ndarray, "S S 3"], layer: str, number: int
) -> LearnedResult:
    """Apply kernel `number` of a layer to a decoded image, channel by channel; the network is left as found.

    Raises:
        GeometryError: no such layer or kernel.
    """
    network = classifier.network
    found = kernels(classifier, layer)
    if not 0 <= number < len(found.weights):
        raise GeometryError(f"kernel {number}: {layer} has kernels 0 to {len(found.weights) - 1}")
    module = network[layer]
    assert isinstance(module, torch.nn.Conv2d)  # kernels() has refused all else
    names = list(network.layer_names)
    before = names[names.index(layer) - 1] if names.index(layer) else None
    entry = normalize(torch.from_numpy(image.copy())[None].to(module.weight.device), classifier.preprocessing)
    with recorded(network, [layer, *([before] if before else [])]) as outputs:
        network(entry)
    inputs = outputs[before] if before else network.first_input(entry)
    inputs = module.padded(inputs) if isinstance(module, CeilConv2d) else inputs
    share = module.weight.shape[1]
    first = number // (module.out_channels // module.groups) * share
    bias = 0.0 if module.bias is None else float(module.bias[number].detach())
    with torch.no_grad():
        maps = F.conv2d(
            inputs[:, first : first + share],
            module.weight[number][:, None],
            None,
            module.stride,
            module.padding,
            module.dilation,
            groups=share,
        )[0]
    maps = maps.flip(0) if classifier.preprocessing.channels == "BGR" and share == 3 else maps  # as the weights: RGB
    values = maps.float().cpu().numpy()
    given = outputs[layer][0, number].float().cpu().numpy()
    return LearnedResult(
        layer, number, image, found.weights[number], values, values.sum(0) + bias, given, bias, module.stride[0]
    )
