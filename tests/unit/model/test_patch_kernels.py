"""Kernels from patches: against plain references, and on images whose structure is planted."""

import numpy as np
import pytest
import torch

from alexnet.model.patch_kernels import cluster_directions, normalize_patches, patch_kernels, whitening_matrix


def striped(count: int, *, vertical: bool = True, seed: int = 0) -> torch.Tensor:
    """Gray patches [count, 3, 11, 11] of stripes with random period, phase and contrast, and noise as of rounding."""
    rng = np.random.default_rng(seed)
    period, phase = rng.uniform(4, 12, (count, 1)), rng.uniform(0, 2 * np.pi, (count, 1))
    wave = rng.uniform(20, 100, (count, 1)) * np.sin(2 * np.pi * np.arange(11) / period + phase)
    image = np.broadcast_to(wave[:, None, None, :], (count, 3, 11, 11)) + rng.normal(0, 1, (count, 3, 11, 11))
    tensor = torch.from_numpy(image.astype(np.float32))
    return tensor if vertical else tensor.transpose(2, 3)


def spherical_k_means(rows: np.ndarray, num_centers: int, seed: int, rounds: int) -> np.ndarray:
    """The reference: loops over rows and centers, with the same random draws."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(rows), generator=generator).numpy()
    centers = [rows[order[k % len(rows)]] / np.linalg.norm(rows[order[k % len(rows)]]) for k in range(num_centers)]
    for _ in range(rounds):
        sums = [np.zeros(rows.shape[1]) for _ in centers]
        counts = [0] * num_centers
        for row in rows:
            nearest = max(range(num_centers), key=lambda k: row @ centers[k])
            sums[nearest] += row
            counts[nearest] += 1
        again = torch.randint(len(rows), (num_centers,), generator=generator).numpy()
        sums = [sums[k] if counts[k] else rows[again[k]] for k in range(num_centers)]
        centers = [total / np.linalg.norm(total) for total in sums]
    return np.array(centers)


def test_k_means_equals_the_plain_reference() -> None:
    rows = torch.from_numpy(np.random.default_rng(3).normal(size=(200, 6))).float()
    centers, has_rows = cluster_directions(rows, 9, seed=5, rounds=4)
    np.testing.assert_allclose(centers.numpy(), spherical_k_means(rows.double().numpy(), 9, 5, 4), atol=1e-5)
    assert has_rows.all()


def test_k_means_finds_planted_directions() -> None:
    rng = np.random.default_rng(0)
    planted = np.linalg.qr(rng.normal(size=(8, 8)))[0][:5]
    rows = planted[rng.integers(0, 5, 500)] * rng.uniform(0.5, 2, (500, 1)) + rng.normal(0, 0.05, (500, 8))
    centers, _ = cluster_directions(torch.from_numpy(rows).float(), 12, seed=0)
    similarity = planted @ centers.numpy().T
    assert (similarity.max(1) > 0.99).all()


def test_whitened_rows_vary_alike_up_to_the_offset() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(5000, 4)) * [3.0, 1.0, 0.3, 0.0]
    whitened = rows @ whitening_matrix(torch.from_numpy(rows).float(), offset=0.1).double().numpy()
    values = np.linalg.eigvalsh(rows.T @ rows / len(rows))
    np.testing.assert_allclose(
        np.linalg.eigvalsh(whitened.T @ whitened / len(rows)), values / (values + 0.1), atol=1e-3
    )


def test_patches_get_mean_zero_and_nearly_unit_variance() -> None:
    rows = torch.from_numpy(np.random.default_rng(2).normal(40, [[1], [50]], (2, 300))).float()
    result = normalize_patches(rows, variance_offset=10.0).numpy()
    centerd = rows.numpy() - rows.numpy().mean(1, keepdims=True)
    np.testing.assert_allclose(result, centerd / np.sqrt(centerd.var(1, keepdims=True) + 10), atol=1e-4)
    assert result[0].var() < 0.2, "faint patches stay faint"
    assert result[1].var() > 0.98


@pytest.mark.parametrize("vertical", [True, False])
def test_kernels_of_striped_patches_vary_only_across_the_stripes(vertical: bool) -> None:
    chosen = patch_kernels(striped(4000, vertical=vertical), 16, seed=0, variance_offset=10.0)
    kernels = chosen.weights.mean(1)
    across, along = (kernels.mean(axis).square().sum(1) for axis in ((1, 2) if vertical else (2, 1)))
    assert chosen.num_distinct == 16
    assert (across > 50 * along).all()


def test_kernels_of_two_colors_lie_between_these_colors() -> None:
    rng = np.random.default_rng(0)
    red, cyan = np.array([220.0, 30.0, 30.0]), np.array([30.0, 220.0, 220.0])  # green and blue always equal
    edges = rng.integers(1, 10, 3000)
    left = np.arange(11) < edges[:, None]
    swap = rng.random(3000) < 0.5
    is_red = (left ^ swap[:, None])[:, None, None, :]
    image = np.where(is_red, red[:, None, None], cyan[:, None, None]).repeat(11, 2) + rng.normal(
        0, 1, (3000, 1, 11, 11)
    )
    weights = patch_kernels(torch.from_numpy(image).float(), 8, seed=0, variance_offset=10.0).weights
    torch.testing.assert_close(weights[:, 1], weights[:, 2], atol=1e-4, rtol=0.0)
    assert ((weights[:, 0] - weights[:, 1]).flatten(1).norm(dim=1) > 0.5).all()


def test_kernels_depend_on_the_seed_alone_and_leave_the_random_state() -> None:
    patches = striped(1000)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again, other = (patch_kernels(patches, 8, seed=s, variance_offset=10.0).weights for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_flat_patches_suggest_no_kernels() -> None:
    gray = torch.full((100, 3, 11, 11), 80.0)
    chosen = patch_kernels(gray, 8, seed=0, variance_offset=10.0)
    assert chosen.num_distinct == 0
    assert chosen.weights.abs().sum() == 0


def test_three_different_patches_suggest_three_kernels() -> None:
    patches = torch.from_numpy(np.random.default_rng(0).normal(0, 60, (3, 3, 11, 11))).float()
    chosen = patch_kernels(patches.repeat(40, 1, 1, 1), 8, seed=0, variance_offset=10.0)
    assert chosen.num_distinct == 3
    norms = chosen.weights.flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, chosen.is_distinct.float())
