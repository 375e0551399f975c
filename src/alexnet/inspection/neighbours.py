"""The nearest images: whose features lie closest to those of a given image."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int

from alexnet.errors import GeometryError

__all__ = ["nearest_rows"]

CHUNK, CHUNK_BYTES = 8192, 1 << 21
"""Rows compared at once, at most, and their size: bounds the memory, and they stay in the CPU's cache."""

SPARE = 16
"""Rows looked at in float64 beyond those that are wanted: enough to tell most near ties apart."""

ROUNDING = 2e-6
"""Error of a squared distance by one matrix product, as a fraction of the vectors' squared norms, at most."""


def nearest_rows(
    values: Float[np.ndarray, "N D"],
    queries: Float[np.ndarray, "Q E"],
    k: int = 5,
    *,
    rows: Int[np.ndarray, " M"] | None = None,
) -> tuple[Int[np.ndarray, "Q K"], Float[np.ndarray, "Q K"]]:
    """For each query, the `k` rows at the smallest Euclidean distance, nearest first; exact.

    Of equal distances the earlier row comes first. Where there are fewer rows than `k`, all of them. `values` may be
    mapped from the disk: they are read once, a few at a time, and never copied as a whole. Two queries among 85,000
    of 100,000 rows of 4,096 numbers take 1 s on one core, and 5 MB besides the mapped pages.

    Args:
        rows: numbers of those to look among, ascending; None for all.

    Returns:
        The numbers of the rows in `values`, and the distances.

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
    near, beyond = _candidates(values, wanted, k + SPARE, rows)
    size, pairs = min(k, near.shape[1]), []
    for candidates, query, others in zip(near, queries, beyond, strict=True):
        numbers, distances = (each[:k] for each in _sorted(values[candidates], query, candidates))
        if size and distances[-1] ** 2 >= others:
            numbers, distances = _one_by_one(values, query, k, rows)
        pairs.append((numbers, distances))
    numbers = np.array([numbers for numbers, _ in pairs], np.int64).reshape(len(queries), size)
    return numbers, np.array([distances for _, distances in pairs], np.float64).reshape(len(queries), size)


def _candidates(
    values: np.ndarray, queries: np.ndarray, k: int, rows: Int[np.ndarray, " M"] | None
) -> tuple[Int[np.ndarray, "Q K"], Float[np.ndarray, " Q"]]:
    """Numbers of the `k` nearest rows of each query but for rounding, and a squared distance that no other is below.

    Of the chunks before, only the `k` nearest and the next one are kept.
    """
    near, best = np.empty((len(queries), 0), np.int64), torch.empty(len(queries), 0)
    largest = 0.0
    for part, numbers in _chunks(values, rows):
        part = np.asarray(part, np.float32)
        squares = np.einsum("nd,nd->n", part, part)
        largest = max(largest, float(squares.max()))
        distances = squares[None] + (queries**2).sum(1)[:, None] - 2.0 * (queries @ part.T)
        both = torch.cat([best, torch.from_numpy(distances)], 1)
        best, places = both.topk(min(k + 1, both.shape[1]), dim=1, largest=False, sorted=True)
        every = np.concatenate([near, np.broadcast_to(numbers, (len(queries), len(numbers)))], 1)
        near = np.take_along_axis(every, places.numpy(), 1)
    if near.shape[1] <= k:
        return near, np.full(len(queries), np.inf)
    return near[:, :k], best[:, k].numpy() - ROUNDING * (largest + (queries**2).sum(1))


def _sorted(
    part: Float[np.ndarray, "n D"], query: Float[np.ndarray, " D"], numbers: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Rows by their distance, in float64, and by their number where they are equally far."""
    distances = np.linalg.norm(part.astype(np.float64) - query.astype(np.float64), axis=1)
    order = np.lexsort((numbers, distances))
    return numbers[order], distances[order]


def _one_by_one(
    values: np.ndarray, query: Float[np.ndarray, " D"], k: int, rows: Int[np.ndarray, " M"] | None
) -> tuple[Int[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """The `k` nearest rows of a query, from the differences themselves: slower, and right where squares are not."""
    near, best = np.empty(0, np.int64), np.empty(0)
    for part, numbers in _chunks(values, rows):
        ordered, distances = _sorted(part, query, numbers)
        near, best = np.concatenate([near, ordered[:k]]), np.concatenate([best, distances[:k]])
        order = np.lexsort((near, best))[:k]
        near, best = near[order], best[order]
    return near, best


def _chunks(
    values: np.ndarray, rows: Int[np.ndarray, " M"] | None
) -> Iterator[tuple[np.ndarray, Int[np.ndarray, " n"]]]:
    """The vectors, a few at a time, and their numbers."""
    count, step = (
        len(values) if rows is None else len(rows),
        max(1, min(CHUNK, CHUNK_BYTES // (4 * max(1, values.shape[1])))),
    )
    for start in range(0, count, step):
        stop = min(start + step, count)
        numbers = np.arange(start, stop) if rows is None else rows[start:stop]
        yield values[start:stop] if rows is None else values[numbers], numbers
