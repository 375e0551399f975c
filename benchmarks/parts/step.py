"""A whole training step at 96 px, batch 128: ours from the cache, and two loops that open files."""

from dataclasses import replace
from pathlib import Path

import torch

from alexnet.cli.process import keep_freed_memory
from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, bfloat16_is_fast, compare
from benchmarks.measured import Comparison
from benchmarks.modern_loop import modern_steps
from benchmarks.notebook_loop import NotebookTraining
from benchmarks.ours import OurTraining, training_flop

STEPS = 3
"""Steps in one timed call."""

PEER = "notebook's loop"

ONE_TENSOR = "ours, seminar, on one tensor"


def measure(setting: Setting) -> list[Comparison]:
    """First with freed memory returned to the system, the default of a process; then with freed memory kept.

    Keeping freed memory is a setting of the whole process, so it helps the peers as much as us. `alexnet train` sets
    it; a notebook does not.
    """
    torch.manual_seed(0)
    comparisons = [_compare("freed memory returned", setting, whole=False)]
    keep_freed_memory()
    return [*comparisons, _compare("freed memory kept", setting, whole=True)]


def _compare(title: str, setting: Setting, *, whole: bool) -> Comparison:
    ways = _ways(setting.folder, whole=whole)
    comparison = compare(f"training step, {title}", ways, repeats=setting.repeats, unit="images/s", peer=PEER)
    notes = ["the loops' workers have decoded their next batches before they are timed"]
    if whole:
        fraction = comparison[ONE_TENSOR].median / comparison["ours, seminar"].median
        notes.append(f"ours with files and augmentation runs at {100 * fraction:.1f} % of its speed on one tensor")
    if not bfloat16_is_fast():
        notes.append("bfloat16 is slower than float32 on this CPU: the modern loop is measured in float32 only")
    return replace(comparison, notes=tuple(notes))


def _ways(folder: Path, *, whole: bool) -> dict[str, Way]:
    seminar = OurTraining(folder, PRESETS["seminar"])
    count = float(STEPS * seminar.batch_size)
    classes = seminar.network.num_classes
    flop = sum(training_flop("seminar", size=96, num_classes=classes, num_images=int(count)).values())
    dtype = str(seminar.job.machine.dtype)[6:]
    ways = {
        PEER: Way(NotebookTraining(folder, batch_size=seminar.batch_size).steps(STEPS), count, flop),
        "modern loop, float32": Way(modern_steps(folder, STEPS, batch_size=seminar.batch_size), count, flop),
    }
    if bfloat16_is_fast():
        run = modern_steps(folder, STEPS, dtype=torch.bfloat16, batch_size=seminar.batch_size)
        ways["modern loop, bfloat16"] = Way(run, count, flop, dtype="bfloat16")
    ways["ours, seminar"] = Way(seminar.steps(STEPS), count, flop, dtype=dtype)
    if dtype != "float32":
        plain = OurTraining(folder, PRESETS["seminar"].replace(precision="float32"))
        ways["ours, seminar, float32"] = Way(plain.steps(STEPS), count, flop)
    if whole:
        constant = OurTraining(folder, PRESETS["seminar"])
        ways[ONE_TENSOR] = Way(constant.constant_steps(STEPS), count, flop, dtype=dtype)
        fast = OurTraining(folder, PRESETS["fast"])
        ways["ours, fast at 96 px"] = Way(fast.steps(STEPS), count, flop, dtype=dtype)
    return ways
