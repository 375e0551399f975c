"""The ledger of a training: every step and epoch, counted and written to the run folder in order."""

import math
import time
from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.errors import RunError
from alexnet.evaluation.evaluate import HeldOutScore
from alexnet.records import EpochRecord, StepRecord
from alexnet.run_folder import RunFolder
from alexnet.training.events import Ended, Listener, Note, Stepped, Warned
from alexnet.training.job import Job
from alexnet.training.recipe_check import explain
from alexnet.training.resume import TrainingState
from alexnet.training.schedule import Rates

__all__ = ["Ledger"]

STALLED = 0.98
"""A plateau is reported where the loss of an epoch's second half is above this fraction of the loss of guessing, both
less the loss that label smoothing leaves even to a perfect network."""

DIVERGED = 1.1
"""Above this multiple of the loss of guessing, the loss is too high rather than stuck."""

STEPS_BEHIND = {"cuda": 1}
"""Steps by which the ledger lags behind, by device: a GPU gets its next step before the last one's loss is read."""


@dataclass(frozen=True)
class _Step:
    """A step that was launched; `values` holds its loss and its number of wrong images once the device is done."""

    step: int
    rates: Rates
    started: float
    values: Tensor
    copied: torch.cuda.Event | None

    def read(self) -> tuple[float, int]:
        """Wait for the device; loss in nats and number of wrong images."""
        if self.copied is not None:
            self.copied.synchronize()
        loss, wrong = self.values.tolist()
        return loss, int(wrong)


