"""Statistics of the training images: mean and std by channel, mean by pixel, principal colors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alexnet.data.decode import PixelRows, center_crop
from alexnet.data.split import Subset
from alexnet.records import Preprocessing

__all__ = ["PrincipalColors", "channel_statistics", "mean_image", "principal_colors"]

MAX_IMAGES = 2048
"""Images, evenly spaced over the training set, that the statistics of colors are computed from."""

EXACT = 64
"""Images at a time whose values and squares float32 sums without rounding: 64 x 255² < 2²⁴."""


def channel_statistics(
    pixels: PixelRows, subset: Subset, *, most: int = MAX_IMAGES
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and std by channel, 0-255, of up to `most` evenly spaced images of a subset."""
    rows = _sample(subset, most)
    total, squares = np.zeros(3), np.zeros(3)
    num_values = int(np.prod(pixels.shape[1:]))
    for start in range(0, len(rows), EXACT):
        values = pixels[rows[start : start + EXACT]].reshape(-1, num_values).astype(np.float32)
        ones = np.ones(len(values), np.float32)
        total += (ones @ values).reshape(-1, 3).sum(0, dtype=np.float64)
        squares += (ones @ np.square(values, out=values)).reshape(-1, 3).sum(0, dtype=np.float64)
    mean, square = (sums / (len(rows) * num_values // 3) for sums in (total, squares))
    std = np.sqrt(np.maximum(square - mean**2, 1.0))
    r, g, b = (round(float(value), 3) for value in mean)
    dr, dg, db = (round(float(value), 3) for value in std)
    return (r, g, b), (dr, dg, db)


def _sample(subset: Subset, most: int) -> npt.NDArray[np.int64]:
    return subset.indices[:: max(1, len(subset) // most)]


def mean_image(pixels: PixelRows, subset: Subset, preprocessing: Preprocessing) -> Tensor:
    """Mean image of a subset (centers), minus the channel means of `preprocessing`.

    Float32 [3, size, size], channels in the network's order, on the scale of the network's input.
    """
    total = np.zeros((preprocessing.size, preprocessing.size, 3))
    for start in range(0, len(subset), EXACT):
        for image in pixels[subset.indices[start : start + EXACT]]:
            total += center_crop(image, preprocessing)
    mean = total / max(1, len(subset))
    if preprocessing.channels == "BGR":
        mean = mean[:, :, ::-1]
    image = (mean - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    return torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))


@dataclass(frozen=True)
class PrincipalColors:
    """Directions in which the colors of the training pixels vary most.

    eigenvalues: [3], of the covariance of RGB values on the scale 0-255, largest first. vectors: [3, 3], in columns.
    """

    eigenvalues: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float64]

    def shifts(self, count: int, strength: float, form: str, generator: torch.Generator) -> Tensor:
        """Random shifts of RGB for `count` images, gray levels, [count, 3].

            shift = P (alpha s)        alpha ~ N(0, strength²), a number for each direction and image

        Args:
            form: `eigenvalue`: s is the eigenvalue of the covariance on the scale 0-1, times 255 (the paper's formula
                on the scale where it gives some gray levels; on 0-255 it would give hundreds). `std`: s is the
                square root of the eigenvalue, as the name `color_stdevs` in the 2012 program says.
            strength: std of alpha, >= 0.

        Source: Krizhevsky et al. 2012, §4.1; convdata_jpeg.py of the 2012 program.
        """
        scale = self.eigenvalues / 255.0 if form == "eigenvalue" else np.sqrt(self.eigenvalues)
        alpha = torch.randn(count, 3, generator=generator, dtype=torch.float64) * strength
        return (alpha * torch.from_numpy(scale) @ torch.from_numpy(self.vectors).T).float()


def principal_colors(pixels: PixelRows, subset: Subset, *, most: int = MAX_IMAGES) -> PrincipalColors:
    """Principal colors of up to `most` evenly spaced images of a subset, over all their pixels."""
    total, squares, count = np.zeros(3), np.zeros((3, 3)), 0
    for row in _sample(subset, most):
        values = pixels[row].reshape(-1, 3).astype(np.float64)
        total += values.sum(0)
        squares += values.T @ values
        count += len(values)
    mean = total / count
    eigenvalues, vectors = np.linalg.eigh(squares / count - np.outer(mean, mean))
    return PrincipalColors(np.maximum(eigenvalues[::-1], 0.0), vectors[:, ::-1].copy())
