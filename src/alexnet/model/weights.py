"""Weights from elsewhere: read, matched to the layers by name and shape, and reported."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from alexnet.errors import WeightsError
from alexnet.model.alexnet import AlexNet
from alexnet.model.specs import Conv, NetworkSpec
from alexnet.model.variants import VARIANTS
from alexnet.records import Record

__all__ = ["LoadReport", "fitting_variant", "layer_weights", "load_weights", "read_weights"]

ENDINGS = (".pth", ".pt", ".safetensors", ".npz")
DAMAGED = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, TypeError, AttributeError,
    SafetensorError, zipfile.BadZipFile,
)  # fmt: skip
"""What reading a damaged weight file raises."""

LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class LoadReport(Record):
    """What loading did. loaded: layers whose weights were taken. left: layer → why it keeps its start values."""

    source: str
    loaded: tuple[str, ...]
    left: dict[str, str]

    def __str__(self) -> str:
        """One line for people."""
        left = "".join(f"; {name} starts anew: {reason}" for name, reason in self.left.items())
        return f"{self.source}: loaded {', '.join(self.loaded) or 'nothing'}{left}"


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.pth`, `.pt`, `.safetensors` or `.npz` file, by name, as float32; code in it is not run.

    Raises:
        WeightsError: the file is missing, of another kind, or damaged.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weight file; check the path")
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise WeightsError(f"{path}: is of no known kind; give a {', '.join(ENDINGS)} file or a run folder")
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise WeightsError(
                f"{path}: is a Git LFS pointer, not the weights; run `git lfs pull` where it came from"
            )
    try:
        raw = _read(path, kind)
    except DAMAGED as error:
        raise WeightsError(f"{path}: is damaged or no {kind} file ({_short(error)}); fetch it again") from error
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            raise WeightsError(f"{path}: holds more than tensors and is not loaded; save its state dict") from error
        raise WeightsError(f"{path}: is damaged or no {kind} file; fetch it again") from error
    weights = {str(k): v.detach().to("cpu", torch.float32) for k, v in raw.items() if isinstance(v, Tensor)}
    if not weights:
        raise WeightsError(f"{path}: holds no tensors; give a state dict")
    return weights


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]


def _read(path: Path, kind: str) -> Mapping[str, object]:
    if kind == ".npz":
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            numbers = {name: np.array(arrays[name]) for name in arrays.files}
            return {name: torch.from_numpy(v) for name, v in numbers.items() if v.dtype.kind in "fiu"}
    if kind == ".safetensors":
        return safetensors.torch.load_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise ValueError("no state dict")
    return content


def layer_weights(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Weights and biases by layer name: by their own names where those say `conv1` or `fc6`, else by order.

    Order means: four-dimensional weights are conv1, conv2 ... and two-dimensional ones fc6, fc7, fc8, sorted by
    the numbers in their names (`features.0`, `features.3` ...).
    """
    by_module: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, _, part = name.removeprefix("module.").rpartition(".")
        by_module.setdefault(module, {})[part] = tensor
    modules = {k: v for k, v in by_module.items() if "weight" in v and v["weight"].ndim in (2, 4)}
    ordered = sorted(
        modules, key=lambda name: [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in _parts(name)]
    )
    names: dict[str, str] = {}
    counters = {4: ("conv", 1), 2: ("fc", 6)}
    for module in sorted(ordered, key=lambda name: modules[name]["weight"].ndim, reverse=True):
        ndim = modules[module]["weight"].ndim
        prefix, number = counters[ndim]
        counters[ndim] = (prefix, number + 1)
        own = re.search(r"(conv|fc)(\d)$", module)
        names[module] = own.group(0) if own else f"{prefix}{number}"
    return {names[module]: (modules[module]["weight"], modules[module].get("bias")) for module in ordered}


def _parts(name: str) -> list[str]:
    return re.findall(r"\d+|\D+", name)


def fitting_variant(tensors: Mapping[str, Tensor]) -> NetworkSpec | None:
    """The variant whose convolutional layers have the shapes of these weights, None if none has."""
    found = layer_weights(tensors)
    for spec in VARIANTS.values():
        shapes = {row.name: row.kernel for row in spec.geometry(227, 1) if row.name.startswith("conv")}
        matches = [
            name in shapes and tuple(weight.shape) == shapes[name]
            for name, (weight, _) in found.items()
            if weight.ndim == 4
        ]
        if matches and all(matches):
            return spec
    return None


@torch.no_grad()
def load_weights(network: AlexNet, tensors: Mapping[str, Tensor], source: str) -> LoadReport:
    """Copy what fits into a network, layer by layer, and report it.

    A fully connected layer of another shape is left at its start values: another image size or number of
    classes is normal.

    Raises:
        WeightsError: a convolutional layer has another shape, which names both, or no layer fits at all.
    """
    found = layer_weights(tensors)
    loaded, left = [], {}
    for spec in network.spec.layers:
        layer = network[spec.name]
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        weight, bias = found.get(spec.name, (None, None))
        if weight is None:
            left[spec.name] = "not in the file"
        elif weight.shape != layer.weight.shape:
            shapes = f"{list(weight.shape)} in the file, {list(layer.weight.shape)} in the network"
            if isinstance(spec, Conv):
                raise WeightsError(f"{source}: {spec.name} is {shapes}; {_advice(tensors)}")
            left[spec.name] = shapes
        elif bias is not None and (layer.bias is None or bias.shape != layer.bias.shape):
            raise WeightsError(f"{source}: the bias of {spec.name} is {list(bias.shape)}; {_advice(tensors)}")
        else:
            layer.weight.copy_(weight)
            if layer.bias is not None:
                layer.bias.copy_(bias if bias is not None else torch.zeros_like(layer.bias))
            loaded.append(spec.name)
    if not loaded:
        raise WeightsError(f"{source}: no layer fits the {network.spec.name} network ({left}); {_advice(tensors)}")
    return LoadReport(source, tuple(loaded), left)


def _advice(tensors: Mapping[str, Tensor]) -> str:
    spec = fitting_variant(tensors)
    return f"choose --set variant={spec.name}" if spec else f"they fit none of {', '.join(VARIANTS)}"
