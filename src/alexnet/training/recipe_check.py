"""The trainability check of a recipe on real images, before a training and when one has come to a standstill."""

from pathlib import Path

from torch import Tensor

from alexnet.data.batches import epoch_order, gather
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.recipe import Recipe
from alexnet.training.advice import explain_plateau
from alexnet.training.events import Listener, ignore
from alexnet.training.job import Job
from alexnet.training.trainability import (
    Trainability,
    check_trainability,
    describe_situation,
    measure_layers,
    model_left_as_found,
)

__all__ = ["check_job", "check_recipe", "explain"]

MOST_IMAGES = 64
"""Images of the batch that the check looks at: enough for the figures to be steady, few enough to be quick."""

SAMPLED_STEPS = 1000
"""Steps at which the schedule is asked for its rate."""


def check_recipe(folder: ImageFolder | Path | str, recipe: Recipe, *, on_event: Listener = ignore) -> Trainability:
    """Whether a recipe can be expected to train on a folder of images; nothing is trained or written.

    Raises:
        DataError, RecipeError, WeightsError, GeometryError: one line that says what to mend.
    """
    from alexnet.training.preparation import prepare

    folder = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    return check_job(prepare(folder, recipe, on_event)[0])


def check_job(job: Job) -> Trainability:
    """The check of a training that is ready to start; its network is left as found."""
    x, labels = _batch(job, step=0)
    return check_trainability(
        job.classifier.network,
        x,
        labels,
        job.recipe,
        full_steps=full_steps(job),
        unit_input=_unit_input(job),
    )


def explain(job: Job, step: int, *, num_drops: int = 0) -> str:
    """What keeps the loss of a training where it is, by the network's present numbers, in words.

    num_drops: how often schedule `plateau` has dropped so far.
    """
    network = job.classifier.network
    x, labels = _batch(job, step=step)
    with model_left_as_found(network):
        _, layers = measure_layers(network, x, labels, job.recipe)
    situation = describe_situation(network, job.recipe, full_steps=full_steps(job), unit_input=_unit_input(job))
    return explain_plateau(layers, situation, steps_left=full_steps(job, first=step, num_drops=num_drops))


def full_steps(job: Job, *, first: int = 0, num_drops: int = 0) -> float:
    """Steps of a training from `first` on, each counted by its share of the peak rate."""
    left = job.num_steps - first
    stride = max(1, left // SAMPLED_STEPS)
    sampled = [job.rates(step, num_drops=num_drops).main for step in range(first, job.num_steps, stride)]
    return left * sum(sampled) / len(sampled) if sampled else 0.0


def _unit_input(job: Job) -> bool:
    return min(job.classifier.preprocessing.std) > 1.0


def _batch(job: Job, *, step: int) -> tuple[Tensor, Tensor]:
    """The first images of the epoch that `step` falls into, as the training makes them."""
    recipe, count = job.recipe, min(MOST_IMAGES, len(job.split.train))
    order = epoch_order(len(job.split.train), seed=recipe.seed, epoch=step // job.steps_per_epoch)
    pixels, labels = gather(job.pixels, job.split.train, order[:count], job.machine.device)
    return job.augment(pixels, step, size=recipe.size), labels
