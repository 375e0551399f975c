"""Principal components against scikit-learn's, and t-SNE that keeps groups apart and repeats itself."""

import builtins

import numpy as np
import pytest
from sklearn.decomposition import PCA

from alexnet.errors import GeometryError, RecipeError
from alexnet.inspection.projection import principal_components, tsne


def three_groups(count: int = 30, size: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = 6.0 * rng.normal(size=(3, size))
    return np.concatenate([center + rng.normal(size=(count, size)) for center in centers]).astype(np.float32)


@pytest.mark.parametrize("shape", [(500, 60), (40, 300), (6, 4)])
def test_components_and_variances_equal_scikit_learns(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=shape) * np.geomspace(10.0, 0.1, shape[1]) + 5.0).astype(np.float32)
    places, fractions = principal_components(values, 3)
    oracle = PCA(3, svd_solver="full").fit(values.astype(np.float64))
    np.testing.assert_allclose(fractions, oracle.explained_variance_ratio_, rtol=1e-4)
    expected = oracle.transform(values.astype(np.float64))
    signs = np.sign((places * expected).sum(0))
    np.testing.assert_allclose(places, expected * signs, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.slow
def test_the_same_values_give_the_same_places() -> None:
    values = three_groups()
    np.testing.assert_array_equal(principal_components(values, 2)[0], principal_components(values, 2)[0])
    np.testing.assert_array_equal(tsne(values), tsne(values))


def test_tsne_keeps_groups_together() -> None:
    places = tsne(three_groups())
    labels = np.repeat([0, 1, 2], 30)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(90)
    assert (labels[apart.argmin(1)] == labels).all()


def test_components_of_equal_rows_are_zero() -> None:
    places, fractions = principal_components(np.ones((4, 3)), 2)
    assert np.abs(places).max() < 1e-6
    assert np.isfinite(fractions).all()


def test_what_cannot_be_projected_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GeometryError, match="at least two rows"):
        principal_components(np.zeros((1, 3)))
    with pytest.raises(GeometryError, match="needs at least 5; choose pca"):
        tsne(np.zeros((4, 3)))
    real = builtins.__import__

    def without_sklearn(name: str, *rest: object, **options: object) -> object:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_sklearn)
    with pytest.raises(RecipeError, match=r"pip install 'alexnet-workbench\[map\]', or choose pca"):
        tsne(three_groups())
