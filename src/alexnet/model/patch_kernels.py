"""First-layer kernels from the images themselves: whitened patches, clustered by spherical k-means."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["PatchKernels", "cluster_directions", "normalize_patches", "patch_kernels", "whitening_matrix"]

WHITENING_OFFSET = 1.0
"""Added to the eigenvalues before whitening, for patches of unit variance: directions that vary less than an average
one are not blown up. Coates & Ng 2012, §2.1, take 0.1, with which kernels of 11 x 11 px show the images' noise.
"""

ROUNDS = 20
"""Rounds of k-means; the centers hardly move after ten (Coates & Ng 2012, §2.2)."""

CHUNK = 8192
"""Patches compared with all centers at once: bounds the memory to `CHUNK` times the number of kernels."""

ALIKE = 0.9999
"""Cosine from which two centers count as the same one."""

FLAT = 1e-3
"""Variance of a normalized patch below which it counts as one flat gray, without a shape or a color."""


@dataclass(frozen=True, eq=False)
class PatchKernels:
    """Kernels that patches suggest.

    weights: [O, C, k, k], each of norm 1; zero where `is_distinct` is false.
    is_distinct: [O], false for kernels that no patch belongs to, because the patches show fewer different things
        than there are kernels.
    """

    weights: Float[Tensor, "O C k k"]
    is_distinct: Bool[Tensor, " O"]

    @property
    def num_distinct(self) -> int:
        """How many kernels have patches."""
        return int(self.is_distinct.sum())


@torch.no_grad()
def patch_kernels(
    patches: Float[Tensor, "N C k k"], num_kernels: int, *, seed: int, variance_offset: float, rounds: int = ROUNDS
) -> PatchKernels:
    """Kernels that respond to what patches of the training images show: edges, textures and colors.

    Each patch is shifted to mean 0 and scaled to variance 1, all are whitened (ZCA) and clustered by spherical
    k-means. A kernel is a center mapped back through the whitening, so that it responds to a patch as the center
    does to the whitened patch.

    Args:
        patches: what the first layer sees at random places of the images; at least one.
        num_kernels: kernels wanted, >= 1.
        seed: the result depends on it and the patches alone; torch's global random state stays as it is.
        variance_offset: added to each patch's variance before it is divided by it, so that noise in flat patches is
            not blown up; 10 for pixel values from 0 to 255.
        rounds: rounds of k-means, >= 1.

    Source: Coates & Ng 2012, "Learning feature representations with k-means"; for AlexNet: Krähenbühl et al. 2016,
    arXiv:1511.06856.
    """
    shape = patches.shape[1:]
    rows = normalize_patches(patches.flatten(1), variance_offset=variance_offset)
    rows = rows[rows.square().mean(1) > FLAT]
    weights, is_distinct = torch.zeros(num_kernels, *shape), torch.zeros(num_kernels, dtype=torch.bool)
    if not len(rows):
        return PatchKernels(weights, is_distinct)
    whitening = whitening_matrix(rows)
    centers, is_distinct = cluster_directions(rows @ whitening, num_kernels, seed=seed, rounds=rounds)
    kernels = torch.nn.functional.normalize(centers @ whitening, dim=1) * is_distinct[:, None]
    return PatchKernels(kernels.view(num_kernels, *shape), is_distinct)


def normalize_patches(rows: Float[Tensor, "N D"], *, variance_offset: float) -> Float[Tensor, "N D"]:
    """Each row with mean 0, divided by the root of its variance plus an offset."""
    rows = rows - rows.mean(1, keepdim=True)
    return rows / (rows.square().mean(1, keepdim=True) + variance_offset).sqrt()


def whitening_matrix(rows: Float[Tensor, "N D"], *, offset: float = WHITENING_OFFSET) -> Float[Tensor, "D D"]:
    """The symmetric matrix that makes all directions of the rows vary alike (ZCA).

    W = V diag(1 / sqrt(d + offset)) Vᵀ        V, d: eigenvectors and eigenvalues of rowsᵀ rows / N
    """
    covariance = (rows.T @ rows).double() / len(rows)
    values, vectors = torch.linalg.eigh(covariance)
    whitening: Tensor = (vectors / (values.clamp(min=0.0) + offset).sqrt()) @ vectors.T
    return whitening.float()


def cluster_directions(
    rows: Float[Tensor, "N D"], num_centers: int, *, seed: int, rounds: int = ROUNDS
) -> tuple[Float[Tensor, "K D"], Bool[Tensor, " K"]]:
    """Spherical k-means: unit vectors, each the direction of the sum of the rows that are nearest to it.

    Rows count by their length, so that faint patches move no center. A center that loses all its rows starts again
    from a random row.

    Returns:
        The centers, and for each whether rows belong to it in the end and no center before it is the same.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(rows), generator=generator)
    centers = rows[order[torch.arange(num_centers) % len(rows)]]
    centers = torch.nn.functional.normalize(centers, dim=1)
    for _ in range(rounds):
        sums, counts = _gather(rows, centers)
        again = torch.randint(len(rows), (num_centers,), generator=generator)
        sums = torch.where(counts[:, None] > 0, sums, rows[again])
        centers = torch.nn.functional.normalize(sums, dim=1)
    has_rows = _gather(rows, centers)[1] > 0  # of centers that are the same, rounding decides which one gets a row
    is_repeated = (((centers @ centers.T).tril(-1) > ALIKE) & has_rows).any(1)
    return centers, has_rows & ~is_repeated


def _gather(rows: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Of each center, the sum and the number of the rows that are nearest to it in direction."""
    sums, counts = torch.zeros_like(centers), torch.zeros(len(centers), dtype=torch.int64)
    for chunk in torch.split(rows, CHUNK):
        nearest = (chunk @ centers.T).argmax(1)
        sums.index_add_(0, nearest, chunk)
        counts += torch.bincount(nearest, minlength=len(centers))
    return sums, counts
