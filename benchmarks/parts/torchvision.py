"""The network of later years at 224 px, batch 64: ours against the loop that one would write today."""

import torch

from alexnet.presets import PRESETS
from alexnet.training.processes import keep_freed_memory
from benchmarks.compare import Setting, Way, bfloat16_is_fast, compare
from benchmarks.measured import Comparison
from benchmarks.modern_loop import build_torchvision_network, modern_steps
from benchmarks.ours import OurTraining, training_flop
from benchmarks.pictures import subset

SIZE, BATCH = 224, 64

PEER = "modern loop, float32"


def measure(setting: Setting) -> list[Comparison]:
    """One step in a timed call, with the same update rule on both sides; small pictures are scaled up by both."""
    keep_freed_memory()
    torch.manual_seed(0)
    folder = subset(setting.whole, setting.scratch / "large", num_train=12 * BATCH, num_test=64)
    recipe = PRESETS["seminar"].replace(
        variant="torchvision", size=SIZE, batch_size=BATCH, initialization="pytorch", optimizer="adamw",
        validation_fraction=0.0,
    )  # fmt: skip
    training = OurTraining(folder, recipe)
    classes = training.network.num_classes
    flop = sum(training_flop("torchvision", size=SIZE, num_classes=classes, num_pictures=BATCH).values())

    def modern(dtype: torch.dtype) -> Way:
        run = modern_steps(
            folder, 1, dtype=dtype, size=SIZE, batch_size=BATCH, build=build_torchvision_network
        )  # fmt: skip
        return Way(run, BATCH, flop, dtype=str(dtype)[6:])

    ways = {PEER: modern(torch.float32)}
    if bfloat16_is_fast():
        ways["modern loop, bfloat16"] = modern(torch.bfloat16)
    ways["ours"] = Way(training.steps(1), BATCH, flop, dtype=str(training.job.machine.dtype)[6:])
    title = f"training step, torchvision's network at {SIZE} px, batch {BATCH}"
    return [compare(title, ways, repeats=setting.repeats, unit="pictures/s", peer=PEER)]
