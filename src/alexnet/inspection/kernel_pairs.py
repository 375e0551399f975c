"""Kernels of two networks, matched: which kernel of the one is most like which of the other."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from alexnet.errors import GeometryError
from alexnet.records import Record

__all__ = ["KernelPair", "pair_kernels"]


@dataclass(frozen=True)
class KernelPair(Record):
    """A kernel of the first network and the one of the second that it is matched with, and their correlation."""

    first: int
    second: int
    correlation: float


def pair_kernels(first: Float[np.ndarray, "A I h w"], second: Float[np.ndarray, "B J g v"]) -> tuple[KernelPair, ...]:
    """Match the kernels of two layers, each at most once, the most similar pair first.

    The similarity is Pearson's correlation of the weights. Pairs are chosen greedily: of all kernels that are left,
    the two with the highest correlation.

    Raises:
        GeometryError: the kernels have different sizes or numbers of channels.

    >>> kernels = np.random.default_rng(0).normal(size=(3, 1, 5, 5))
    >>> [(pair.first, pair.second) for pair in sorted(pair_kernels(kernels, kernels[::-1]), key=lambda p: p.first)]
    [(0, 2), (1, 1), (2, 0)]
    """
    if first.shape[1:] != second.shape[1:]:
        raise GeometryError(
            f"kernels of shape {list(first.shape[1:])} and {list(second.shape[1:])} cannot be compared: choose a "
            "layer that is the same in both networks"
        )
    correlations = _standardized(first) @ _standardized(second).T
    order = np.argsort(-correlations, axis=None, kind="stable")
    pairs: list[KernelPair] = []
    free_rows, free_columns = set(range(len(first))), set(range(len(second)))
    for row, column in zip(*np.divmod(order, len(second)), strict=True):
        if row in free_rows and column in free_columns:
            pairs.append(KernelPair(int(row), int(column), float(correlations[row, column])))
            free_rows.remove(int(row))
            free_columns.remove(int(column))
            if not free_rows or not free_columns:
                break
    return tuple(pairs)


def _standardized(kernels: np.ndarray) -> np.ndarray:
    """Kernels as rows of mean 0 and norm 1; all zeros where a kernel is constant."""
    rows = kernels.reshape(len(kernels), -1).astype(np.float64)
    rows = rows - rows.mean(1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-12))
