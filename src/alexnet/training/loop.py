"""The training loop, read downward."""

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.batches import training_batches
from alexnet.evaluation.evaluate import measure
from alexnet.evaluation.metrics import num_wrong
from alexnet.model.checkpoint import save_network
from alexnet.run_folder import RunFolder
from alexnet.training.cuda_graphs import replayed_on_gpu
from alexnet.training.events import Listener
from alexnet.training.interrupts import interrupts_deferred
from alexnet.training.job import Job
from alexnet.training.kernel_snapshots import save_kernel_snapshot
from alexnet.training.ledger import Ledger
from alexnet.training.optimizer import Optimizers
from alexnet.training.resume import Saver, TrainingState, load_state

__all__ = ["fit"]


def fit(job: Job, run: RunFolder, emit: Listener) -> TrainingState:
    """Train from the saved state, or from the start, to the last step; the network to keep is saved as it appears.

    Raises:
        KeyboardInterrupt: the user interrupted; the state is saved.
        RunError: the loss is not finite, or the run folder cannot be written.
    """
    recipe, network, split, machine, device = job.recipe, job.network, job.split, job.machine, job.machine.device
    optimizers = Optimizers(network, recipe, dtype=machine.dtype)
    state = load_state(run, network, optimizers, num_steps=job.num_steps, emit=emit) or TrainingState()
    ledger = Ledger(job, run, state, emit)
    saver = Saver(run, network, optimizers, state, minutes=recipe.save_minutes)

    def forward_backward(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(device.type, machine.dtype, enabled=machine.dtype != torch.float32):
            logits = network(x)  # [N, K]
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), num_wrong(logits.detach(), labels)

    compute_gradients = replayed_on_gpu(forward_backward, job, first_step=state.step, emit=emit)
    if state.step == 0:
        save_kernel_snapshot(run, job.classifier, epoch=0)
    network.train()
    with (
        interrupts_deferred() as interrupted,
        training_batches(job.pixels, split.train, job.order, device, num_steps=job.num_steps) as batch_at,
    ):
        for step in range(state.step, job.num_steps):
            ledger.start_step()
            images, labels = batch_at(step)  # uint8 [N, S, S, 3], int64 [N]
            x = job.augment(images, step)  # float32 [N, 3, size, size], normalized
            job.seed_dropout(step)
            loss, wrong = compute_gradients(x, labels)
            rates = job.rates(step, num_drops=state.plateau.num_drops)
            optimizers.step(rates)  # updates the weights and clears the gradients
            ledger.record(step, rates, loss, wrong)

            if (step + 1) % job.steps_per_epoch == 0:
                ledger.catch_up()
                validation, test, is_kept = None, None, False
                if job.is_evaluated(step):
                    validation = measure(network, job.pixels, split.validation, job.preprocessing, device=device)
                    test = measure(network, job.pixels, split.test, job.preprocessing, device=device)
                    is_kept = recipe.keeps_last or state.keeps(validation, len(split.validation))
                if is_kept:
                    save_network(run, job.classifier, epoch=job.epoch_of(step))
                save_kernel_snapshot(run, job.classifier, epoch=job.epoch_of(step))
                ledger.end_epoch(step, rates, validation, test, is_kept=is_kept)
            if interrupted.is_set():
                break
            if saver.is_due() and step + 1 < job.num_steps:
                ledger.catch_up()
                saver.save()
        ledger.catch_up()
        if interrupted.is_set() or saver.is_worthwhile():  # the final test may be interrupted, too
            saver.save()
        if interrupted.is_set():
            raise KeyboardInterrupt
    return state
