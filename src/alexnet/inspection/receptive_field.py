"""Which pixels of the image each output of a layer depends on: exact, also at the borders.

For an `AlexNet` it follows from the layers' kernel sizes, strides and padding. Any other module is measured: a row of
the image is filled with NaN, and the outputs that become NaN depend on that row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.inspection.network_layers import find_layer
from alexnet.inspection.recording import Outputs, check_units, listed_runs, preserved
from alexnet.layers.lrn import MapResponseNorm
from alexnet.model.alexnet import AlexNet

__all__ = ["Box", "ReceptiveBoxes", "StopForward", "receptive_boxes", "stopped_after"]

Span = tuple[int, int]
"""First pixel, and the one after the last."""

ROWS_AT_ONCE = 32
"""Images in one forward pass while a field is measured."""


@dataclass(frozen=True)
class Box:
    """The receptive field of one output, px of the network's input; end exclusive.

    rows, columns: all that the kernels cover; it may reach beyond the image. read_rows, read_columns: the pixels of
    the image that the output depends on; the rest of the box is padding.
    """

    rows: Span
    columns: Span
    read_rows: Span
    read_columns: Span

    def cut(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The patch of an image [S, S, 3], as large as the box, and where it is image: [h, w], bool."""
        height, width = self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]
        patch, inside = np.zeros((height, width, 3), image.dtype), np.zeros((height, width), bool)
        (top, bottom), (left, right) = self.read_rows, self.read_columns
        place = np.s_[top - self.rows[0] : bottom - self.rows[0], left - self.columns[0] : right - self.columns[0]]
        patch[place], inside[place] = image[top:bottom, left:right], True
        return patch, inside


@dataclass(frozen=True)
class ReceptiveBoxes:
    """The fields of all outputs of a layer: a span along each axis for each row and column of its maps.

    rows, columns: what the kernels cover. read_rows, read_columns: what is read of the image. num_units: maps, or
    outputs, of the layer. is_vector: the layer has no maps, and each output depends on the whole image. later: the
    fields of the layer's next run, where it runs several times.
    """

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    read_rows: tuple[Span, ...]
    read_columns: tuple[Span, ...]
    num_units: int
    is_vector: bool = False
    later: "ReceptiveBoxes | None" = None

    def run_at(self, place: int) -> "tuple[ReceptiveBoxes, int]":
        """The fields of the run that a place belongs to, and the place in the flattened map of that run."""
        count = len(self.rows) * len(self.columns)
        return (self, place) if place < count or self.later is None else self.later.run_at(place - count)

    def box(self, place: int) -> Box:
        """The field of the output at a place of the flattened map, row by row; of later runs, counted on."""
        if self.later is not None and place >= len(self.rows) * len(self.columns):
            run, place = self.run_at(place)
            return run.box(place)
        row, column = (0, 0) if self.is_vector else divmod(place, len(self.columns))
        return Box(self.rows[row], self.columns[column], self.read_rows[row], self.read_columns[column])

    @property
    def size(self) -> Span:
        """Height and width of the largest field, px."""
        own = max(b - a for a, b in self.rows), max(b - a for a, b in self.columns)
        return own if self.later is None else (max(own[0], self.later.size[0]), max(own[1], self.later.size[1]))


class StopForward(Exception):  # noqa: N818  # no error: it ends a forward pass whose rest nobody needs
    """Raised in a hook when everything that is asked for was computed."""


def stopped_after(network: nn.Module, layer: nn.Module, x: Tensor, *, run: int = 0) -> Tensor:
    """The output of a layer's first or a later run, without computing what comes after it; of fewer runs, the last.

    The caller preserves the network.
    """
    outputs: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        outputs.append(output)
        if len(outputs) > run:
            raise StopForward

    handle = layer.register_forward_hook(hook)
    try:
        network(x)
    except StopForward:
        pass
    finally:
        handle.remove()
    if not outputs:
        Outputs()[next(name for name, module in network.named_modules() if module is layer)]  # raises
    return outputs[-1]


