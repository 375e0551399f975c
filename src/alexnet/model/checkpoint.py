"""A trained network on disk: weights as safetensors, and beside them everything that is needed to use them."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from alexnet.errors import AlexNetError, RunError
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import get_variant
from alexnet.records import ModelInfo, Preprocessing
from alexnet.run_folder import RunFolder

__all__ = ["Classifier", "load_network", "save_network", "write_tensors"]


def write_tensors(
    run: RunFolder,
    name: str,
    tensors: Mapping[str, Tensor],
    *,
    before_rename: Callable[[Path], object] = lambda _: None,
) -> None:
    """Write tensors into a file of the run, whole.

    Args:
        before_rename: called with the finished file before it gets its name.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """

    def write(beside: Path) -> None:
        try:
            beside.touch()  # with the permissions of the user's other files
            mode = beside.stat().st_mode
            safetensors.torch.save_file({key: value.contiguous() for key, value in tensors.items()}, beside)
            beside.chmod(mode)
        except SafetensorError as error:  # its message is all that is left of the system's error
            number = re.search(r"os error (\d+)", str(error))
            code = int(number.group(1)) if number else 0
            raise OSError(code, os.strerror(code) if code else str(error)) from error
        before_rename(beside)

    run.write(name, write)


class Classifier:
    """A network with its classes, its preprocessing, and the views that its tests average.

    The network may be trained or not, in training mode or not: whatever evaluates it switches it to eval mode and
    back. It is an `AlexNet`, or for looking inside any module that gives logits; see `wrap_network`.
    """

    network: AlexNet

    def __init__(
        self, network: nn.Module, classes: tuple[str, ...], preprocessing: Preprocessing, *, views: str = "centre"
    ) -> None:
        self.network = cast(AlexNet, network)
        self.classes, self.preprocessing = classes, preprocessing
        self.views = views

    def __repr__(self) -> str:
        name = self.network.spec.name if hasattr(self.network, "spec") else type(self.network).__name__
        return f"Classifier({name}, {len(self.classes)} classes, {self.preprocessing.size} px)"


def save_network(run: RunFolder, classifier: Classifier, *, epoch: int) -> None:
    """Write model.safetensors and model.json, each whole, so that the two always belong together.

    model.json is written first and has the checksums of the new weights and of those that they replace: whatever a
    crash leaves of the weights is known.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    network = classifier.network
    tensors = network.state_dict()
    previous = run.checksum(run.model_path.name) if run.model_path.is_file() else None

    def write_info(weights: Path) -> None:
        info = ModelInfo(
            variant=network.spec.name,
            switches=dict(network.spec.switches),
            classes=classifier.classes,
            dropout=network.dropout,
            preprocessing=classifier.preprocessing,
            test_views=classifier.views,
            epoch=epoch,
            layers={name: tuple(tensor.shape) for name, tensor in tensors.items()},
            checksum=run.checksum(weights.name),
            previous_checksum=previous,
        )
        run.write_model_info(info)

    write_tensors(run, run.model_path.name, tensors, before_rename=write_info)


def load_network(run: RunFolder) -> Classifier:
    """The network of a run, in eval mode.

    Raises:
        RunError: the run holds no model yet, or its files are damaged.
    """
    _ = run.about  # raises if another version of this program wrote the run
    info = run.model_info
    path: Path = run.model_path
    if run.checksum(path.name) not in (info.checksum, info.previous_checksum):
        raise RunError(f"{path}: is damaged (its checksum is not that in model.json); train again")
    try:
        spec = get_variant(info.variant, **info.switches)
        tensors = safetensors.torch.load_file(path)
        with torch.device("meta"):
            network = AlexNet(
                spec,
                size=info.preprocessing.size,
                num_classes=len(info.classes),
                dropout=info.dropout,
            )
        network.load_state_dict(tensors, assign=True)
    except (AlexNetError, OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        message = " ".join(str(error).split())[:160]
        raise RunError(f"{path}: is missing or damaged ({message}); train again") from error
    return Classifier(network.eval(), info.classes, info.preprocessing, views=info.test_views)
