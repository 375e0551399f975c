"""The network after every epoch, kept where the recipe asks for it, to train on from any of them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.errors import RunError, WeightsError
from alexnet.files import is_file, is_there, shown_name
from alexnet.run_folder import RunFolder

if TYPE_CHECKING:
    from alexnet.model.checkpoint import Classifier

__all__ = ["find_epoch_network", "load_epoch_network", "run_of_weights", "save_epoch_network"]

FOLDER = "networks"
ADDRESS = re.compile(r"(?P<run>.+)@(?P<epoch>\d{1,6})")
"""RUN@EPOCH, as a recipe's `weights` names the network after an epoch."""


def save_epoch_network(run: RunFolder, classifier: "Classifier", *, epoch: int) -> None:
    """Write the weights after an epoch into the run's folder `networks`, as float32: 86 MB for `fast` at 96 px.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    from alexnet.model.checkpoint import write_tensors  # here: it loads torch, which listing the files does not need

    write_tensors(run, f"{FOLDER}/epoch-{epoch:04d}.safetensors", classifier.network.state_dict())


def load_epoch_network(run: RunFolder, epoch: int) -> "Classifier":
    """The network after an epoch that the run has kept, in eval mode.

    Raises:
        RunError: it was not kept, or its file is damaged.
    """
    import safetensors.torch
    from safetensors import SafetensorError

    from alexnet.model.checkpoint import load_network

    kept = dict(run.network_snapshots())
    if epoch not in kept:
        raise RunError(f"{run.path}: has not kept the network after epoch {epoch}; train it with keep_networks=true")
    classifier = load_network(run)
    try:
        classifier.network.load_state_dict(safetensors.torch.load_file(kept[epoch]))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise RunError(f"{shown_name(kept[epoch])}: is damaged ({' '.join(str(error).split())[:160]})") from error
    return classifier


def find_epoch_network(weights: str) -> Path | None:
    """The file that RUN@EPOCH names; None where the text names something else.

    Raises:
        WeightsError: the run has not kept that epoch.
    """
    match = ADDRESS.fullmatch(weights)
    if match is None or is_there(weights):
        return None
    try:
        kept = dict(RunFolder.open(Path(match["run"])).network_snapshots())
    except RunError:
        return None  # then it is meant as the name of a file
    epoch = int(match["epoch"])
    if epoch not in kept:
        has = (
            f"has those of epochs {', '.join(map(str, kept))}; choose one of them"
            if kept
            else f"was trained without keep_networks=true; without `@{epoch}` the one that it kept is used"
        )
        raise WeightsError(f"{shown_name(weights)}: no network of that epoch was kept; the run {has}")
    return kept[epoch]


def run_of_weights(path: Path) -> RunFolder | None:
    """The run that a weight file belongs to; None if to none."""
    folder = path.parent.parent if path.parent.name == FOLDER else path.parent
    run = RunFolder(folder)
    is_its_own = (
        path.name == run.model_path.name if folder == path.parent else path in dict(run.network_snapshots()).values()
    )
    return run if is_its_own and is_file(folder / "run.json") else None