def receptive_boxes(network: nn.Module, layer: str, size: int) -> ReceptiveBoxes:
    """The receptive fields of a layer's outputs for square images of `size` px; the network is preserved.

    Raises:
        GeometryError: there is no such layer.
    """
    module = find_layer(network, layer)
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    with preserved(network), torch.inference_mode():
        network.eval()
        x = torch.zeros(1, 3, size, size, device=device)
        output = stopped_after(network, module, x)
        check_units(layer, module, output)
        if output.ndim != 4:
            whole = ((0, size),)
            return ReceptiveBoxes(whole, whole, whole, whole, output.shape[1], is_vector=True)
        if isinstance(network, AlexNet):
            spans = _by_geometry(network, layer, size)
            return ReceptiveBoxes(spans[0], spans[0], spans[1], spans[1], output.shape[1])
        with listed_runs({layer: module}) as runs:
            network(x)
        boxes: ReceptiveBoxes | None = None
        for run in reversed(range(len(runs))):
            read = [_measure(network, module, size, axis, device, run) for axis in (2, 3)]
            rows, columns = (_extended(spans, size) for spans in read)
            boxes = ReceptiveBoxes(rows, columns, read[0], read[1], output.shape[1], later=boxes)
    assert boxes is not None, "it ran"
    return boxes


# --- by the layers' settings
def _by_geometry(network: AlexNet, layer: str, size: int) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """What the kernels cover, and what is read of the image, along one axis; both axes are alike."""
    lengths, modules = [size], []
    shapes = network.spec.geometry(size, network.num_classes)
    for (name, module), row in zip(network.named_layers(), shapes, strict=True):
        modules.append(module)
        lengths.append(row.output[-1])
        if name == layer:
            break
    covered, read = [], []
    for place in range(lengths[-1]):
        wide = narrow = (place, place + 1)
        for module, length in zip(reversed(modules), reversed(lengths[:-1]), strict=True):
            wide = _before(module, wide, length)
            first, end = _before(module, narrow, length)
            narrow = (max(first, 0), min(end, length))  # beyond its edge a map has no outputs to depend on
        covered.append(wide)
        read.append(narrow)
    return tuple(covered), tuple(read)


def _before(module: nn.Module, span: Span, length: int) -> Span:
    """The inputs of a layer that a span of its outputs depends on; it may reach beyond the input's `length`."""
    first, last = span[0], span[1] - 1
    if isinstance(module, nn.Conv2d | nn.MaxPool2d):
        kernel, stride, padding, dilation = (
            _first(value) for value in (module.kernel_size, module.stride, module.padding, module.dilation)
        )
        return first * stride - padding, last * stride - padding + dilation * (kernel - 1) + 1
    if isinstance(module, nn.AdaptiveAvgPool2d):
        count = _first(module.output_size)
        return first * length // count, -(-(last + 1) * length // count)
    if isinstance(module, MapResponseNorm):
        return first - module.size // 2, last - module.size // 2 + module.size
    return span


def _first(value: object) -> int:
    return int(value[0]) if isinstance(value, Sequence) else int(value)  # type: ignore[call-overload]


# --- by measuring
def _measure(
    network: nn.Module, layer: nn.Module, size: int, axis: int, device: torch.device, run: int
) -> tuple[Span, ...]:
    """For each output along an axis, the rows of the image that it depends on."""
    starts = range(0, size, ROWS_AT_ONCE)
    parts = [torch.arange(start, min(start + ROWS_AT_ONCE, size), device=device) for start in starts]
    touched = torch.cat([_touched(network, layer, part, size, axis, run) for part in parts])
    spans = []
    for column in touched.T:
        places = column.nonzero().flatten().tolist()
        spans.append((places[0], places[-1] + 1) if places else (0, 0))
    return tuple(spans)


def _touched(network: nn.Module, layer: nn.Module, rows: Tensor, size: int, axis: int, run: int) -> Tensor:
    """Which outputs along an axis become NaN when a row of the image is NaN: [rows, length]."""
    x = torch.zeros(len(rows), 3, size, size, device=rows.device)
    for place, row in enumerate(rows.tolist()):
        x[place].select(axis - 1, row).fill_(float("nan"))
    output = stopped_after(network, layer, x, run=run)
    return output.isnan().any(1).any(4 - axis).cpu()


def _extended(read: tuple[Span, ...], size: int) -> tuple[Span, ...]:
    """Spans of equal size that reach beyond the image, from those that do not touch its edges; else as they are.

    Where the spans are not equally far apart, as after an enlargement of the maps, they stay as they are.
    """
    inner = [(place, span) for place, span in enumerate(read) if span[0] > 0 and span[1] < size]
    lengths = {b - a for _, (a, b) in inner}
    steps = {(b[0] - a[0]) / (after - before) for (before, a), (after, b) in pairwise(inner)}
    if len(lengths) != 1 or len(steps) != 1:
        return read
    (place, (start, _)), step, length = inner[0], round(steps.pop()), lengths.pop()
    starts = [start + (number - place) * step for number in range(len(read))]
    return tuple((min(a, first), max(a + length, end)) for a, (first, end) in zip(starts, read, strict=True))
