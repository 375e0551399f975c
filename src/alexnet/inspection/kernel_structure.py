"""Structure of kernels: whether neighboring weights belong together, as in an edge, or not, as in noise."""

import numpy as np
from jaxtyping import Float, Real

from alexnet.errors import GeometryError

__all__ = ["DIRECTIONS", "kernel_structure"]

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
"""Shifts (down, right), px, at which a kernel is compared with itself."""


def kernel_structure(weights: Real[np.ndarray, "O I h w"]) -> Float[np.ndarray, " O"]:
    """Structure of each kernel: its largest autocorrelation over eight shifts, -1 to 1.

        r(d) = sum w(p) w(p + d) / sqrt(sum w(p)² * sum w(p + d)²)

    The sums run over all input channels and over the places p where both factors lie inside the kernel. White noise
    of 11 x 11 x 3 gives about 0.1; the first layer of Caffe's AlexNet, trained on ImageNet, has a median of 0.94. A
    kernel without energy at a shift (all zeros) counts 0 there.

    Args:
        weights: kernels [out, in, height, width], at least 3 x 3.

    Raises:
        GeometryError: no array of that shape, or kernels too small to be shifted.

    An edge along the rows keeps its structure when it is shifted along the rows:

    >>> edge = np.zeros((1, 1, 5, 5))
    >>> edge[0, 0, :2], edge[0, 0, 3:] = -1.0, 1.0
    >>> float(kernel_structure(edge)[0])
    1.0
    """
    if weights.ndim != 4 or min(weights.shape[2:]) < 3:
        raise GeometryError(f"kernels of shape {weights.shape}: give [out, in, height, width] of at least 3 x 3")
    values = weights.astype(np.float64)
    structure: np.ndarray = np.max([_autocorrelation(values, *shift) for shift in DIRECTIONS], axis=0)
    return structure


def _autocorrelation(weights: Float[np.ndarray, "O I h w"], down: int, right: int) -> Float[np.ndarray, " O"]:
    """Correlation of each kernel with itself, shifted by (down, right)."""
    height, width = weights.shape[2:]
    first = weights[:, :, : height - down, max(0, -right) : width - max(0, right)]
    second = weights[:, :, down:, max(0, right) : width - max(0, -right)]
    energy = np.sqrt((first**2).sum((1, 2, 3)) * (second**2).sum((1, 2, 3)))
    products = (first * second).sum((1, 2, 3))
    correlation: np.ndarray = np.divide(products, energy, out=np.zeros_like(products), where=energy > 0.0)
    return correlation
