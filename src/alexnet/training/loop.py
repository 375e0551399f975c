"""The training loop, read downward."""

import math
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from alexnet.data.batches import Shuffled, training_batches
from alexnet.errors import RunError
from alexnet.evaluation.evaluate import HeldOutScore, measure
from alexnet.model.checkpoint import save_network
from alexnet.records import EpochRecord, StepRecord
from alexnet.run_folder import RunFolder
from alexnet.training.events import Ended, Listener, Note, Stepped, Warned
from alexnet.training.job import Job
from alexnet.training.optimizer import Optimizers
from alexnet.training.recipe_check import explain
from alexnet.training.resume import Position, load_state, save_state
from alexnet.training.schedule import Rates
from alexnet.training.step import Outcome, TrainingStep

__all__ = ["fit"]

SAVE_SECONDS = 30.0
"""A state younger than this is not written again at the end of an epoch."""

STALLED = 0.98
"""Share of the loss of blind guessing above which the later half of an epoch counts as having learned nothing."""

STEPS_BEHIND = {"cuda": 1}
"""Steps launched beyond the one whose numbers are read: a GPU has its next work before it is waited for."""


def fit(job: Job, run: RunFolder, emit: Listener) -> Position:
    """Train from the saved state, or from the start, to the end; the best network is saved as it appears.

    Raises:
        KeyboardInterrupt: the user interrupted; the state is saved.
        RunError: the loss is not finite, or the run folder cannot be written.
    """
    recipe, network, device = job.recipe, job.classifier.network, job.machine.device
    optimizers = Optimizers(network, recipe, dtype=job.machine.dtype)
    position = load_state(run, network, optimizers) or Position()
    run.cut_records("steps.csv", StepRecord, position.step)
    run.cut_records("epochs.csv", EpochRecord, position.step)
    take_step, ledger = TrainingStep(job, optimizers, emit), _Ledger(job, run, position, emit)
    order = Shuffled(len(job.split.train), job.batch_size, recipe.seed)
    batches = training_batches(job.pixels, job.split.train, order, device, num_steps=job.num_steps)
    saved = time.perf_counter()
    network.train()
    with _signals_noted() as interrupted, batches as batch_at:
        for step in range(position.step, job.num_steps):
            began = time.perf_counter()
            rates = job.rates(step, num_drops=position.plateau.num_drops)
            outcome = take_step(step, *batch_at(step), rates)
            ledger.add(_Taken(rates, began, outcome))
            if (step + 1) % job.steps_per_epoch == 0:
                ledger.catch_up()
                ended = _end_epoch(job, run, position, rates, outcome.size, ledger.started)
                emit(ended)
                _warn_if_stalled(job, position, emit)
                _drop_on_plateau(job, position, ended, emit)
                position.start_epoch()
                if time.perf_counter() - saved > SAVE_SECONDS and position.step < job.num_steps:
                    save_state(run, network, optimizers, position)
                    saved = time.perf_counter()
            if interrupted.is_set():
                break
        ledger.catch_up()
        if interrupted.is_set() or time.perf_counter() - ledger.started > SAVE_SECONDS:  # the final test may be, too
            save_state(run, network, optimizers, position)
        if interrupted.is_set():
            raise KeyboardInterrupt
    return position


@dataclass(frozen=True)
class _Taken:
    """A step that was taken, at these rates, from this second on; its numbers may still be on their way."""

    rates: Rates
    began: float
    outcome: Outcome


class _Ledger:
    """Counts steps and writes them down in their order, each when its numbers are there.

    The position is that of the steps written down: after `catch_up` also that of the weights. started: the second in
    which the training would have begun, had it never been interrupted.
    """

    def __init__(self, job: Job, run: RunFolder, position: Position, emit: Listener) -> None:
        self._job, self._run, self._position, self._emit = job, run, position, emit
        self._waiting: deque[_Taken] = deque()
        self._last_read = 0.0
        self.started = time.perf_counter() - position.seconds

    def add(self, taken: _Taken) -> None:
        """Take a step up, and write down those that the device is through with."""
        self._waiting.append(taken)
        self._write_all_but(STEPS_BEHIND.get(self._job.machine.device.type, 0))

    def catch_up(self) -> None:
        """Wait for the device and write down every step."""
        self._write_all_but(0)

    def _write_all_but(self, num_left: int) -> None:
        while len(self._waiting) > num_left:
            taken, position = self._waiting.popleft(), self._position
            record = _count(self._job, position, taken)
            read = time.perf_counter()
            position.step_seconds += read - max(taken.began, self._last_read)
            position.seconds, self._last_read = read - self.started, read
            self._run.append_records("steps.csv", [record])
            self._emit(_progress(self._job, position, record))


