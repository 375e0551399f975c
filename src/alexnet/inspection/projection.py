"""Many numbers for each image become two: principal components, and t-SNE of the first fifty of them."""

import numpy as np
from jaxtyping import Float

from alexnet.errors import GeometryError, RecipeError

__all__ = ["METHODS_OF_PROJECTION", "principal_components", "tsne"]

METHODS_OF_PROJECTION = ("tsne", "pca")

NUM_COMPONENTS = 50
"""Principal components that t-SNE starts from, as van der Maaten & Hinton do it."""

CHUNK = 2048
"""Rows that are multiplied at a time, which bounds the memory."""

SPARE = 10
"""Directions more than asked for in each round; they make the last ones exact sooner."""

MOST_ROUNDS = 12
"""Of values without structure, all of whose variances are alike, the components are then not exact."""


def principal_components(
    values: Float[np.ndarray, "N D"], count: int = 2, *, tolerance: float = 1e-5
) -> tuple[Float[np.ndarray, "N K"], Float[np.ndarray, " K"]]:
    """Coordinates of each row along the principal components, and the fraction of the variance of each.

    Found by block Krylov iteration, a chunk of rows at a time, so that the values may be mapped from a disk. The sign
    of a component is that with which its largest weight is positive. The same values give the same numbers.

    Args:
        count: components, at most N and D; fewer are returned where there are fewer.
        tolerance: relative change of the variances at which the iteration ends.

    Raises:
        GeometryError: no array of that shape, or fewer than two rows.

    Source: Musco & Musco 2015, arXiv:1504.05477.

    >>> places, fractions = principal_components(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [3.0, 1.0]]))
    >>> fractions.round(2).tolist()
    [0.9, 0.1]
    """
    if values.ndim != 2 or len(values) < 2 or count < 1:
        raise GeometryError(
            f"values of shape {values.shape}: give at least two rows [N, D], and at least 1 component"
        )
    num_rows, size = values.shape
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    width = min(count + SPARE, num_rows, size)
    mean = np.asarray(sum(chunk.sum(0, dtype=np.float64) for chunk in _chunks(values)) / num_rows)
    total = float(sum(((chunk - mean) ** 2).sum(dtype=np.float64) for chunk in _chunks(values)))
    block = _times_scatter(values, mean, np.random.default_rng(0).normal(size=(size, width)))
    block = np.linalg.qr(block)[0]  # within the space of the rows, which may be smaller
    basis, products = np.empty((size, 0)), np.empty((size, 0))
    before = np.zeros(width)
    for _ in range(MOST_ROUNDS):
        basis, products = np.hstack([basis, block]), np.hstack([products, _times_scatter(values, mean, block)])
        squares, turned = np.linalg.eigh(basis.T @ products)
        squares, turned = squares[::-1][:width], turned[:, ::-1][:, :width]
        room = min(num_rows, size) - basis.shape[1]
        if room <= 0 or np.abs(squares - before)[:count].max() <= tolerance * max(float(squares[0]), 1e-30):
            break
        before = squares
        block = _orthogonal(products[:, -block.shape[1] :], basis)[:, :room]
    directions = basis @ turned
    largest = directions[np.abs(directions).argmax(0), np.arange(width)]
    directions = directions * np.where(largest < 0.0, -1.0, 1.0)
    kept = min(count, width)
    places = np.concatenate([_centered_product(chunk, mean, directions[:, :kept]) for chunk in _chunks(values)])
    return places, np.clip(squares[:kept], 0.0, None) / max(total, 1e-30)


def _times_scatter(values: np.ndarray, mean: np.ndarray, block: np.ndarray) -> np.ndarray:
    """The scatter matrix of the rows, which is never formed, times some columns."""
    product = np.zeros(block.shape)
    for chunk in _chunks(values):
        rows = _centered_product(chunk, mean, block)
        product += chunk.T @ rows.astype(chunk.dtype) - np.outer(mean, rows.sum(0))
    return product


def _centered_product(chunk: np.ndarray, mean: np.ndarray, block: np.ndarray) -> np.ndarray:
    """The rows, less their mean, times some columns."""
    return np.asarray(chunk @ block.astype(chunk.dtype) - mean @ block, np.float64)


def _orthogonal(block: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Columns that span what the block adds to the basis."""
    for _ in range(2):  # once more against rounding
        block = np.linalg.qr(block - basis @ (basis.T @ block))[0]
    return block


def _chunks(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]


def tsne(values: Float[np.ndarray, "N D"], *, seed: int = 0) -> Float[np.ndarray, "N 2"]:
    """Two numbers for each row, so that near rows stay near; from the first 50 principal components.

    It starts from the first two, so that the same values and seed give the same map. Distances between groups, and
    their sizes, mean little.

    Raises:
        RecipeError: scikit-learn is not installed.
        GeometryError: fewer than five rows.

    Source: van der Maaten & Hinton 2008; the start: Kobak & Berens 2019, doi:10.1038/s41467-019-13056-x. Computed by
    scikit-learn.
    """
    if len(values) < 5:
        raise GeometryError(f"{len(values)} images: t-SNE needs at least 5; choose pca")
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise RecipeError(
            "t-SNE needs the package scikit-learn: pip install 'alexnet-workbench[map]', or choose pca"
        ) from error
    reduced = principal_components(values, NUM_COMPONENTS)[0].astype(np.float32)
    start = reduced[:, :2] / max(float(reduced[:, 0].std()), 1e-12) * 1e-4
    perplexity = min(30.0, (len(values) - 1) / 3)
    model = TSNE(2, init=start, perplexity=perplexity, learning_rate="auto", random_state=seed, n_jobs=-1)
    return np.asarray(model.fit_transform(reduced), np.float64)
