"""The training loop, read downward."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.batches import training_batches
from alexnet.data.split import Subset
from alexnet.errors import DataError, DownloadError
from alexnet.evaluation.evaluate import HeldOutScore, OnBatch, measure
from alexnet.evaluation.metrics import num_wrong
from alexnet.model.checkpoint import save_network
from alexnet.run_folder import RunFolder
from alexnet.training.cuda_graphs import ForwardBackward, replayed_on_gpu
from alexnet.training.epoch_networks import save_epoch_network
from alexnet.training.events import Listener
from alexnet.training.exchange import Exchange
from alexnet.training.interrupts import interrupts_deferred
from alexnet.training.job import Job
from alexnet.training.kernel_snapshots import save_kernel_snapshot
from alexnet.training.latest_predictions import LatestPredictions, write_latest
from alexnet.training.ledger import Ledger
from alexnet.training.optimizer import Optimizers
from alexnet.training.processes import ProcessLostError
from alexnet.training.resume import Saver, TrainingState, load_state, share_state
from alexnet.training.schedule import Rates

__all__ = ["fit"]


def fit(job: Job, run: RunFolder, emit: Listener) -> TrainingState:
    """Train from the saved state, or from the start, to the last step; the network to keep is saved as it appears.

    Each of several processes calls this; only the first one reads and writes the run folder.

    Raises:
        KeyboardInterrupt: the user interrupted; the state is saved.
        ProcessLostError: another process has ended; the state is saved.
        DataError, DownloadError: shards cannot be read any more; the state is saved.
        RunError: the loss is not finite, or the run folder cannot be written.
    """
    network, processes, device = job.network, job.processes, job.machine.device
    own_run = run if processes.is_first else None
    optimizers = Optimizers(network, job.recipe, dtype=job.machine.dtype)
    state = TrainingState()
    if own_run:
        state = load_state(own_run, network, optimizers, num_steps=job.num_steps, emit=emit) or state
    state = share_state(processes, network, optimizers, state)
    exchange = Exchange(processes, network, optimizers, step=state.step)
    ledger = Ledger(job, own_run, state, emit)
    saver = Saver(own_run, network, optimizers, state, minutes=job.recipe.save_minutes)
    compute_gradients = replayed_on_gpu(_forward_backward(job), job, first_step=state.step, emit=emit)
    if own_run and state.step == 0:
        save_kernel_snapshot(own_run, job.classifier, epoch=0)
    network.train()
    is_stopped = False
    with (
        interrupts_deferred() as interrupted,
        training_batches(job.pixels, job.split.train, job.own_order, device, num_steps=job.num_steps) as batch_at,
    ):
        for step in range(state.step, job.num_steps):
            ledger.start_step()
            with _saved_on_failure(ledger, saver):
                images, labels = batch_at(step)  # uint8 [N, S, S, 3], int64 [N]
            x = job.augment(images, step, part=job.part)  # float32 [N, 3, size, size], normalized
            job.seed_dropout(step)
            loss, wrong = compute_gradients(x, labels)
            with _saved_on_failure(ledger, saver):
                exchange.add_up(loss, wrong)
            rates = job.rates(step, num_drops=state.plateau.num_drops)
            optimizers.step(rates)  # updates the weights and clears the gradients
            exchange.finish_step()
            ledger.record(step, rates, loss, wrong)

            if (step + 1) % job.steps_per_epoch == 0:
                ledger.catch_up()
                _end_epoch(job, own_run, step, rates, state, ledger)
            with _saved_on_failure(ledger, saver):
                is_stopped = processes.any_of(interrupted.is_set())
            if is_stopped:
                break
            if saver.is_due() and step + 1 < job.num_steps:
                ledger.catch_up()
                saver.save()
        ledger.catch_up()
        is_stopped = is_stopped or interrupted.is_set()
        if is_stopped or saver.is_worthwhile():  # the final test may be interrupted, too
            saver.save()
        if is_stopped:
            raise KeyboardInterrupt
    return state


def _forward_backward(job: Job) -> ForwardBackward:
    """From a batch to its loss and number of wrong images, and its gradients; of a part, what it adds to them."""
    network, recipe, machine = job.network, job.recipe, job.machine

    def forward_backward(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(machine.device.type, machine.dtype, enabled=machine.dtype != torch.float32):
            logits = network(x)  # [N, K]
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        if job.part is not None:
            loss = loss * (len(labels) / job.batch_size)  # the sum over all parts is the batch's mean
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), num_wrong(logits.detach(), labels)

    return forward_backward


@contextmanager
def _saved_on_failure(ledger: Ledger, saver: Saver) -> Iterator[None]:
    """Save the state after the last update if another process has ended, or if images cannot be read."""
    try:
        yield
    except (ProcessLostError, DataError, DownloadError):
        ledger.catch_up()
        saver.save()
        raise


def _end_epoch(
    job: Job, run: RunFolder | None, step: int, rates: Rates, state: TrainingState, ledger: Ledger
) -> None:
    """Measure the network on the held-out images, save it if it is to be kept, and write the epoch down."""
    validation, test, tested, is_kept = None, None, None, False
    if job.is_evaluated(step):
        validation, (test, tested) = _score(job, job.split.validation), _test(job)
        is_kept = job.recipe.keeps_last or state.keeps(validation, len(job.split.validation))
    if run and is_kept:
        save_network(run, job.classifier, epoch=job.epoch_of(step))
    if run:
        save_kernel_snapshot(run, job.classifier, epoch=job.epoch_of(step))
        if job.recipe.keep_networks:
            save_epoch_network(run, job.classifier, epoch=job.epoch_of(step))
    ledger.end_epoch(step, rates, validation, test, is_kept=is_kept)
    if run and tested:
        write_latest(run, job, tested, epoch=job.epoch_of(step))


def _test(job: Job) -> tuple[HeldOutScore | None, LatestPredictions]:
    """Loss and errors on the test images, and what was predicted for each of them."""
    subset = job.split.test
    tested = LatestPredictions(len(subset), job.processes.part_of(len(subset)), job.machine.device)
    score = _score(job, subset, tested.take)
    job.processes.add_up([tested.values])
    return score, tested


def _score(job: Job, subset: Subset, on_batch: OnBatch = lambda _probs, _labels: None) -> HeldOutScore | None:
    """Loss and errors on held-out images; each process computes its part of them."""
    part, add_up = job.processes.part_of(len(subset)), job.processes.add_up
    return measure(
        job.network, job.pixels, subset, job.preprocessing,
        device=job.machine.device, part=part, add_up=add_up, on_batch=on_batch,
    )  # fmt: skip
