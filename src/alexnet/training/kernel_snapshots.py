"""The kernels of the first layer, kept at the start of training and after every epoch."""

from pathlib import Path

import numpy as np
from torch import nn

from alexnet.inspection.kernels import kernels
from alexnet.model.checkpoint import Classifier
from alexnet.run_folder import RunFolder

__all__ = ["save_kernel_snapshot"]


def save_kernel_snapshot(run: RunFolder, classifier: Classifier, *, epoch: int) -> None:
    """Write the kernels of the first convolutional layer as float16, in RGB order: 70 kB for 96 of 11 x 11 px.

    epoch: epochs done; 0 at the start.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    layer = next(name for name, module in classifier.network.named_layers() if isinstance(module, nn.Conv2d))
    weights = kernels(classifier, layer).weights.astype(np.float16)

    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            np.save(file, weights)

    run.write(f"kernels/epoch-{epoch:04d}.npy", write)
