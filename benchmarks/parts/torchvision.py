"""torchvision's network at 224 px, batch 64: ours, and a loop as one would write it today."""

import torch

from alexnet.cli.process import keep_freed_memory
from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, bfloat16_is_fast, compare
from benchmarks.images import subset
from benchmarks.measured import Comparison
from benchmarks.modern_loop import build_torchvision_network, modern_steps
from benchmarks.ours import OurTraining, training_flop

SIZE, BATCH = 224, 64

STEPS = 8
"""Steps of an epoch."""


def measure(setting: Setting) -> list[Comparison]:
    """Whole epochs with the same update rule on both sides; both enlarge small images.

    The loop uses bfloat16 if that is faster. Its workers persist between epochs.
    """
    keep_freed_memory()
    torch.manual_seed(0)
    folder = subset(setting.whole, setting.scratch / "large", num_train=STEPS * BATCH, num_test=64)
    recipe = PRESETS["seminar"].replace(
        variant="torchvision", size=SIZE, batch_size=BATCH, initialization="pytorch", optimizer="adamw",
        validation_fraction=0.0,
    )  # fmt: skip
    training = OurTraining(folder, recipe)
    count, classes = float(STEPS * BATCH), training.network.num_classes
    flop = sum(training_flop("torchvision", size=SIZE, num_classes=classes, num_images=STEPS * BATCH).values())
    dtype = torch.bfloat16 if bfloat16_is_fast() else torch.float32
    peer = f"modern loop, {str(dtype)[6:]}"
    modern = modern_steps(
        folder, STEPS, dtype=dtype, size=SIZE, batch_size=BATCH, build=build_torchvision_network
    )  # fmt: skip
    ways = {
        peer: Way(modern, count, flop, dtype=str(dtype)[6:]),
        "ours": Way(training.steps(STEPS), count, flop, dtype=str(training.job.machine.dtype)[6:]),
    }
    title = f"epoch of {count:.0f} images, torchvision's network at {SIZE} px, batch {BATCH}"
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", peer=peer)]
