"""Batches of 128 images from the cache of decoded images."""

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
    """Batches in the random order of an epoch, and in the order of the cache file."""
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
        "ours, random order": Way(reading(in_order=False), count, moved=moved),
        "ours, file order": Way(reading(in_order=True), count, moved=moved),
    }
    title = f"batches of {size} from the cache"
    note = "the file is in memory; images still in the CPU's cache can be faster than the limit, a large copy"
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", charted=False, notes=(note,))]
