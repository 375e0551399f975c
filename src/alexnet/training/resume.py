"""The state that a training resumes from: saved whole, with checksums, the last two kept."""

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

import safetensors.torch
import torch
from pydantic import Field, TypeAdapter, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from alexnet.errors import RunError
from alexnet.evaluation.evaluate import HeldOutScore
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import write_tensors
from alexnet.run_folder import RunFolder
from alexnet.training.events import Listener, Warned
from alexnet.training.optimizer import Optimizers
from alexnet.training.processes import Processes
from alexnet.training.schedule import Plateau

__all__ = ["Saver", "TrainingState", "discard_state", "load_state", "share_state"]

NUM_KEPT = 2
"""Saved states that are kept: should the newest be damaged, the one before serves."""

LARGEST_COST = 0.02
"""Fraction of the training time that saving may take; where a save is slow, it is done less often."""

WORTHWHILE_SECONDS = 30.0
"""A training of fewer seconds is not saved before its final test: it is quicker to train again."""

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Loss = Annotated[float, Field(allow_inf_nan=False)]


@dataclass
class TrainingState:
    """How far a training has come.

    Args:
        step: updates done.
        num_seen: images seen in the current epoch; the sums of loss and mistakes run over them.
        late_loss_sum: the same in the second half of the epoch, over `num_late` images.
        step_seconds: time spent in steps of the current epoch.
        seconds: time spent in all, without interruptions.
        lowest_error: lowest top-1 error on the validation images so far, a fraction; None before the first.
        plateau: what schedule `plateau` has seen.
    """

    step: Count = 0
    num_seen: Count = 0
    loss_sum: Loss = 0.0
    num_wrong: Count = 0
    late_loss_sum: Loss = 0.0
    num_late: Count = 0
    step_seconds: Seconds = 0.0
    seconds: Seconds = 0.0
    lowest_error: Annotated[float, Field(ge=0, le=1)] | None = None
    plateau: Plateau = field(default_factory=Plateau)

    def start_epoch(self) -> None:
        """Set the sums of the epoch to zero."""
        self.num_seen = self.num_wrong = self.num_late = 0
        self.loss_sum = self.late_loss_sum = self.step_seconds = 0.0

    def keeps(self, validation: HeldOutScore | None, num_images: int) -> bool:
        """Whether the present network replaces the one kept before it; without validation images, always.

        It does if its error on the `num_images` validation images is at most one standard error above the lowest so
        far: fewer mistakes than that are chance, and a later network has seen more (Breiman et al. 1984, section
        3.4.3: the one-standard-error rule).
        """
        if validation is None:
            return True
        lowest = min(validation.top1_error, 1.0 if self.lowest_error is None else self.lowest_error)
        self.lowest_error = lowest
        smoothed = (lowest * num_images + 1) / (num_images + 2)  # no mistake among few images is not certainty
        return validation.top1_error <= lowest + math.sqrt(smoothed * (1 - smoothed) / num_images)


class Saver:
    """Saves the state of a training from time to time: every `save_minutes` of the recipe, at most.

    Args:
        run: the run folder; None in a process that saves nothing.
    """

    def __init__(
        self, run: RunFolder | None, network: AlexNet, optimizers: Optimizers, state: TrainingState, *, minutes: float
    ) -> None:
        self._run, self._network, self._optimizers, self._state = run, network, optimizers, state
        self._interval = 60.0 * minutes
        self._saved = time.perf_counter()

    def is_due(self) -> bool:
        """Whether the last save is longer ago than the interval."""
        return time.perf_counter() - self._saved > self._interval

    def is_worthwhile(self) -> bool:
        """Whether there is enough to lose by an interrupt in the final test."""
        return self._state.seconds > WORTHWHILE_SECONDS

    def save(self) -> None:
        """Write the state; `state` must describe the present weights (see `Ledger.catch_up`).

        Raises:
            RunError: the disk is full, or the folder cannot be written; the states before it are kept.
        """
        if self._run is None:
            self._saved = time.perf_counter()  # not due again before the next interval
            return
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self._network.parameters()):
            return  # the next step's loss will not be finite: the last good state is kept
        started = time.perf_counter()
        save_state(self._run, self._network, self._optimizers, self._state)
        self._saved = time.perf_counter()
        self._interval = max(self._interval, (self._saved - started) / LARGEST_COST)


