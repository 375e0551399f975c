"""A whole training step at 96 px, batch 128: ours from the cache against two loops that open files."""

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
    """First with memory that is given back to the system after use, as a process starts; then with memory kept.

    Keeping memory is a setting of the whole process, so it serves the peers as much as us; `alexnet train` sets it,
    a notebook does not.
    """
    torch.manual_seed(0)
    found = [_compare("memory given back", setting, whole=False)]
    keep_freed_memory()
    return [*found, _compare("memory kept", setting, whole=True)]


def _compare(title: str, setting: Setting, *, whole: bool) -> Comparison:
    ways = _ways(setting.folder, whole=whole)
    found = compare(f"training step, {title}", ways, repeats=setting.repeats, unit="images/s", peer=PEER)
    notes = ["the loops' workers have the next batches ready when their turn starts"]
    if whole:
        share = found[ONE_TENSOR].median / found["ours, seminar"].median
        notes.append(f"ours with files and augmentation runs at {100 * share:.1f} % of its speed on one tensor")
    if not bfloat16_is_fast():
        notes.append("bfloat16 is slower than float32 on this CPU: the modern loop is measured in float32 only")
    return Comparison(found.title, found.candidates, found.unit, found.peer, found.limits, tuple(notes))


def _ways(folder: Path, *, whole: bool) -> dict[str, Way]:
    seminar = OurTraining(folder, PRESETS["seminar"])
    count = float(STEPS * seminar.batch_size)
    classes = seminar.network.num_classes
    flop = sum(training_flop("seminar", size=96, num_classes=classes, num_images=int(count)).values())
    dtype = str(seminar.job.machine.dtype)[6:]
    ways = {
        PEER: Way(NotebookTraining(folder).steps(STEPS), count, flop),
        "modern loop, float32": Way(modern_steps(folder, STEPS), count, flop),
    }
    if bfloat16_is_fast():
        run = modern_steps(folder, STEPS, dtype=torch.bfloat16)
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
