"""Whether a heat map means anything: pixels deleted and inserted in its order, against chance and a center blob."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from alexnet.data.decode import normalize
from alexnet.inspection.attribution import AttributionMap, attribute_all
from alexnet.inspection.pass_size import images_at_once
from alexnet.inspection.quick_passes import in_bfloat16, keeping_rounded_weights
from alexnet.inspection.recording import preserved
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Record

__all__ = ["Faithfulness", "OrderScore", "check_map", "check_maps"]

CELLS = 12
"""Cells a side into which an image is cut; they are deleted and inserted whole."""

STEPS = 12
"""Points of a curve besides its start."""

NUM_RANDOM = 8
"""Random orders that a map is compared with: half of them drawn, the others their reverses, which cost nothing."""

SAME = 0.8
"""Correlation with the map of random weights from which the two maps count as much the same."""

BATCH = 128
"""Partly covered images that pass through the network at once, at most."""


@dataclass(frozen=True)
class OrderScore(Record):
    """How the class's probability, or that among two classes, falls and rises in one order of the cells.

    Args:
        deletion: mean probability while cells are replaced by the mean color, most important first; low is good.
        insertion: mean probability while they come back into a gray image in that order; high is good.
        score: insertion minus deletion; higher is better.
    """

    deletion: float
    insertion: float

    @property
    def score(self) -> float:
        """Insertion minus deletion."""
        return self.insertion - self.deletion

    def to_dict(self) -> dict[str, object]:
        """As plain data, with the score."""
        return super().to_dict() | {"score": self.score}


@dataclass(frozen=True)
class Faithfulness(Record):
    """A heat map's order of cells compared with other orders.

    Args:
        own: in the order of the map.
        random: mean of random orders, with a score of 0, as each stands beside its reverse.
        best_random: the best of them by score.
        blob: from the center outwards.
        randomized: in the order of the same method's map of a network with random weights.
        similarity: correlation between the map and that of the random network; near 1, the map shows the image
            rather than the network.
        says_something: whether the map is better than every random order and than the blob.
        randomized_map: the same method's map of the network with random weights, [S, S], at least 0.
        is_empty: no pixel supports the class, so that the order of the cells is chance.
    """

    own: OrderScore
    random: OrderScore
    best_random: OrderScore
    blob: OrderScore
    randomized: OrderScore
    similarity: float
    says_something: bool
    randomized_map: Float32[np.ndarray, "S S"] = field(compare=False, repr=False)
    is_empty: bool = False

    def __str__(self) -> str:
        """For people: one sentence."""
        if self.is_empty:
            return "this map says nothing: no pixel supports the class"
        own, blob = f"score {self.own.score:.2f} (insertion minus deletion; 0: chance, 1: best)", self.blob.score
        best = f"the best of {NUM_RANDOM} random orders {self.best_random.score:.2f}"
        if self.says_something:
            verdict = f"this map points at what the network uses: {own}, {best}, a blob in the middle {blob:.2f}"
        elif self.own.score <= blob:
            verdict = f"this map is no better than a blob in the middle: {own} against {blob:.2f}"
        else:
            verdict = f"this map is no better than chance: {own}, {best}"
        if self.similarity < SAME:
            return verdict
        return (
            f"{verdict}; with random weights it is much the same (correlation {self.similarity:.2f}), "
            "so it may show the image rather than what the network has learned"
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
    classifier: Classifier,
    heat_maps: Sequence[AttributionMap],
    *,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> tuple[Faithfulness, ...]:
    """Test several heat maps, each as `check_map` does, against one and the same network of random weights.

    Args:
        seed: of the random orders and weights.
        on_progress: called with (maps tested, maps in all).
    """
    if not heat_maps:
        return ()  # drawing the weights of a large network takes a moment
    randomized, tests = _on_random_weights(classifier, heat_maps, seed), []
    with keeping_rounded_weights():
        for pair in zip(heat_maps, randomized, strict=True):
            tests.append(_check(classifier, *pair, seed))
            if on_progress:
                on_progress(len(tests), len(heat_maps))
    return tuple(tests)


def _check(classifier: Classifier, heat_map: AttributionMap, randomized: AttributionMap, seed: int) -> Faithfulness:
    draw = np.random.default_rng(seed)
    drawn = [draw.permutation(CELLS**2).astype(float) for _ in range(NUM_RANDOM // 2)]
    maps = [_rank(_cells(heat_map.values), draw), _rank(_blob(), draw), _rank(_cells(randomized.values), draw)]
    own, blob, other, *random = _scores(classifier, heat_map, [*maps, *drawn])
    # cells deleted in one order are those that have not come back in its reverse
    random += [OrderScore(deletion=score.insertion, insertion=score.deletion) for score in random]
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
        randomized_map=randomized.values,
        is_empty=heat_map.is_empty,
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
    """The same methods' maps of the same images with random weights, of each layer's mean and standard deviation."""
    generator = torch.Generator().manual_seed(seed)
    parameters = list(classifier.network.parameters())
    kept = [parameter.detach().clone() for parameter in parameters]
    try:
        with torch.no_grad():
            for parameter in parameters:
                spread = float(parameter.std(correction=0))
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread + parameter.mean().cpu())
        return _made_again(classifier, heat_maps)
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)


def _made_again(classifier: Classifier, heat_maps: Sequence[AttributionMap]) -> list[AttributionMap]:
    """The same maps by the network as it is now; those of one method and layer together."""
    made: dict[int, AttributionMap] = {}
    for method, layer in dict.fromkeys((each.method, each.layer) for each in heat_maps):
        places = [place for place, each in enumerate(heat_maps) if (each.method, each.layer) == (method, layer)]
        same = [heat_maps[place] for place in places]
        maps = attribute_all(
            classifier,
            [each.image for each in same],
            [each.target for each in same],
            method=method,
            layer=layer,
            against=[each.against for each in same],
        )
        made |= dict(zip(places, maps, strict=True))
    return [made[place] for place in range(len(heat_maps))]


def _scores(classifier: Classifier, heat_map: AttributionMap, orders: Sequence[np.ndarray]) -> list[OrderScore]:
    """Deletion and insertion of every order, by forward passes alone; rounding hardly changes means of many."""
    image = normalize(torch.from_numpy(heat_map.image.copy())[None], classifier.preprocessing)
    image = image.to(next(classifier.network.parameters()).device)
    gray = torch.zeros_like(image)  # the mean color of the training images
    # both curves of every order; the whole image and the gray one, which all curves share, once
    covered = torch.cat([_covered(order, image) for order in orders])
    steps, at_once = STEPS - 1, min(BATCH // 2, images_at_once(classifier.preprocessing.size))
    with preserved(classifier.network), torch.no_grad(), in_bfloat16(image):
        classifier.network.eval()
        whole, nothing = _probabilities(classifier, heat_map, torch.cat([image, gray]))
        parts = [
            torch.cat([torch.where(masks, gray, image), torch.where(masks, image, gray)])
            for masks in torch.split(covered, at_once)
        ]
        curves = [_probabilities(classifier, heat_map, x).reshape(2, -1) for x in parts]
    ends = float(whole + nothing)
    sums = np.concatenate(curves, axis=1).reshape(2, len(orders), steps).sum(2)
    return [OrderScore(*((float(value) + ends) / (STEPS + 1) for value in pair)) for pair in sums.T]


def _probabilities(classifier: Classifier, heat_map: AttributionMap, x: Tensor) -> np.ndarray:
    """The target's probability in each image of the network's input, or that among the two classes compared."""
    target, logits = classifier.classes.index(heat_map.target), classifier.network(x).float()
    if heat_map.against is None:
        return np.asarray(logits.softmax(1)[:, target].cpu())
    return np.asarray(logits[:, [target, classifier.classes.index(heat_map.against)]].softmax(1)[:, 0].cpu())


def _covered(order: np.ndarray, image: Tensor) -> Tensor:
    """Where the first cells of an order are, at each point of a curve between its ends: [STEPS - 1, 1, S, S]."""
    rank = np.empty(CELLS**2, int)
    rank[np.argsort(-order, kind="stable")] = np.arange(CELLS**2)
    counts = np.linspace(0, CELLS**2, STEPS + 1)[1:-1].round()
    chosen = torch.from_numpy(rank[None] < counts[:, None]).view(STEPS - 1, 1, CELLS, CELLS)
    return F.interpolate(chosen.float(), image.shape[-2:], mode="nearest").bool().to(image.device)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if first.std() == 0.0 or second.std() == 0.0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