def save_state(run: RunFolder, network: AlexNet, optimizers: Optimizers, state: TrainingState) -> None:
    """Write the tensors, then the manifest that names them with their checksum, then remove older states.

    Raises:
        RunError: the disk is full, or the folder cannot be written; the states before it are kept.
    """
    name = f"step-{state.step:09d}"
    write_tensors(run, f"state/{name}.safetensors", _tensors(network, optimizers))
    values = _values(state)
    manifest = {
        "tensors": f"{name}.safetensors",
        "blake2b": _checksum(run.state_dir / f"{name}.safetensors"),
        "state": values,
        "blake2b_of_state": _text_checksum(values),
    }
    run.write_json(f"state/{name}.json", manifest)
    kept = {path.stem for path in run.state_manifests()[:NUM_KEPT]}
    for path in run.state_dir.glob("step-*"):
        if path.stem not in kept:
            with contextlib.suppress(OSError):
                path.unlink()


def _tensors(network: AlexNet, optimizers: Optimizers) -> dict[str, Tensor]:
    tensors = {f"model.{key}": value for key, value in network.state_dict().items()}
    return tensors | {f"optimizer.{key}": value for key, value in optimizers.state_tensors().items()}


def _values(state: TrainingState) -> dict[str, Any]:
    values = asdict(state)
    values["plateau"]["best"] = None if math.isinf(state.plateau.best) else state.plateau.best
    return values


def _restore(network: AlexNet, optimizers: Optimizers, tensors: dict[str, Tensor]) -> None:
    network.load_state_dict(_below("model.", tensors))
    optimizers.load_state_tensors(_below("optimizer.", tensors))


def share_state(
    processes: Processes, network: AlexNet, optimizers: Optimizers, state: TrainingState
) -> TrainingState:
    """Give the weights, what the optimizers remember, and the state of process 0 to every process.

    Raises:
        ProcessLostError: another process has ended.
    """
    if processes.count == 1:
        return state
    tensors, values = b"", b""
    if processes.is_first:
        contiguous = {name: tensor.cpu().contiguous() for name, tensor in _tensors(network, optimizers).items()}
        tensors, values = safetensors.torch.save(contiguous), json.dumps(_values(state)).encode()
    tensors, values = processes.share(tensors), processes.share(values)
    if processes.is_first:
        return state
    _restore(network, optimizers, safetensors.torch.load(tensors))
    return _read_state(json.loads(values), num_steps=sys.maxsize)


def load_state(
    run: RunFolder, network: AlexNet, optimizers: Optimizers, *, num_steps: int, emit: Listener
) -> TrainingState | None:
    """Restore the newest saved state that is whole; None where none has been saved.

    Raises:
        RunError: every saved state is damaged, or belongs to another network.
    """
    manifests = run.state_manifests()
    faults: list[str] = []
    for path in manifests:
        try:
            state = _load(path, network, optimizers, num_steps)
        except RunError as error:
            faults.append(str(error))
            continue
        for fault in faults:
            emit(Warned(f"{fault}; resuming from the state before it, step {state.step}"))
        return state
    if faults:
        raise RunError(f"{faults[0]}; no other state is left: train again with another --out")
    return None


def _load(path: Path, network: AlexNet, optimizers: Optimizers, num_steps: int) -> TrainingState:
    with _damage_named(path):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        tensors_path = path.with_name(Path(manifest["tensors"]).name)
        if _checksum(tensors_path) != manifest["blake2b"]:
            raise ValueError(f"the checksum of {tensors_path.name} does not match")
        checksum = _text_checksum(manifest["state"])
        if manifest.get("blake2b_of_state", checksum) != checksum:  # older versions wrote none
            raise ValueError("the checksum of its numbers does not match")
        state = _read_state(manifest["state"], num_steps)
        _restore(network, optimizers, safetensors.torch.load_file(tensors_path))
    return state


def _read_state(values: dict[str, Any], num_steps: int) -> TrainingState:
    plateau = dict(values["plateau"])
    plateau["best"] = math.inf if plateau["best"] is None else plateau["best"]
    state = TypeAdapter(TrainingState).validate_python({**values, "plateau": plateau})
    if state.step > num_steps:
        raise ValueError(f"step {state.step} is beyond the last one, {num_steps}")
    return state


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise RunError(f"{path}: the saved state is damaged ({place}: {fault['msg'].lower()})") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        message = " ".join(str(error).split())[:160]
        raise RunError(f"{path}: the saved state is damaged ({message})") from error


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _checksum(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _text_checksum(values: dict[str, Any]) -> str:
    return blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).hexdigest()


def discard_state(run: RunFolder) -> None:
    """Remove the saved states of a finished run; each is about three times the size of the model."""
    for path in [*run.state_manifests(), *run.state_dir.glob("*")]:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run.state_dir.rmdir()