def _count(job: Job, position: Position, taken: _Taken) -> StepRecord:
    """Add a step to the epoch's sums.

    Raises:
        RunError: the loss is not finite.
    """
    (value, wrong), count = taken.outcome.read(), taken.outcome.count
    epoch, place = divmod(position.step, job.steps_per_epoch)
    rate = taken.rates.main * job.recipe.learning_rate
    position.step += 1
    if not math.isfinite(value):
        raise RunError(
            f"step {position.step}: the loss is not finite; the learning rate {rate:.3g} is the likely cause: "
            "start again with a tenth of it, in another --out"
        )
    position.num_seen += count
    position.loss_sum += value * count
    position.num_wrong += wrong
    if place >= job.steps_per_epoch // 2:
        position.late_loss_sum += value * count
        position.num_late += count
    return StepRecord(position.step, epoch + 1, rate, value, wrong / count)


def _progress(job: Job, position: Position, record: StepRecord) -> Stepped:
    per_step = position.seconds / position.step
    speed = position.num_seen / position.step_seconds if position.step_seconds else 0.0
    return Stepped(record, job.num_steps, job.recipe.epochs, speed, per_step * (job.num_steps - position.step))


def _end_epoch(job: Job, run: RunFolder, position: Position, rates: Rates, size: int, started: float) -> Ended:
    """Measure the network on the held-out images, keep it if it is the best so far, and write it down."""

    def score(name: str) -> HeldOutScore | None:
        return measure(
            job.classifier.network,
            job.pixels,
            getattr(job.split, name),
            job.classifier.preprocessing,
            device=job.machine.device,
        )

    validation, test = score("validation"), score("test")
    position.seconds = time.perf_counter() - started
    epoch = position.step // job.steps_per_epoch  # from 1: this one is done
    record = EpochRecord(
        epoch=epoch,
        step=position.step,
        train_loss=position.loss_sum / position.num_seen,
        train_top1_error=position.num_wrong / position.num_seen,
        validation_loss=validation.loss if validation else None,
        validation_top1_error=validation.top1_error if validation else None,
        test_loss=test.loss if test else None,
        test_top1_error=test.top1_error if test else None,
        test_top5_error=test.top5_error if test else None,
        learning_rate=rates.main * job.recipe.learning_rate,
        size=size,
        seconds=position.seconds,
        images_per_second=position.num_seen / position.step_seconds,
    )
    rank = (validation.top1_error, validation.loss) if validation else (0.0, 0.0)
    is_best = position.best is None or rank <= position.best  # without validation the last epoch is kept
    if is_best:
        position.best = rank
        save_network(run, job.classifier, epoch=epoch)
    run.append_records("epochs.csv", [record])
    return Ended(record, job.recipe.epochs, is_best)


def _drop_on_plateau(job: Job, position: Position, ended: Ended, emit: Listener) -> None:
    """With schedule `plateau`, lower the rate when the validation error has stopped improving."""
    error, recipe = ended.record.validation_top1_error, job.recipe
    if recipe.schedule == "plateau" and error is not None and position.plateau.update(error, recipe):
        rate = recipe.learning_rate * recipe.step_factor**position.plateau.num_drops
        emit(Note(f"no better validation error for {recipe.plateau_epochs} epochs: the rate drops to {rate:.3g}"))


def _warn_if_stalled(job: Job, position: Position, emit: Listener) -> None:
    """Name a loss that sits at that of blind guessing, and what keeps it there."""
    chance, late = job.guessing_loss, position.late_loss_sum / max(1, position.num_late)
    if late < STALLED * chance:
        return
    classes = len(job.split.classes)
    said = f"the loss sits at {late:.3f}, that of blind guessing (ln {classes} = {math.log(classes):.3f})"
    emit(Warned(f"{said}: {explain(job, position.step, num_drops=position.plateau.num_drops)}"))


@contextmanager
def _signals_noted() -> Iterator[threading.Event]:
    """Ctrl-C and termination are noted, not raised, so that no step is torn; a second one raises at once."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        if noted.is_set():
            raise KeyboardInterrupt
        noted.set()

    kept = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noted
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
