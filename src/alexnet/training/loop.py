"""The training loop, read downward."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.augment import Augmentation, augment
from alexnet.data.batches import epoch_order, gather
from alexnet.errors import RunError
from alexnet.evaluation.evaluate import HeldOutScore, measure
from alexnet.evaluation.metrics import num_wrong
from alexnet.model.checkpoint import save_network
from alexnet.records import EpochRecord, StepRecord
from alexnet.runs import RunFolder
from alexnet.training.checking import explain
from alexnet.training.events import Ended, Listener, Note, Stepped, Warned
from alexnet.training.job import Job
from alexnet.training.optimizer import Optimizers
from alexnet.training.resume import Position, load_state, save_state
from alexnet.training.schedule import picture_size, usable_sizes

__all__ = ["fit"]

SAVE_SECONDS = 30.0
"""A state younger than this is not written again at the end of an epoch."""

STALLED = 0.98
"""Share of the loss of blind guessing above which the later half of an epoch counts as having learned nothing."""


def fit(job: Job, run: RunFolder, emit: Listener) -> Position:
    """Train from the saved state, or from the start, to the end; the best network is saved as it appears.

    Raises:
        KeyboardInterrupt: the user interrupted; the state is saved.
        RunError: the loss is not finite, or the run folder cannot be written.
    """
    recipe, network, device = job.recipe, job.trained.network, job.machine.device
    optimizers = Optimizers(network, recipe)
    position = load_state(run, network, optimizers) or Position()
    run.cut_records("steps.csv", StepRecord, position.step)
    run.cut_records("epochs.csv", EpochRecord, position.step)
    sizes = usable_sizes(network.spec, recipe.start_size or recipe.size, recipe.size)
    augmentation = Augmentation.of(recipe)
    autocast = torch.autocast(device.type, job.machine.dtype, enabled=job.machine.dtype != torch.float32)
    started, saved = time.perf_counter() - position.seconds, time.perf_counter()
    network.train()
    with _signals_noted() as interrupted:
        while position.step < job.num_steps:
            epoch, place = divmod(position.step, job.steps_per_epoch)
            began = time.perf_counter()
            torch.manual_seed(2 * (recipe.seed * 1_000_003 + position.step))  # dropout
            generator = torch.Generator().manual_seed(2 * (recipe.seed * 1_000_003 + position.step) + 1)
            size = picture_size(recipe, sizes, position.step, num_steps=job.num_steps)
            rates = job.rates(position.step, num_drops=position.plateau.num_drops)

            order = epoch_order(len(job.split.train), seed=recipe.seed, epoch=epoch)
            places = order[place * job.batch_size : (place + 1) * job.batch_size]
            pictures, labels = gather(job.pixels, job.split.train, places, device)
            colors = job.colors if position.step < round(recipe.pca_until * job.num_steps) else None
            x = augment(
                pictures,
                augmentation,
                job.trained.preprocessing,
                size=size,
                generator=generator,
                colors=colors,
                mean_picture=network.mean_image,
            )
            with autocast:
                logits = network(x)
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizers.step(rates)

            position.step += 1
            record = _count(job, position, epoch, rates.main * recipe.learning_rate, loss, logits, labels)
            position.step_seconds += time.perf_counter() - began
            position.seconds = time.perf_counter() - started
            run.append_records("steps.csv", [record])
            emit(_progress(job, position, record))
            if place == job.steps_per_epoch - 1:
                ended = _end_epoch(job, run, position, epoch, size, rates.main, started)
                emit(ended)
                _warn_if_stalled(job, position, emit)
                _drop_on_plateau(job, position, ended, emit)
                position.start_epoch()
                if time.perf_counter() - saved > SAVE_SECONDS and position.step < job.num_steps:
                    save_state(run, network, optimizers, position)
                    saved = time.perf_counter()
            if interrupted.is_set():
                break
        if interrupted.is_set() or time.perf_counter() - started > SAVE_SECONDS:  # the final test may be interrupted
            save_state(run, network, optimizers, position)
        if interrupted.is_set():
            raise KeyboardInterrupt
    return position


def _count(
    job: Job, position: Position, epoch: int, rate: float, loss: Tensor, logits: Tensor, labels: Tensor
) -> StepRecord:
    """Add a step to the epoch's sums.

    Raises:
        RunError: the loss is not finite.
    """
    value, wrong, count = loss.item(), int(num_wrong(logits.detach(), labels)), len(labels)
    if not math.isfinite(value):
        raise RunError(
            f"step {position.step}: the loss is not finite; the learning rate {rate:.3g} is the likely cause: "
            "start again with a tenth of it, in another --out"
        )
    position.num_seen += count
    position.loss_sum += value * count
    position.num_wrong += wrong
    if (position.step - 1) % job.steps_per_epoch >= job.steps_per_epoch // 2:
        position.late_loss_sum += value * count
        position.num_late += count
    return StepRecord(position.step, epoch + 1, rate, value, wrong / count)


def _progress(job: Job, position: Position, record: StepRecord) -> Stepped:
    per_step = position.seconds / position.step
    speed = position.num_seen / position.step_seconds if position.step_seconds else 0.0
    return Stepped(record, job.num_steps, job.recipe.epochs, speed, per_step * (job.num_steps - position.step))


def _end_epoch(
    job: Job, run: RunFolder, position: Position, epoch: int, size: int, factor: float, started: float
) -> Ended:
    """Measure the network on the held-out pictures, keep it if it is the best so far, and write it down."""

    def score(name: str) -> HeldOutScore | None:
        return measure(
            job.trained.network,
            job.pixels,
            getattr(job.split, name),
            job.trained.preprocessing,
            device=job.machine.device,
        )

    validation, test = score("validation"), score("test")
    position.seconds = time.perf_counter() - started
    record = EpochRecord(
        epoch=epoch + 1,
        step=position.step,
        train_loss=position.loss_sum / position.num_seen,
        train_top1_error=position.num_wrong / position.num_seen,
        validation_loss=validation.loss if validation else None,
        validation_top1_error=validation.top1_error if validation else None,
        test_loss=test.loss if test else None,
        test_top1_error=test.top1_error if test else None,
        test_top5_error=test.top5_error if test else None,
        learning_rate=factor * job.recipe.learning_rate,
        size=size,
        seconds=position.seconds,
        pictures_per_second=position.num_seen / position.step_seconds,
    )
    rank = (validation.top1_error, validation.loss) if validation else (0.0, 0.0)
    is_best = position.best is None or rank <= position.best  # without validation the last epoch is kept
    if is_best:
        position.best = rank
        save_network(run, job.trained, epoch=epoch + 1)
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
