"""Settings of which it is known by training whether they learn: what the trainability check is held against.

    python -m benchmarks.trainability_settings DATA --out truth.jsonl --set size=67 start_size=null

trains each for a few epochs and writes down what came of it, in the form of `benchmarks.small_sets`.

    python -m benchmarks.trainability_settings DATA --check truth.jsonl

then prints beside each course of losses what the check says of the setting beforehand, and how long it took.
"""

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from alexnet.presets import PRESETS
from alexnet.training.recipe_check import check_recipe
from benchmarks.small_sets import BOTH, SMALL, main, small_folder

__all__ = ["KNOWN", "check_all"]

SGD: dict[str, Any] = {
    "optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 5e-4, "schedule": "step", "warmup": 0.0,
}  # fmt: skip
RAW: dict[str, Any] = {"normalization": "mean"}
SMALL_NORMAL: dict[str, Any] = {"initialization": "gaussian"}
HE: dict[str, Any] = {"initialization": "fan_in", "head_std": (2 / 4096) ** 0.5}

KNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    # the talk's network and what its author and others met with it
    "seminar's start, unit deviation, SGD 0.01": ("seminar", SGD),
    "seminar's start, unit deviation, Adam 1e-4": ("seminar", {}),
    "the same with hidden biases 1, Adam 1e-4": ("seminar", {"hidden_bias": 1.0}),
    "PyTorch's start, unit deviation, SGD 0.01": ("seminar", {"initialization": "pytorch", **SGD}),
    "N(0, 0.01), biases 1, unit deviation, SGD 0.01": ("seminar", {**SMALL_NORMAL, "hidden_bias": 1.0, **SGD}),
    "N(0, 0.01), biases 1, raw, SGD 0.01": ("seminar", {**SMALL_NORMAL, "hidden_bias": 1.0, **RAW, **SGD}),
    "N(0, 0.01), biases 1, raw, SGD 0.001": (
        "seminar", {**SMALL_NORMAL, "hidden_bias": 1.0, **RAW, **SGD, "learning_rate": 0.001},
    ),
    "N(0, 0.01), biases 0.1, raw, SGD 0.01": ("seminar", {**SMALL_NORMAL, "hidden_bias": 0.1, **RAW, **SGD}),
    "conv3-5 at 0.03, biases 1, raw, SGD 0.01": (
        "seminar", {**SMALL_NORMAL, "kernel_std": 0.03, "hidden_bias": 1.0, **RAW, **SGD},
    ),
    "conv3-5 at 0.03, biases 1, raw, SGD 0.001": (
        "seminar", {**SMALL_NORMAL, "kernel_std": 0.03, "hidden_bias": 1.0, **RAW, **SGD, "learning_rate": 0.001},
    ),
    "He's start, unit deviation, SGD 0.01": ("seminar", {**HE, **SGD}),
    "He's start, unit deviation, SGD 0.001": ("seminar", {**HE, **SGD, "learning_rate": 0.001}),
    "He's start, last layer a tenth, warm-up, SGD 0.01": (
        "seminar", {**HE, "head_std": 0.1 * HE["head_std"], **SGD, "warmup": 0.15},
    ),
    "2012 program, rate 0.01": ("program", {}),
    "2012 program, rate 0.002": ("program", {"learning_rate": 0.002}),
    # rates far off, and functions that pass little on
    "fast, AdamW 0.1": ("fast", {"optimizer": "adamw", "learning_rate": 0.1}),
    "fast, AdamW 1e-7": ("fast", {"optimizer": "adamw", "learning_rate": 1e-7}),
    "conv3-5 at 0.03, biases 0.1, sigmoids": ("paper", {**BOTH, "activation": "sigmoid"}),
    "conv3-5 at 0.03, biases 0.1, tanh": ("paper", {**BOTH, "activation": "tanh"}),
    "conv3-5 at 0.03, biases 0.1, rate 0.1": ("paper", {**BOTH, "learning_rate": 0.1}),
    "fast": ("fast", {}),
}  # fmt: skip
"""Name → preset and what is changed in it."""


def check_all(data: Path, truth: Path, *, size: int, per_class: int = 320, epochs: int = 6) -> None:
    """Print a row a setting: the losses that were seen, and the check's verdict, steps and seconds."""
    rows = {row["setting"]: row for row in map(json.loads, truth.read_text().splitlines())}
    print("| setting | loss by epoch | verdict | steps needed of those there are | rate x curvature | s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = small_folder(data, per_class, Path(scratch) / data.name)
        for name, row in rows.items():
            preset, changes = KNOWN[name]
            fixed = {"size": size, "start_size": None, "epochs": epochs}
            recipe = PRESETS[preset].replace(**(SMALL | changes | fixed))
            found = check_recipe(folder, recipe)
            losses = ", ".join(f"{loss:.2f}" for loss in row["losses"]) or "not finite"
            needed = f"{found.steps_needed:,.0f}" if math.isfinite(found.steps_needed) else "no end"
            sharp = f"{found.sharpness:.2g} of {found.sharpness_limit:.1f}" if found.sharpness else ""
            said = f"{needed} of {found.steps:.0f} | {sharp} | {found.seconds:.1f}"
            print(f"| {name} | {losses} | {found.verdict} | {said} |", flush=True)


if __name__ == "__main__":
    if "--check" in sys.argv:
        check_all(Path(sys.argv[1]), Path(sys.argv[sys.argv.index("--check") + 1]), size=67)
    else:
        main(KNOWN, __doc__)
