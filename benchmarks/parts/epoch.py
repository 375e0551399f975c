"""A whole epoch from files, with augmentation: ours with a filled cache, and the notebook's loop."""

import torch

from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, compare
from benchmarks.images import subset
from benchmarks.measured import Comparison
from benchmarks.notebook_loop import NotebookTraining
from benchmarks.ours import OurTraining, training_flop

NUM_IMAGES = 2048
"""The loop starts its workers once an epoch, which matters less the longer the epoch is (EXPERIMENTS.md)."""

PEER = "notebook's loop"


def measure(setting: Setting) -> list[Comparison]:
    """Every training image once, in whole batches.

    Freed memory is returned to the system on both sides: the loop's workers are forks of this process, and if memory
    were kept, every page that they share with it would be copied at the next write. That would slow the loop down.
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
        PEER: Way(NotebookTraining(folder, batch_size=training.batch_size).epoch, count, flop),
        "ours, seminar": Way(training.steps(steps), count, flop, dtype=dtype),
    }
    if dtype != "float32":
        plain = OurTraining(folder, recipe.replace(precision="float32"))
        ways["ours, seminar, float32"] = Way(plain.steps(steps), count, flop)
    title = f"epoch of {count:.0f} images from files"
    note = "freed memory is returned on both sides; the loop starts its workers, as in every epoch of the notebook"
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", peer=PEER, notes=(note,))]
