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
"""Directions more than asked for while iterating; they make the last ones exact sooner."""

MOST_ROUNDS = 60


def principal_components(
    values: Float[np.ndarray, "N D"], count: int = 2, *, tolerance: float = 1e-5
) -> tuple[Float[np.ndarray, "N K"], Float[np.ndarray, " K"]]:
    """Coordinates of each row along the principal components, and the fraction of the variance of each.

    Found by subspace iteration, a chunk of rows at a time, so that the values may be mapped from a disk. The sign of
    a component is that with which its largest weight is positive. The same values give the same numbers.

    Args:
        count: components, at most N and D; fewer are returned where there are fewer.
        tolerance: relative change of the variances at which the iteration ends.

    Raises:
        GeometryError: no array of that shape, or fewer than two rows.

    Source: Halko, Martinsson & Tropp 2011, arXiv:0909.4061.

    >>> places, fractions = principal_components(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [3.0, 1.0]]))
    >>> fractions.round(2).tolist()
    [0.9, 0.1]
    """
    if values.ndim != 2 or len(values) < 2 or count < 1:
        raise GeometryError(
            f"values of shape {values.shape}: give at least two rows [N, D], and at least 1 component"
        )
    num_rows, size = values.shape
    width = min(count + SPARE, num_rows, size)
    mean = sum(chunk.sum(0, dtype=np.float64) for chunk in _chunks(values)) / num_rows
    total = float(sum((_centered(chunk, mean) ** 2).sum(dtype=np.float64) for chunk in _chunks(values)))
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(size, width)))[0]
    before = np.zeros(width)
    for _ in range(MOST_ROUNDS):
        product, narrow = np.zeros((size, width)), basis.astype(np.float32)
        for chunk in _chunks(values):
            rows = _centered(chunk, mean)
            product += rows.T @ (rows @ narrow)
        basis, triangle = np.linalg.qr(product)
        variances = np.abs(np.diag(triangle))
        if np.abs(variances - before)[:count].max() <= tolerance * max(float(variances.max()), 1e-30):
            break
        before = variances
    places = np.concatenate([_centered(chunk, mean) @ basis for chunk in _chunks(values)])
    # inside the subspace the components are exact
    _, squares, turned = np.linalg.svd(places.T @ places)
    directions = basis @ turned.T
    largest = directions[np.abs(directions).argmax(0), np.arange(width)]
    places = places @ turned.T * np.where(largest < 0.0, -1.0, 1.0)
    kept = min(count, width)
    return places[:, :kept], squares[:kept] / max(total, 1e-30)


def _chunks(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]


def _centered(chunk: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.asarray(chunk - mean, np.float32)


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
