"""One module for each part; each has `measure(setting)`, which returns its comparisons.

fastai is not a peer: it imports torchvision, which must be built for the installed version of torch. Its loop is that
of `benchmarks.modern_loop` with callbacks around it.
"""

DEFAULT = (
    "limits", "decode", "cache", "augment", "layers", "lrn", "optimizer", "tricks", "step", "epoch", "overlap",
    "torchvision", "start", "memory", "convolution", "keras",
)  # fmt: skip
"""Parts that `python -m benchmarks` measures: about ten minutes on two cores."""

LONG = ("linear", "accuracy", "inside", "predict", "processes", "shards", "studio")
"""Parts that are measured only on request; they can take hours."""
