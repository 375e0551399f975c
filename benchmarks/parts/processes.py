"""Training speed of two processes with one thread each against one process with two threads."""

import itertools
import shutil

import torch

from alexnet.presets import PRESETS
from alexnet.training.train import train
from benchmarks.compare import MissingPeerError, Setting
from benchmarks.images import subset
from benchmarks.measured import Candidate, Comparison

NUM_IMAGES = 2048
"""Of one epoch."""

ALONE = "one process, two threads"


def measure(setting: Setting) -> list[Comparison]:
    """The steps of an epoch of `fast` at its full size, one after the other; start and tests are not counted."""
    if torch.get_num_threads() != 2:
        raise MissingPeerError(f"two threads are needed, and there are {torch.get_num_threads()}")
    folder = subset(setting.whole, setting.scratch / "images", num_train=NUM_IMAGES, num_test=16)
    recipe = PRESETS["fast"].replace(epochs=1, batch_size=128, validation_fraction=0.0, start_size=None)
    numbers = itertools.count()

    def seconds(processes: int) -> float:
        out = setting.scratch / f"run-{next(numbers)}"
        run = train(folder, recipe, out=out, processes=processes)
        speed = run.folder.epochs[0].images_per_second
        shutil.rmtree(out)
        return recipe.batch_size / speed

    ways = {ALONE: 1, "two processes, one thread each": 2}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(setting.repeats + 1):
        for name, count in ways.items():
            each = seconds(count)
            if repeat:  # the first round is the warm-up
                times[name].append(each)
    candidates = tuple(Candidate(name, tuple(each), float(recipe.batch_size)) for name, each in times.items())
    note = "an epoch of 2,048 images, batches of 128; the steps alone"
    return [Comparison("training in processes", candidates, unit="images/s", peer=ALONE, notes=(note,))]
