"""Settings that were trained to see whether they learn: the reference for the trainability check.

    python -m benchmarks.trainability_settings DATA --out truth.jsonl --set size=67 start_size=null

trains each of them for a few epochs and writes the losses in the format of `benchmarks.small_sets`.

    python -m benchmarks.trainability_settings DATA --check truth.jsonl

then prints the result and the duration of the check beside the losses of each setting.
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
    # the talk's network, with failures that its author and others reported
    "seminar's initialization, unit std, SGD 0.01": ("seminar", SGD),
    "seminar's initialization, unit std, Adam 1e-4": ("seminar", {}),
    "the same with hidden biases 1, Adam 1e-4": ("seminar", {"hidden_bias": 1.0}),
    "PyTorch's initialization, unit std, SGD 0.01": ("seminar", {"initialization": "pytorch", **SGD}),
    "N(0, 0.01), biases 1, unit std, SGD 0.01": ("seminar", {**SMALL_NORMAL, "hidden_bias": 1.0, **SGD}),
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
    "He's initialization, unit std, SGD 0.01": ("seminar", {**HE, **SGD}),
    "He's initialization, unit std, SGD 0.001": ("seminar", {**HE, **SGD, "learning_rate": 0.001}),
    "He's initialization, last layer a tenth, warm-up, SGD 0.01": (
        "seminar", {**HE, "head_std": 0.1 * HE["head_std"], **SGD, "warmup": 0.15},
    ),
    "2012 program, rate 0.01": ("program", {}),
    "2012 program, rate 0.002": ("program", {"learning_rate": 0.002}),
    # learning rates far off, and activations with small gradients
    "fast, AdamW 0.1": ("fast", {"optimizer": "adamw", "learning_rate": 0.1}),
    "fast, AdamW 1e-7": ("fast", {"optimizer": "adamw", "learning_rate": 1e-7}),
    "conv3-5 at 0.03, biases 0.1, sigmoids": ("paper", {**BOTH, "activation": "sigmoid"}),
    "conv3-5 at 0.03, biases 0.1, tanh": ("paper", {**BOTH, "activation": "tanh"}),
    "conv3-5 at 0.03, biases 0.1, rate 0.1": ("paper", {**BOTH, "learning_rate": 0.1}),
    "fast": ("fast", {}),
}  # fmt: skip
"""Name → preset and its changes."""


def check_all(data: Path, truth: Path, *, size: int, per_class: int = 320, epochs: int = 6) -> None:
    """Print one row for each setting: its losses, and the verdict, steps and seconds of the check."""
    rows = {row["setting"]: row for row in map(json.loads, truth.read_text().splitlines())}
    print("| setting | loss by epoch | verdict | steps needed of those planned | learning rate x curvature | s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = small_folder(data, per_class, Path(scratch) / data.name)
        for name, row in rows.items():
            preset, changes = KNOWN[name]
            fixed = {"size": size, "start_size": None, "epochs": epochs}
            recipe = PRESETS[preset].replace(**(SMALL | changes | fixed))
            check = check_recipe(folder, recipe)
            losses = ", ".join(f"{loss:.2f}" for loss in row["losses"]) or "not finite"
            needed = f"{check.steps_needed:,.0f}" if math.isfinite(check.steps_needed) else "never"
            sharp = f"{check.sharpness:.2g} of {check.sharpness_limit:.1f}" if check.sharpness else ""
            columns = f"{needed} of {check.steps:.0f} | {sharp} | {check.seconds:.1f}"
            print(f"| {name} | {losses} | {check.verdict} | {columns} |", flush=True)


if __name__ == "__main__":
    if "--check" in sys.argv:
        check_all(Path(sys.argv[1]), Path(sys.argv[sys.argv.index("--check") + 1]), size=67)
    else:
        main(KNOWN, __doc__)
