"""One module for each part; each has `measure(setting)`, which gives its comparisons.

fastai is no peer here: it imports torchvision, of which there must be a build for the very torch that is installed.
Where there is one, its loop is that of `benchmarks.modern_loop` with callbacks around it.
"""

DEFAULT = (
    "limits", "decode", "cache", "augment", "layers", "lrn", "optimizer", "tricks", "step", "epoch", "overlap",
    "torchvision", "start", "memory", "convolution", "keras",
)  # fmt: skip
"""What `python -m benchmarks` measures: some ten minutes on two cores."""

LONG = ("linear", "accuracy")
"""What is measured when it is asked for: up to hours."""
