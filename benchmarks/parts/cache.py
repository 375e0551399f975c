"""Random batches of 128 images out of the cache of decoded images."""

import itertools
from collections.abc import Callable

import numpy as np

from alexnet.data.batches import gather
from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, compare
from benchmarks.measured import Comparison
from benchmarks.ours import OurTraining

BATCHES = 20
"""Batches in one timed call."""


def measure(setting: Setting) -> list[Comparison]:
    """Batches in the random order of an epoch, and in the order of the file."""
    training = OurTraining(setting.folder, PRESETS["seminar"])
    job, size = training.job, training.batch_size

    def reading(in_order: bool) -> Callable[[], None]:
        numbers = itertools.count()

        def run() -> None:
            for _ in range(BATCHES):
                step = next(numbers) % job.steps_per_epoch
                places = np.arange(step * size, (step + 1) * size) if in_order else training.order(step)
                gather(job.pixels, job.split.train, places, job.machine.device)

        return run

    count = float(BATCHES * size)
    moved = 2 * count * job.pixels[0].nbytes
    ways = {
        "ours, at random": Way(reading(in_order=False), count, moved=moved),
        "ours, in order": Way(reading(in_order=True), count, moved=moved),
    }
    title = f"batches of {size} from the cache"
    said = "images in memory; what the CPU's own cache still holds can exceed the limit, a large copy's rate"
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", charted=False, notes=(said,))]
