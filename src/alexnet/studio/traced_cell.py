"""A cell or unit of a layer written out, and what becomes of it: from one forward pass, kept for the shown image."""

from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from alexnet.errors import GeometryError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from alexnet.inspection.layer_step import LayerStep
    from alexnet.inspection.receptive_field import ReceptiveBoxes
    from alexnet.inspection.unit_terms import UnitSum
    from alexnet.runs.run import Run

__all__ = ["receptive_field", "trace_cell", "trace_unit"]

NUM_TERMS = 12
"""Units or maps that are listed of a sum."""

_kept: "WeakKeyDictionary[Run, tuple[bytes, dict[str, Tensor]]]" = WeakKeyDictionary()
_boxes: "WeakKeyDictionary[Run, dict[str, ReceptiveBoxes]]" = WeakKeyDictionary()


def trace_cell(
    run: "Run", pixels: "np.ndarray", layer: str, number: int, row: int, column: int
) -> tuple["LayerStep", list[dict[str, Any]]]:
    """An output of a layer, and for each layer without weights that follows, what it makes of it.

    Args:
        pixels: uint8 [S, S, 3], the image as the network gets it.
        number, row, column: of the output.

    Raises:
        GeometryError: there is no such layer or output, or it cannot be traced.
    """
    outputs = _outputs(run, pixels)
    return _step(run, outputs, layer, number, row, column), _after(run, outputs, layer, number, row, column)


def trace_unit(
    run: "Run", pixels: "np.ndarray", layer: str, number: int
) -> tuple["UnitSum", "LayerStep", list[dict[str, Any]]]:
    """A unit of a fully connected layer as a sum and written out, and what the layers without weights make of it.

    Args:
        pixels: uint8 [S, S, 3], the image as the network gets it.
        number: of the unit.

    Raises:
        GeometryError: there is no such layer or unit, or the layer is not fully connected.
    """
    from alexnet.inspection.network_layers import read_layer
    from alexnet.inspection.unit_terms import sum_up

    outputs = _outputs(run, pixels)
    step = _step(run, outputs, layer, number, 0, 0)
    source = read_layer(run.model.network, layer) or ""
    unit = sum_up(step, source, is_maps=outputs[source].ndim == 3, most=NUM_TERMS)
    return unit, step, _after(run, outputs, layer, number, 0, 0)


def _after(
    run: "Run", outputs: "dict[str, Tensor]", layer: str, number: int, row: int, column: int
) -> list[dict[str, Any]]:
    """For each layer without weights that follows, what it makes of an output."""
    from torch import nn

    names = list(run.model.network.layer_names)
    after: list[dict[str, Any]] = []
    before = layer
    for name in names[names.index(layer) + 1 :]:
        module = run.model.network[name]
        if isinstance(module, nn.Conv2d | nn.Linear) or outputs[name].ndim != outputs[layer].ndim:
            break
        if not isinstance(module, nn.Dropout):  # in testing it changes nothing
            after.append(_following(run, outputs, name, before, number, row, column))
            row, column = after[-1]["place"]
        before = name
    return after


def receptive_field(run: "Run", layer: str, place: tuple[int, int]) -> list[int]:
    """The receptive field of an output in px of the image: first row and column, and those after the last."""
    from alexnet.inspection.receptive_field import receptive_boxes

    known = _boxes.setdefault(run, {})
    if layer not in known:
        known[layer] = receptive_boxes(run.model.network, layer, run.model.preprocessing.size)
    boxes = known[layer]
    box = boxes.box(place[0] * len(boxes.columns) + place[1])
    return [box.rows[0], box.columns[0], box.rows[1], box.columns[1]]


def _outputs(run: "Run", pixels: "np.ndarray") -> "dict[str, Tensor]":
    """The output of every layer, [C, H, W] or [features], and at "" what the first one gets; of the last image."""
    from alexnet.inspection.network_layers import network_input
    from alexnet.inspection.recording import recorded

    key = blake2b(pixels.tobytes()).digest()
    if run not in _kept or _kept[run][0] != key:
        network = run.model.network
        x = network_input(run.model, pixels[None])
        with recorded(network, network.layer_names) as outputs:
            network(x)
            outputs[""] = network.first_input(x)
        _kept[run] = key, {name: values[0].cpu() for name, values in outputs.items()}
    return _kept[run][1]


def _step(run: "Run", outputs: "dict[str, Tensor]", layer: str, number: int, row: int, column: int) -> "LayerStep":
    from alexnet.inspection.layer_trace import trace_recorded

    return trace_recorded(run.model.network, outputs, layer, map=number, row=row, column=column)


def _following(
    run: "Run", outputs: "dict[str, Tensor]", name: str, before: str, number: int, row: int, column: int
) -> dict[str, Any]:
    """What a layer without weights makes of an output: activation, normalization, or the pooling window around it."""
    from torch import nn

    module, values = run.model.network[name], outputs[name]
    if isinstance(module, nn.MaxPool2d):
        stride, taps = int(module.stride), int(module.kernel_size)  # type: ignore[arg-type]
        height, width = values.shape[-2:]
        row, column = (min(max(0, (at - taps // 2 + stride // 2) // stride), most - 1)
                       for at, most in ((row, height), (column, width)))  # fmt: skip
    elif isinstance(module, nn.AdaptiveAvgPool2d):
        row, column = (at * most // length for at, most, length in
                       zip((row, column), values.shape[-2:], outputs[before].shape[-2:], strict=True))  # fmt: skip
    at = number if values.ndim == 1 else (number, row, column)
    try:
        step = _step(run, outputs, name, number, row, column)
    except GeometryError:  # nothing to trace: an output follows from one input
        kind, form = _elementwise(module)
        before_value, value = float(outputs[before][at]), float(values[at])
        equation = f"{form.format(f'{before_value:.4g}')} = {value:.6g}"
        return {"layer": name, "kind": kind, "place": [row, column], "value": value, "equation": equation}
    return {
        "layer": name, "kind": step.kind, "place": list(step.place), "value": step.layer_value,
        "equation": step.equation,
    }  # fmt: skip


def _elementwise(module: "nn.Module") -> tuple[str, str]:
    """Kind of a layer that computes each output from one input, and its formula with a place for the input."""
    from torch import nn

    from alexnet.layers.dropout import ClassicDropout

    if isinstance(module, ClassicDropout):
        return "dropout, in testing", f"{1.0 - module.rate:g} × {{}}"
    if isinstance(module, nn.ReLU):
        return "activation", "max(0, {})"
    return "activation", f"{type(module).__name__}({{}})"
