"""Whether a heat map means anything: pixels deleted and inserted in its order, against chance and a center blob."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from alexnet.data.decode import normalize
from alexnet.inspection.attribution import AttributionMap, attribute
from alexnet.inspection.recording import preserved
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["Faithfulness", "OrderScore", "check_map", "check_maps"]

CELLS = 12
"""Cells a side into which an image is cut; they are deleted and inserted whole."""

STEPS = 12
"""Points of a curve besides its start."""

NUM_RANDOM = 8
"""Random orders that a map is compared with."""


@dataclass(frozen=True)
class OrderScore(Record):
    """How the class's probability, or that among two classes, falls and rises in one order of the cells.

    Args:
        deletion: mean probability while cells are replaced by the mean color, most important first; low is good.
        insertion: mean probability while they come back into a gray image in that order; high is good.
        score: insertion less deletion; higher is better.
    """

    deletion: float
    insertion: float

    @property
    def score(self) -> float:
        """Insertion less deletion."""
        return self.insertion - self.deletion

    def to_dict(self) -> dict[str, object]:
        """With the score."""
        return super().to_dict() | {"score": self.score}


@dataclass(frozen=True)
class Faithfulness(Record):
    """A heat map's order of cells against others.

    Args:
        own: in the order of the map.
        random: mean of random orders; best_random: the best of them by score.
        blob: from the center outwards.
        randomized: in the order of the same method's map of a network with random weights.
        similarity: correlation between the map and that of the random network; near 1, the map shows the image
            rather than the network.
        says_something: whether the map is better than every random order and than the blob.
    """

    own: OrderScore
    random: OrderScore
    best_random: OrderScore
    blob: OrderScore
    randomized: OrderScore
    similarity: float
    says_something: bool

    def __str__(self) -> str:
        """For people: one sentence."""
        if self.says_something:
            return (
                f"this map points at what the network uses: score {self.own.score:.2f}, at random "
                f"{self.random.score:.2f}, a blob in the middle {self.blob.score:.2f}"
            )
        if self.own.score <= self.blob.score:
            return (
                f"this map is no better than a blob in the middle: score {self.own.score:.2f} against "
                f"{self.blob.score:.2f}"
            )
        return (
            f"this map is no better than chance: score {self.own.score:.2f}, the best of {NUM_RANDOM} random orders "
            f"{self.best_random.score:.2f}"
        )


def check_map(classifier: Classifier, heat_map: AttributionMap, *, seed: int = 0) -> Faithfulness:
    """Test a heat map by deletion and insertion, and by the same method on random weights; nothing is changed.

    Args:
        seed: of the random orders and weights.

    Source: deletion and insertion: Petsiuk et al. 2018, arXiv:1806.07421; random weights: Adebayo et al. 2018,
    arXiv:1810.03292; the center as a baseline: Judd et al. 2009, ICCV.
    """
    return check_maps(classifier, [heat_map], seed=seed)[0]


def check_maps(
    classifier: Classifier, heat_maps: Sequence[AttributionMap], *, seed: int = 0
) -> tuple[Faithfulness, ...]:
    """Test several heat maps, each as `check_map` does, against one and the same network of random weights.

    Args:
        seed: of the random orders and weights.
    """
    randomized = _on_random_weights(classifier, heat_maps, seed)
    return tuple(_check(classifier, *pair, seed) for pair in zip(heat_maps, randomized, strict=True))


def _check(classifier: Classifier, heat_map: AttributionMap, randomized: AttributionMap, seed: int) -> Faithfulness:
    draw = np.random.default_rng(seed)
    random_orders = [draw.permutation(CELLS**2).astype(float) for _ in range(NUM_RANDOM)]
    maps = [_rank(_cells(heat_map.values), draw), _rank(_blob(), draw), _rank(_cells(randomized.values), draw)]
    scores = _scores(classifier, heat_map, [*maps, *random_orders])
    own, blob, other, *random = scores
    best = max(random, key=lambda score: score.score)
    mean = OrderScore(float(np.mean([s.deletion for s in random])), float(np.mean([s.insertion for s in random])))
    return Faithfulness(
        own=own,
        random=mean,
        best_random=best,
        blob=blob,
        randomized=other,
        similarity=_correlation(heat_map.values, randomized.values),
        says_something=not heat_map.is_empty and own.score > max(best.score, blob.score),
    )


def _cells(values: Float[np.ndarray, "S S"]) -> np.ndarray:
    """Mean heat of each cell, [CELLS²]."""
    return F.adaptive_avg_pool2d(torch.from_numpy(values.astype(np.float32))[None], CELLS).flatten().numpy()


def _rank(values: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The rank of each value, 0 for the smallest; equal values in random order, so that their place means nothing."""
    order = np.lexsort((draw.permutation(len(values)), values))
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values))
    return ranks


def _blob() -> np.ndarray:
    """Closeness of each cell to the middle."""
    places = np.arange(CELLS) - (CELLS - 1) / 2
    return np.asarray(-np.hypot(*np.meshgrid(places, places)).ravel())


def _on_random_weights(
    classifier: Classifier, heat_maps: Sequence[AttributionMap], seed: int
) -> list[AttributionMap]:
    """The maps that the same methods make of the same images when every weight is shuffled within its layer."""
    generator = torch.Generator().manual_seed(seed)
    parameters = list(classifier.network.parameters())
    kept = [parameter.detach().clone() for parameter in parameters]
    try:
        with torch.no_grad():
            for parameter in parameters:
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
        return [
            attribute(classifier, each.image, each.target, method=each.method, layer=each.layer, against=each.against)
            for each in heat_maps
        ]
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)


def _scores(classifier: Classifier, heat_map: AttributionMap, orders: Sequence[np.ndarray]) -> list[OrderScore]:
    """Deletion and insertion of every order, by forward passes alone."""
    target = classifier.classes.index(heat_map.target)
    other = None if heat_map.against is None else classifier.classes.index(heat_map.against)
    x = normalize(torch.from_numpy(heat_map.image.copy())[None], classifier.preprocessing)
    x = x.to(next(classifier.network.parameters()).device)
    gray = torch.zeros_like(x)  # the mean color of the training images
    scores = []
    with preserved(classifier.network), torch.no_grad():
        classifier.network.eval()
        for order in orders:
            masks = _masks(order, x)
            logits = classifier.network(torch.cat([torch.where(masks, gray, x), torch.where(masks, x, gray)]))
            if other is not None:  # the probability of the target among the two
                logits = logits[:, [target, other]]
            curve = logits.float().softmax(1)[:, target if other is None else 0].cpu().numpy()
            scores.append(OrderScore(float(curve[: STEPS + 1].mean()), float(curve[STEPS + 1 :].mean())))
    return scores


def _masks(order: np.ndarray, x: Tensor) -> Tensor:
    """Where the first cells of an order are, at each point of a curve: [STEPS + 1, 1, S, S]."""
    rank = np.empty(CELLS**2, int)
    rank[np.argsort(-order, kind="stable")] = np.arange(CELLS**2)
    counts = np.linspace(0, CELLS**2, STEPS + 1).round()
    chosen = torch.from_numpy(rank[None] < counts[:, None]).view(STEPS + 1, 1, CELLS, CELLS)
    return F.interpolate(chosen.float(), x.shape[-2:], mode="nearest").bool().to(x.device)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if first.std() == 0.0 or second.std() == 0.0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
