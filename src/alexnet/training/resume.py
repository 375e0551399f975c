"""What resuming needs: saved whole, manifest last, found again by the manifest."""

import contextlib
import json
import math
from dataclasses import asdict, dataclass, field

import safetensors.torch
from safetensors import SafetensorError

from alexnet.errors import RunError
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import write_tensors
from alexnet.run_folder import RunFolder
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Plateau

__all__ = ["Position", "discard_state", "load_state", "save_state"]


@dataclass
class Position:
    """How far a training is. step: updates done. Sums run over the current epoch; seconds over all of it.

    best: (top-1 error, loss) of the chosen checkpoint, None before the first. plateau: what schedule `plateau`
    remembers.
    """

    step: int = 0
    num_seen: int = 0
    loss_sum: float = 0.0
    num_wrong: int = 0
    late_loss_sum: float = 0.0
    num_late: int = 0
    step_seconds: float = 0.0
    seconds: float = 0.0
    best: tuple[float, float] | None = None
    plateau: Plateau = field(default_factory=Plateau)

    def start_epoch(self) -> None:
        """Set the epoch's sums to zero."""
        self.num_seen = self.num_wrong = self.num_late = 0
        self.loss_sum = self.late_loss_sum = self.step_seconds = 0.0


def save_state(run: RunFolder, network: AlexNet, optimizers: Optimizers, position: Position) -> None:
    """Write the state: tensors under a name of their own, then the manifest that points to them.

    Raises:
        RunError: the disk is full, or the folder cannot be written; the state before it is kept.
    """
    name = f"step-{position.step:07d}.safetensors"
    tensors = {f"model.{key}": value for key, value in network.state_dict().items()}
    tensors |= {f"optimizer.{key}": value for key, value in optimizers.state_tensors().items()}
    write_tensors(run, f"state/{name}", tensors)
    values = asdict(position)
    values["plateau"]["best"] = None if math.isinf(position.plateau.best) else position.plateau.best
    run.write_json("state/state.json", {"tensors": name, **values})
    for old in run.state_dir.glob("step-*.safetensors"):
        if old.name != name:
            with contextlib.suppress(OSError):
                old.unlink()


def load_state(run: RunFolder, network: AlexNet, optimizers: Optimizers) -> Position | None:
    """Put the saved state back; None where none was saved yet.

    Raises:
        RunError: the state is damaged, or belongs to another network.
    """
    path = run.state_manifest
    if not run.holds_state:
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        tensors = safetensors.torch.load_file(run.state_dir / values.pop("tensors"))
        model = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        network.load_state_dict(model)
        rest = {k.removeprefix("optimizer."): v for k, v in tensors.items() if k.startswith("optimizer.")}
        optimizers.load_state_tensors(rest)
        best, plateau = values.pop("best"), values.pop("plateau")
        remembered = Plateau(**(plateau | {"best": math.inf if plateau["best"] is None else plateau["best"]}))
        position = Position(**values, best=tuple(best) if best else None, plateau=remembered)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        message = " ".join(str(error).split())[:160]
        raise RunError(f"{path}: the saved state is damaged ({message}); train anew in another --out") from error
    return position


def discard_state(run: RunFolder) -> None:
    """Remove the state of a finished run: it is three times the size of the model."""
    for path in (run.state_manifest, *run.state_dir.glob("*")):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run.state_dir.rmdir()
