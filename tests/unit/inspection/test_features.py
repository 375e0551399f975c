"""Features against a forward hook of torch, their cache, and nearest neighbors against scikit-learn."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from alexnet.data.cache import decode_folder
from alexnet.data.decode import normalize
from alexnet.data.folder import scan_folder
from alexnet.errors import DataError, GeometryError
from alexnet.inspection import neighbours
from alexnet.inspection.features import compute_features, features_of
from alexnet.inspection.neighbours import nearest_rows
from alexnet.runs.run import Run


@pytest.fixture
def images(narrow_run: Run, image_folder: Path):
    """The run's images, decoded as its network gets them."""
    return decode_folder(scan_folder(image_folder), narrow_run.model.preprocessing)


@pytest.mark.parametrize(("layer", "behind"), [("fc7", "relu7"), ("pool5", "pool5"), ("fc8", "fc8")])
def test_features_are_what_the_layer_gives(narrow_run: Run, images: object, layer: str, behind: str) -> None:
    classifier = narrow_run.model
    outputs: list[torch.Tensor] = []
    handle = classifier.network[behind].register_forward_hook(lambda _m, _i, output: outputs.append(output.clone()))
    with torch.no_grad():
        classifier.network.eval()(normalize(torch.from_numpy(images.pixels[:5].copy()), classifier.preprocessing))
    handle.remove()
    np.testing.assert_allclose(
        features_of(classifier, images.pixels[:5], layer), outputs[0].flatten(1).numpy(), rtol=1e-5, atol=1e-6
    )


def test_second_call_takes_the_cache_and_a_changed_weight_does_not(narrow_run: Run, images: object) -> None:
    classifier = narrow_run.model
    first = compute_features(classifier, images, "fc7")
    assert first.values.shape == (len(images.files), 128)
    counted: list[int] = []
    handle = classifier.network.register_forward_pre_hook(lambda *_: counted.append(1))
    again = compute_features(classifier, images, "fc7")
    np.testing.assert_array_equal(again.values, first.values)
    assert counted == []
    bias = classifier.network["conv1"].bias
    with torch.no_grad():
        bias[0] += 1.0
        changed = compute_features(classifier, images, "fc7")
        bias[0] -= 1.0
    handle.remove()
    assert counted
    assert not np.array_equal(changed.values, first.values)


def test_damaged_cache_is_computed_again(narrow_run: Run, images: object) -> None:
    first = np.array(compute_features(narrow_run.model, images, "pool5").values)
    for path in images.pixels_path.parent.glob("features-*.f32"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    np.testing.assert_array_equal(compute_features(narrow_run.model, images, "pool5").values, first)


def test_features_are_written_with_files_and_labels(narrow_run: Run, images: object, tmp_path: Path) -> None:
    features = compute_features(narrow_run.model, images, "pool5")
    with pytest.raises(DataError, match=r"features\.csv: features are written as \.npz"):
        features.save(tmp_path / "features.csv")
    with np.load(features.save(tmp_path / "features.npz")) as saved:
        np.testing.assert_array_equal(saved["values"], features.values)
        assert tuple(saved["files"]) == features.files
        assert tuple(saved["labels"]) == features.labels


def test_neighbors_equal_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    values, queries = rng.normal(size=(20_000, 32)).astype(np.float32), rng.normal(size=(7, 32)).astype(np.float32)
    rows, distances = nearest_rows(values, queries, k=6)
    expected, places = (
        NearestNeighbors(n_neighbors=6, algorithm="brute").fit(values.astype(float)).kneighbors(queries)
    )
    np.testing.assert_array_equal(rows, places)
    np.testing.assert_allclose(distances, expected, rtol=1e-5)


def test_neighbors_are_exact_where_the_vectors_are_long_and_close_together() -> None:
    rng = np.random.default_rng(4)
    values = (1000.0 + 0.1 * rng.normal(size=(2000, 64))).astype(np.float32)
    values[1500:1510] = values[7]  # of equals the earlier ones come first
    queries = values[[3, 7]]
    rows, distances = nearest_rows(values, queries, k=4)
    apart = np.linalg.norm(values[None].astype(float) - queries[:, None].astype(float), axis=2)
    np.testing.assert_array_equal(rows, np.argsort(apart, axis=1, kind="stable")[:, :4])
    np.testing.assert_allclose(distances, np.sort(apart, axis=1)[:, :4])
    assert rows[1].tolist() == [7, 1500, 1501, 1502]


def test_a_few_equal_vectors_are_told_apart_without_another_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, calls = neighbours._one_by_one, []
    monkeypatch.setattr(neighbours, "_one_by_one", lambda *args: calls.append(1) or slow(*args))
    values = np.random.default_rng(5).normal(size=(300, 8)).astype(np.float32)
    values[100:112] = values[3]
    rows, distances = nearest_rows(values, values[3:4], k=4)
    assert (rows.tolist(), distances.tolist(), calls) == ([[3, 100, 101, 102]], [[0.0] * 4], [])
    values[50:90] = values[3]
    rows, _ = nearest_rows(values, values[3:4], k=4)
    assert (rows.tolist(), calls) == ([[3, 50, 51, 52]], [1]), "too many for that"


def test_image_is_its_own_nearest_neighbor_and_few_rows_are_all_given() -> None:
    values = np.random.default_rng(1).normal(size=(3, 8))
    rows, distances = nearest_rows(values, values[1:2], k=10)
    assert rows.shape == (1, 3)
    assert (rows[0, 0], distances[0, 0]) == (1, 0.0)


def test_vectors_of_other_lengths_are_refused() -> None:
    with pytest.raises(GeometryError, match="of one length"):
        nearest_rows(np.zeros((2, 3)), np.zeros((1, 4)))


def test_neighbors_among_some_rows_are_those_of_a_copy_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    values, queries = rng.normal(size=(500, 8)).astype(np.float32), rng.normal(size=(4, 8)).astype(np.float32)
    rows = np.flatnonzero(rng.random(500) < 0.4)
    expected, distances = nearest_rows(values[rows], queries, 6)
    for size in (4 * 8, 4 * 8 * 7, 1 << 21):  # 1, 7 and all rows at a time
        monkeypatch.setattr("alexnet.inspection.neighbours.CHUNK_BYTES", size)
        near, apart = nearest_rows(values, queries, 6, rows=rows)
        np.testing.assert_array_equal(near, rows[expected])
        np.testing.assert_allclose(apart, distances)
    few, _ = nearest_rows(values, queries, 6, rows=rows[:3])
    assert sorted(few[0].tolist()) == rows[:3].tolist()


def test_features_are_not_copied_as_a_whole_to_find_neighbors(tmp_path: Path) -> None:
    values = np.memmap(tmp_path / "rows.f32", np.float32, "w+", shape=(20_000, 512))
    values[:] = np.random.default_rng(3).normal(size=values.shape)
    rows = np.arange(0, 20_000, 2)
    tracemalloc.start()
    near, _ = nearest_rows(values, np.array(values[[4, 10_000]]), 3, rows=rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert near[:, 0].tolist() == [4, 10_000]
    assert peak < values.nbytes / 4, "a copy of the rows takes half of it"
