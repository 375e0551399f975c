"""Augmentation of a batch, in ms and as a fraction of the training step."""

from alexnet.cli.process import keep_freed_memory
from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, compare
from benchmarks.measured import Comparison
from benchmarks.ours import OurTraining

NAMES = ("seminar", "fast")


def measure(setting: Setting) -> list[Comparison]:
    """The recipes' augmentation at 96 px, alternating with their steps on one tensor."""
    keep_freed_memory()
    ways: dict[str, Way] = {}
    for name in NAMES:
        training = OurTraining(setting.folder, PRESETS[name])
        pixels, _ = training.batch(0)
        ways[f"ours, augmentation of {name}"] = Way(lambda t=training, p=pixels: t.augmented(p, 0))  # type: ignore[misc]
        ways[f"ours, step of {name} on one tensor"] = Way(training.constant_steps(1))
    comparison = compare(
        f"augmentation at 96 px, batch of {len(pixels)}", ways, repeats=setting.repeats, charted=False
    )
    notes = []
    for name in NAMES:
        part, rest = (
            comparison[f"ours, {what}"].median
            for what in (f"augmentation of {name}", f"step of {name} on one tensor")
        )
        notes.append(f"{name}: augmentation is {100 * part / (part + rest):.1f} % of a step with it")
    return [Comparison(comparison.title, comparison.candidates, notes=tuple(notes), charted=False)]
