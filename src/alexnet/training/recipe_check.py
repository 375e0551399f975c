"""The trainability check of a recipe on real images: before a training, and when a training has stalled."""

from pathlib import Path

import numpy as np
from torch import Tensor

from alexnet.data.batches import gather
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.recipe import Recipe
from alexnet.training.advice import Situation, explain_plateau
from alexnet.training.events import Listener, ignore
from alexnet.training.job import Job
from alexnet.training.step_budget import StepBudget
from alexnet.training.trainability import (
    Trainability,
    check_trainability,
    describe_situation,
    measure_layers,
)

__all__ = ["check_job", "check_recipe", "explain"]

MOST_IMAGES = 64
"""Images of the batch that the check looks at: enough for steady numbers, few enough to be quick."""

SAMPLED_STEPS = 1000
"""Steps of the schedule whose learning rates are averaged."""


def check_recipe(folder: ImageFolder | Path | str, recipe: Recipe, *, on_event: Listener = ignore) -> Trainability:
    """Check whether a recipe can be expected to train on a folder of images; nothing is trained, no run is written.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        recipe: all settings.
        on_event: called with every message.

    Raises:
        DataError, RecipeError, WeightsError, GeometryError: one line that says what to correct.

    >>> alexnet.check_recipe("images", alexnet.PRESETS["fast"]).verdict
    'trains'
    """
    from alexnet.training.preparation import prepare

    folder = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    return check_job(prepare(folder, recipe, on_event)[0])


def check_job(job: Job) -> Trainability:
    """The check of a training that is ready to start; its network is left as found."""
    return check_trainability(job.network, *_batch(job, step=0), _situation(job))


def explain(job: Job, step: int, *, num_drops: int = 0) -> str:
    """What keeps the loss of a training where it is, in words, from the network's present state.

    Args:
        step: steps that are done.
        num_drops: how often schedule `plateau` has lowered the learning rate so far.
    """
    _, layers = measure_layers(job.network, *_batch(job, step=step), job.recipe)
    return explain_plateau(layers, _situation(job), steps_left=full_steps(job, first=step, num_drops=num_drops))


def full_steps(job: Job, *, first: int = 0, num_drops: int = 0) -> float:
    """Steps of a training from `first` on, each weighted by its fraction of the peak learning rate."""
    left = job.num_steps - first
    stride = max(1, left // SAMPLED_STEPS)
    sampled = [job.rates(step, num_drops=num_drops).main for step in range(first, job.num_steps, stride)]
    return left * sum(sampled) / len(sampled) if sampled else 0.0


def _situation(job: Job) -> Situation:
    return describe_situation(
        job.network,
        job.recipe,
        StepBudget(len(job.split.train), job.batch_size, job.recipe.epochs),
        full_steps=full_steps(job),
        chance=job.guessing_loss,
        chance_formula=job.guessing_formula,
        unit_input=min(job.preprocessing.std) > 1.0,
    )


def _batch(job: Job, *, step: int) -> tuple[Tensor, Tensor]:
    """The first images of the epoch that `step` belongs to, augmented as in training."""
    recipe, count = job.recipe, min(MOST_IMAGES, len(job.split.train))
    first = step - step % job.steps_per_epoch
    steps = range(first, first + min(-(-count // job.batch_size), job.steps_per_epoch))
    places = np.concatenate([job.order(each) for each in steps])[:count]
    pixels, labels = gather(job.pixels, job.split.train, places, job.machine.device)
    return job.augment(pixels, step, size=recipe.size), labels
