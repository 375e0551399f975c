"""A whole epoch from files, augmentation included: ours, its cache there already, against the notebook's loop."""

import torch

from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, compare
from benchmarks.images import subset
from benchmarks.measured import Comparison
from benchmarks.notebook_loop import NotebookTraining
from benchmarks.ours import OurTraining, training_flop

NUM_IMAGES = 2048
"""The loop starts its workers once an epoch, which weighs less the longer the epoch is (EXPERIMENTS.md)."""

PEER = "notebook's loop"


def measure(setting: Setting) -> list[Comparison]:
    """Every training image once, in whole batches.

    Memory is given back after use, on both sides: the loop's workers are forks of this process, and where memory is
    kept, every page that they share with it is copied at the next touch. That would be held against the loop.
    """
    torch.manual_seed(0)
    folder = subset(setting.whole, setting.scratch / "epoch", num_train=NUM_IMAGES, num_test=64)
    recipe = PRESETS["seminar"].replace(validation_fraction=0.0)
    training = OurTraining(folder, recipe)
    steps = training.job.steps_per_epoch
    count = float(steps * training.batch_size)
    classes = training.network.num_classes
    flop = sum(training_flop("seminar", size=96, num_classes=classes, num_images=int(count)).values())
    dtype = str(training.job.machine.dtype)[6:]
    ways = {
        PEER: Way(NotebookTraining(folder).epoch, count, flop),
        "ours, seminar": Way(training.steps(steps), count, flop, dtype=dtype),
    }
    if dtype != "float32":
        plain = OurTraining(folder, recipe.replace(precision="float32"))
        ways["ours, seminar, float32"] = Way(plain.steps(steps), count, flop)
    title = f"epoch of {count:.0f} images from files"
    said = "memory is given back on both sides; the loop's workers start anew, as in every epoch of the notebook"
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", peer=PEER, notes=(said,))]
