"""The history of kernels and the matching of two layers, against values worked out by hand."""

import numpy as np
import pytest

from alexnet.errors import GeometryError
from alexnet.inspection.kernel_history import KernelHistory, cosine_similarity
from alexnet.inspection.kernel_pairs import pair_kernels


def history(*moments: np.ndarray) -> KernelHistory:
    return KernelHistory("conv1", tuple(range(len(moments))), np.stack(moments).astype(np.float32))


def test_kernels_that_stayed_have_cosine_1_and_no_change() -> None:
    start = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    result = history(start, 2 * start).summary()
    assert result.cosine_to_start == pytest.approx(1.0)
    assert result.change == pytest.approx(1.0), "twice as long is a change of its own length"
    assert result.norm == pytest.approx(2 * result.norm_at_start)


def test_cosine_is_that_of_the_flattened_weights() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 3, 3, 5, 5))
    expected = [
        a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(cosine_similarity(one, other), expected)
    assert cosine_similarity(np.zeros_like(one), other).tolist() == [0.0, 0.0, 0.0]


def test_every_moment_has_its_medians() -> None:
    start = np.random.default_rng(2).normal(size=(6, 3, 5, 5))
    plain = history(start, start + 1.0, start + 10.0).to_dict()
    assert plain["epochs"] == [0, 1, 2]
    structure = plain["structure"]
    assert structure[0] < 0.5 < structure[2], "a constant kernel repeats itself at every shift"


def test_one_set_of_kernels_for_each_epoch_is_needed() -> None:
    with pytest.raises(GeometryError, match="2 epochs for 1 sets"):
        KernelHistory("conv1", (0, 1), np.zeros((1, 2, 3, 5, 5), np.float32))


def test_shuffled_kernels_are_matched_with_themselves() -> None:
    rng = np.random.default_rng(3)
    kernels = rng.normal(size=(20, 3, 7, 7))
    order = rng.permutation(20)
    pairs = pair_kernels(kernels, 3.0 * kernels[order] + 0.5)
    assert all(order[pair.second] == pair.first for pair in pairs)
    assert all(pair.correlation == pytest.approx(1.0) for pair in pairs)
    assert len(pairs) == 20


def test_layers_of_other_shapes_are_refused_and_of_other_numbers_matched_as_far_as_they_go() -> None:
    with pytest.raises(GeometryError, match="the same in both"):
        pair_kernels(np.zeros((2, 3, 11, 11)), np.zeros((2, 3, 5, 5)))
    assert len(pair_kernels(np.zeros((2, 3, 5, 5)), np.zeros((7, 3, 5, 5)))) == 2
