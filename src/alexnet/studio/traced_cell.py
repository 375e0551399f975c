"""One cell of a layer written out, and what becomes of it: from one forward pass, kept for the shown image."""

from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from alexnet.errors import GeometryError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from alexnet.inspection.layer_trace import LayerStep
    from alexnet.inspection.receptive_field import ReceptiveBoxes
    from alexnet.runs.run import Run

__all__ = ["receptive_field", "trace_cell"]

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
    names = list(run.model.network.layer_names)
    step = _step(run, outputs, layer, number, row, column)
    after: list[dict[str, Any]] = []
    for name in names[names.index(layer) + 1 :]:
        following = _following(run, outputs, name, number, row, column)
        if following is None:
            break
        after.append(following)
        row, column = following["place"]
    return step, after


def receptive_field(run: "Run", layer: str, place: tuple[int, int]) -> list[int]:
    """The receptive field of an output in px of the image: first row and column, and those behind the last."""
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
    from alexnet.inspection.layer_trace import trace_module

    names = list(run.model.network.layer_names)
    module = run.model.network[layer]  # raises where there is none
    before = names[names.index(layer) - 1] if names.index(layer) else ""
    return trace_module(module, outputs[before], outputs[layer], layer, map=number, row=row, column=column)


def _following(
    run: "Run", outputs: "dict[str, Tensor]", name: str, number: int, row: int, column: int
) -> dict[str, Any] | None:
    """What a layer without weights makes of an output: activation, normalization, or the pooling window around it."""
    from torch import nn

    module = run.model.network[name]
    if isinstance(module, nn.Conv2d | nn.Linear | nn.Dropout) or outputs[name].ndim != 3:
        return None
    if isinstance(module, nn.MaxPool2d):
        stride, taps = int(module.stride), int(module.kernel_size)  # type: ignore[arg-type]
        height, width = outputs[name].shape[-2:]
        row, column = (min(max(0, (at - taps // 2 + stride // 2) // stride), most - 1)
                       for at, most in ((row, height), (column, width)))  # fmt: skip
    try:
        step = _step(run, outputs, name, number, row, column)
    except GeometryError:  # an activation: nothing to trace, only a value
        value = float(outputs[name][number, row, column])
        return {"layer": name, "kind": "activation", "place": [row, column], "value": value,
                "equation": f"max(0, x) = {value:.6g}"}  # fmt: skip
    return {
        "layer": name, "kind": step.kind, "place": list(step.place), "value": step.layer_value,
        "equation": step.equation,
    }  # fmt: skip
