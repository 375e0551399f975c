"""A linear classifier on features, fitted in seconds, and its probabilities for images that it has not seen."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from alexnet.training.torch_optimizers import LBFGS

__all__ = ["LinearHead", "assign_folds", "fit_head", "fold_digests", "held_out_probabilities", "principal_components"]

L2 = 1e-3
"""Weight of the squared weights in the loss, on standardized features; chosen on spoiled natural8."""

ITERATIONS = 100
"""Steps of L-BFGS at most."""


@dataclass(frozen=True, eq=False)
class LinearHead:
    """softmax(((x - mean) / std) @ weight + bias), over the classes in the order of their numbers."""

    mean: Float[np.ndarray, " D"]
    std: Float[np.ndarray, " D"]
    weight: Float[np.ndarray, "D K"]
    bias: Float[np.ndarray, " K"]

    def probabilities(self, values: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N K"]:
        """Probabilities of every class for each row."""
        logits = ((values - self.mean) / self.std) @ self.weight + self.bias
        logits -= logits.max(1, keepdims=True)
        powers = np.exp(logits)
        return np.asarray(powers / powers.sum(1, keepdims=True))


def fit_head(
    values: Float[np.ndarray, "N D"], labels: Int[np.ndarray, " N"], num_classes: int, *, l2: float = L2
) -> LinearHead:
    """Fit a softmax regression: mean cross-entropy plus l2 times the sum of squared weights, by L-BFGS.

    Deterministic: it starts from zero.

    >>> head = fit_head(np.array([[0.0], [1.0]]), np.array([0, 1]), 2)
    >>> head.probabilities(np.array([[0.0], [1.0]])).argmax(1).tolist()
    [0, 1]
    """
    mean, std = values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
    std = np.where(std > 1e-6, std, 1.0)  # a unit that never answers stays silent
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.from_numpy(np.asarray((values - mean) / std, np.float32))
        y = torch.from_numpy(np.asarray(labels, np.int64))
        both = torch.zeros(x.shape[1] + 1, num_classes, requires_grad=True)  # the bias is the last row
        optimizer = LBFGS([both], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            weight, bias = both[:-1], both[-1]
            value = torch.nn.functional.cross_entropy(torch.addmm(bias, x, weight), y) + l2 * weight.square().sum()
            (both.grad,) = torch.autograd.grad(value, both)
            return value

        optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = both.detach().double().numpy()
    return LinearHead(mean, std, fitted[:-1], fitted[-1])


def principal_components(values: Float[np.ndarray, "N D"], most: int) -> Float[np.ndarray, "N C"]:
    """The rows by their `most` largest principal components; unchanged where they have no more numbers than that.

    No label is used, so that images which are judged may be among the rows. By a randomized decomposition from a
    fixed seed (Halko, Martinsson & Tropp 2011, arXiv:0909.4061).

    >>> principal_components(np.eye(6, 300, dtype=np.float32), 4).shape
    (6, 4)
    """
    if values.shape[1] <= most:
        return values
    rng = np.random.default_rng(0)
    centered = values - values.mean(0)
    basis = centered @ rng.normal(size=(values.shape[1], most + 10)).astype(np.float32)
    for _ in range(2):
        basis, _ = np.linalg.qr(basis)
        basis = centered @ (centered.T @ basis)
    basis, _ = np.linalg.qr(basis)
    _, _, directions = np.linalg.svd(basis.T @ centered, full_matrices=False)
    return np.asarray(centered @ directions[:most].T)


def assign_folds(
    classes: Sequence[str], digests: Sequence[str], num_folds: int, *, seed: int = 0
) -> Int[np.ndarray, " N"]:
    """The fold of each image, 0 to num_folds - 1: as many of each class in each fold, identical images in one.

    Args:
        classes: of each image. digests: of its pixels, or of its group; images that share one go to the fold of the
            first. The largest groups of a class are shared out first, each to the fold with the fewest of the class.
    """
    sizes = Counter(digests)
    order = sorted(
        range(len(classes)),
        key=lambda row: (
            classes[row],
            -sizes[digests[row]],
            blake2b(f"{seed} {digests[row]}".encode(), digest_size=16).digest(),
        ),
    )
    fold_of: dict[str, int] = {}
    folds = np.zeros(len(classes), np.int64)
    turn, counts = 0, defaultdict[str, list[int]](lambda: [0] * num_folds)
    for row in order:
        filled = counts[classes[row]]
        if digests[row] not in fold_of:
            fold_of[digests[row]] = min(range(num_folds), key=lambda k: (filled[k], (k - turn) % num_folds))
            turn = fold_of[digests[row]] + 1
        folds[row] = fold_of[digests[row]]
        filled[folds[row]] += 1
    return folds


def fold_digests(groups: Sequence[str], digests: Sequence[str], classes: Sequence[str], num_folds: int) -> list[str]:
    """What `assign_folds` keeps together: groups of near duplicates, but in classes of fewer groups than folds.

    There each image is for itself, since the networks of some fold would see no image of the class.

    Args:
        groups: of each image. digests: of its pixels. classes: of each image.
    """
    num_groups = Counter(name for name, _ in {*zip(classes, groups, strict=True)})
    return [
        group if num_groups[name] >= num_folds else digest
        for group, digest, name in zip(groups, digests, classes, strict=True)
    ]


def held_out_probabilities(
    values: Float[np.ndarray, "N D"],
    labels: Int[np.ndarray, " N"],
    folds: Int[np.ndarray, " N"],
    num_classes: int,
    *,
    l2: float = L2,
) -> Float[np.ndarray, "N K"]:
    """Probabilities of each row by a head that was fitted on the rows of the other folds."""
    probs = np.full((len(labels), num_classes), 1.0 / num_classes)
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        if rest.any():
            probs[held] = fit_head(values[rest], labels[rest], num_classes, l2=l2).probabilities(values[held])
    return probs