class Ledger:
    """Counts the steps of a training and writes them down, each as soon as its loss can be read.

    `state` describes the steps that are written down; after `catch_up` that is every step taken.

    Args:
        run: the run folder; None in a process that only counts.
    """

    def __init__(self, job: Job, run: RunFolder | None, state: TrainingState, emit: Listener) -> None:
        self._job, self._run, self._state, self._emit = job, run, state, emit
        self._pending: deque[_Step] = deque()
        self._training_started = time.perf_counter() - state.seconds  # as if it had never been interrupted
        self._step_started = self._last_read = 0.0
        if run:
            run.cut_records("steps.csv", StepRecord, state.step)  # what a killed process wrote after its last save
            run.cut_records("epochs.csv", EpochRecord, state.step)

    def start_step(self) -> None:
        """Start the clock of the next step."""
        self._step_started = time.perf_counter()

    def record(self, step: int, rates: Rates, loss: Tensor, wrong: Tensor) -> None:
        """Enter a step; on a GPU its numbers are copied in the background and written down one step later."""
        values, copied = torch.stack((loss, wrong.to(loss.dtype))), None
        if values.is_cuda:
            pinned = torch.empty(2, dtype=values.dtype, pin_memory=True)
            pinned.copy_(values, non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record(torch.cuda.current_stream(values.device))
            values = pinned
        self._pending.append(_Step(step, rates, self._step_started, values, copied))
        self._write_all_but(STEPS_BEHIND.get(self._job.machine.device.type, 0))

    def catch_up(self) -> None:
        """Wait for the device and write down every step."""
        self._write_all_but(0)

    def end_epoch(
        self, step: int, rates: Rates, validation: HeldOutScore | None, test: HeldOutScore | None, *, is_kept: bool
    ) -> None:
        """Write down an epoch with its held-out scores, warn of a plateau, and start the next epoch's sums."""
        job, state = self._job, self._state
        state.seconds = time.perf_counter() - self._training_started
        record = EpochRecord(
            epoch=job.epoch_of(step),
            step=state.step,
            train_loss=state.loss_sum / state.num_seen,
            train_top1_error=state.num_wrong / state.num_seen,
            validation_loss=validation.loss if validation else None,
            validation_top1_error=validation.top1_error if validation else None,
            test_loss=test.loss if test else None,
            test_top1_error=test.top1_error if test else None,
            test_top5_error=test.top5_error if test else None,
            learning_rate=rates.main * job.recipe.learning_rate,
            size=job.image_size(step),
            seconds=state.seconds,
            images_per_second=state.num_seen / state.step_seconds,
        )
        self._append("epochs.csv", record)
        self._emit(Ended(record, job.recipe.epochs, is_kept))
        self._warn_if_stalled()
        self._drop_on_plateau(validation)
        state.start_epoch()

    def _append(self, name: str, record: StepRecord | EpochRecord) -> None:
        if self._run:
            self._run.append_records(name, [record])  # type: ignore[arg-type]

    def _write_all_but(self, num_left: int) -> None:
        state = self._state
        while len(self._pending) > num_left:
            pending = self._pending.popleft()
            record = self._count(pending)
            now = time.perf_counter()
            state.step_seconds += now - max(pending.started, self._last_read)
            state.seconds, self._last_read = now - self._training_started, now
            self._append("steps.csv", record)
            self._emit(self._progress(record))

    def _count(self, pending: _Step) -> StepRecord:
        """Add a step to the sums of its epoch.

        Raises:
            RunError: the loss is not finite.
        """
        job, state, count = self._job, self._state, self._job.batch_size
        loss, wrong = pending.read()
        rate = pending.rates.main * job.recipe.learning_rate
        state.step = pending.step + 1
        if not math.isfinite(loss):
            raise self._not_finite(pending.step, rate)
        state.num_seen += count
        state.loss_sum += loss * count
        state.num_wrong += wrong
        if pending.step % job.steps_per_epoch >= job.steps_per_epoch // 2:
            state.late_loss_sum += loss * count
            state.num_late += count
        return StepRecord(
            step=state.step,
            epoch=job.epoch_of(pending.step),
            learning_rate=rate,
            loss=loss,
            top1_error=wrong / count,
        )

    def _not_finite(self, step: int, rate: float) -> RunError:
        """What is said of a loss that is not finite; the images of its batch are listed in the run folder."""
        rows, listed = [(file.entry.name, file.class_name) for file in self._job.files_of(step)], ""
        if rows and self._run:
            name = f"batch-{step + 1:09d}.csv"
            self._run.write_table(name, ["file", "class"], rows)
            listed = f"; {name} in the run folder lists the step's images"
        return RunError(
            f"step {step + 1}: the loss is not finite; the learning rate ({rate:.3g}) is probably too high: "
            f"train again with a tenth of it and another --out{listed}"
        )

    def _progress(self, record: StepRecord) -> Stepped:
        job, state = self._job, self._state
        seconds_per_step = state.seconds / state.step
        speed = state.num_seen / state.step_seconds if state.step_seconds else 0.0
        return Stepped(
            record, job.num_steps, job.recipe.epochs, speed, seconds_per_step * (job.num_steps - state.step)
        )

    def _warn_if_stalled(self) -> None:
        """Warn of a loss that is no lower than that of guessing, and say what keeps it there."""
        job, state = self._job, self._state
        late = state.late_loss_sum / max(1, state.num_late)
        of_guessing = (late - job.lowest_loss) / (job.guessing_loss - job.lowest_loss)
        if of_guessing < STALLED or state.step < job.recipe.warmup * job.num_steps:  # the rate still rises
            return
        comparison = "is above" if of_guessing > DIVERGED else "is stuck at"
        cause = explain(job, state.step, num_drops=state.plateau.num_drops)
        self._emit(Warned(f"the loss ({late:.3f}) {comparison} that of guessing, {job.guessing_formula}: {cause}"))

    def _drop_on_plateau(self, validation: HeldOutScore | None) -> None:
        """With schedule `plateau`, lower the learning rate when the validation error has stopped improving."""
        recipe, plateau = self._job.recipe, self._state.plateau
        if recipe.schedule != "plateau" or validation is None or not plateau.update(validation.top1_error, recipe):
            return
        rate = recipe.learning_rate * recipe.step_factor**plateau.num_drops
        self._emit(
            Note(f"no better validation error for {recipe.plateau_epochs} epochs: new learning rate {rate:.3g}")
        )
