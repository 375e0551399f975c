"""The nearest images: whose features lie closest to those of a given image."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from alexnet.errors import GeometryError
from alexnet.records import Record

__all__ = ["Neighbour", "nearest_rows"]

CHUNK = 8192
"""Rows compared at once: bounds the memory."""


@dataclass(frozen=True)
class Neighbour(Record):
    """An image close to another one. distance: Euclidean, between their features."""

    file: str
    label: str
    distance: float


def nearest_rows(
    values: Float[np.ndarray, "N D"], queries: Float[np.ndarray, "Q E"], k: int = 5
) -> tuple[Int[np.ndarray, "Q K"], Float[np.ndarray, "Q K"]]:
    """For each query, the `k` rows at the smallest Euclidean distance, nearest first; exact.

    Of equal distances the earlier row comes first. Where there are fewer rows than `k`, all of them.

    Returns:
        The numbers of the rows, and the distances.

    Raises:
        GeometryError: the vectors have different lengths, or `k` is below 1.

    Source: nearest images by features: Krizhevsky et al. 2012, §6.1 and Figure 4.

    >>> rows, distances = nearest_rows(np.eye(3), np.array([[0.9, 0.1, 0.0]]), k=2)
    >>> rows.tolist()
    [[0, 1]]
    """
    if values.ndim != 2 or queries.ndim != 2 or values.shape[1] != queries.shape[1]:
        raise GeometryError(f"features of {values.shape} and {queries.shape}: their vectors must be of one length")
    if k < 1:
        raise GeometryError(f"k = {k}: give at least 1")
    wanted = queries.astype(np.float32)
    squared = np.concatenate([_squared_distances(part, wanted) for part in _chunks(values)], axis=1)
    count = min(k, len(values))
    near = torch.from_numpy(squared).topk(count, dim=1, largest=False, sorted=False).indices.numpy()
    # candidates again in float64: differences of large squares lose digits
    exact = np.stack(
        [
            np.linalg.norm(values[rows].astype(np.float64) - query.astype(np.float64), axis=1)
            for rows, query in zip(near, queries, strict=True)
        ]
    )
    order = np.lexsort((near, exact), axis=1)
    return np.take_along_axis(near, order, 1), np.take_along_axis(exact, order, 1)


def _chunks(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]


def _squared_distances(rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """[Q, n]; by one matrix product."""
    rows = np.asarray(rows, np.float32)
    products = queries @ rows.T
    return np.asarray((rows**2).sum(1)[None] + (queries**2).sum(1)[:, None] - 2.0 * products)
