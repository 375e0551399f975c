"""Settings of which it is known by training whether they learn: what the trainability check is held against.

    python -m benchmarks.trainability_settings DATA --out truth.jsonl

trains each for a few epochs and writes down what came of it, in the form of `benchmarks.small_sets`.
"""

from typing import Any

from benchmarks import small_sets
from benchmarks.small_sets import BOTH

__all__ = ["KNOWN"]

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

if __name__ == "__main__":
    small_sets.SETTINGS.clear()
    small_sets.SETTINGS.update(KNOWN)
    small_sets.main()
